//! Every SQL statement, each written once for both databases. Knows no HTTP.

mod at_once;
mod backup_file;
mod changes;
mod copying;
mod day;
mod days;
mod deployments;
mod derived;
mod error;
mod event_pages;
mod events;
mod exclusions;
mod figures;
mod file;
mod filter;
mod fold_rows;
mod fold_write;
mod keep_file;
mod maintenance;
mod migrate;
mod mysql;
mod notes;
mod open;
mod overview;
mod packing;
mod projection;
mod reader;
mod record;
mod renewable;
mod replica;
mod restore;
mod samples;
mod series;
mod sessions;
mod statements;
mod steps;
mod timeline;
mod timelines;
mod tokens;
mod transaction;
mod turns;
mod url;

use std::sync::Arc;

use sqlx::{MySql, Sqlite};
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use changes::{BUCKETS, Bucket, NextChanges, buckets_of};
pub use day::Figure;
pub use days::{buckets_of_days, day_of};
pub use error::StoreError;
pub use events::{NewEvent, Place};
pub use exclusions::Exclusion;
pub use figures::{Figures, NAMES, Name};
pub use file::FileProblem;
pub use fold_rows::{Change, DeploymentRow, FoldRow, PartRow, StepsOf, StreamKey};
pub use maintenance::{Doomed, DoomedDeployment};
pub use open::{OpenError, OpenOptions};
pub use reader::{Access, Limits, Reader};
pub use record::{EarlierStart, EndedSpan, NewRow, StoredStep, Writes};
pub use restore::restore;
pub use samples::{SampleRow, StepSample};
pub use series::{Series, SeriesKey, SeriesRow, StepOf};
pub use sessions::StoredSession;
pub use steps::Rows;
pub use timeline::{Entry, LAYOUT, Part, pack, unpack};
pub use timelines::Timeline;
pub use tokens::StoredToken;
pub use transaction::Tx;
pub use turns::Turns;
pub use url::DatabaseUrl;

use at_once::SeveralAtOnce;
use keep_file::SqliteFile;
use renewable::RenewablePool;
use replica::Replica;

/// The database: MySQL (or what speaks its protocol), or an SQLite file.
#[derive(Debug, Clone)]
pub enum Store {
    /// MySQL, MariaDB and what else speaks their protocol.
    MySql(Arc<Pools<MySql>>),
    /// An embedded file.
    Sqlite(Arc<Pools<Sqlite>>),
}

impl Store {
    /// What it is called.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MySql(_) => "MySQL",
            Self::Sqlite(_) => "SQLite",
        }
    }
}

/// Reading and writing never wait for each other's connections.
#[derive(Debug)]
pub struct Pools<DB: sqlx::Database> {
    read: Arc<RenewablePool<DB>>,
    write: Arc<RenewablePool<DB>>,
    /// The projector's connections; on SQLite one to read with, because there is one writer.
    project: Arc<RenewablePool<DB>>,
    /// For reading tokens: who waits for a connection must not wait for lists, nor for folds.
    tokens: Arc<RenewablePool<DB>>,
    /// For the log of events, whoever reads it.
    events: Arc<RenewablePool<DB>>,
    /// How a writing transaction begins. SQLite must take its lock at once: a transaction that read first and
    /// then wants to write can fail with "database is locked".
    begin: &'static str,
    /// Of SQLite: who has it writes. Others wait here, because SQLite would let them look again and again.
    turn: Arc<Mutex<()>>,
    /// Of SQLite: the file that is open.
    file: Option<SqliteFile>,
    several_at_once: SeveralAtOnce,
    /// Of MySQL: from where questions are answered when it has everything.
    replica: Option<Replica>,
}

/// Runs one body with the pools of whichever database it is: the text is the same, the types differ.
macro_rules! with_pools {
    ($store:expr, $pools:ident => $body:expr) => {
        match $store {
            $crate::store::Store::MySql($pools) => $body,
            $crate::store::Store::Sqlite($pools) => $body,
        }
    };
}
use with_pools;

impl Store {
    /// Reads from a table, because a node outside its cluster still accepts connections and answers `SELECT 1`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let read = "SELECT turn FROM projection WHERE id = 1";
        with_pools!(self, pools => sqlx::query(read).execute(&mut *pools.read.acquire().await?).await.map(drop)?);
        Ok(())
    }

    /// Whether folding and recording wait for each other.
    #[must_use]
    pub fn has_one_writer(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Replaces the connections for reading, after a read that began at `began` was not answered in time.
    pub fn renew_readers(&self, began: Instant) {
        with_pools!(self, pools => {
            pools.read.renew(began);
            if let Some(replica) = &pools.replica {
                replica.renew(began);
            }
        });
    }

    /// Replaces the connections for recording, after a commit that began at `began` failed. SQLite may have rolled back by
    /// itself, when the disk is full for instance, and its driver does not notice that the transaction is over.
    pub fn renew_writers(&self, began: Instant) {
        with_pools!(self, pools => pools.write.renew(began));
    }

    /// The same for the projector's connections.
    pub fn renew_projectors(&self, began: Instant) {
        with_pools!(self, pools => pools.project.renew(began));
        if self.has_one_writer() {
            self.renew_writers(began);
        }
    }

    /// Closes every connection, so that an SQLite file is whole without its log.
    pub async fn close(&self) {
        with_pools!(self, pools => {
            pools.read.get().close().await;
            let _turn = pools.turn.lock().await;
            pools.write.suspend().await;
            pools.project.get().close().await;
            pools.tokens.get().close().await;
            pools.events.get().close().await;
            if let Some(replica) = &pools.replica {
                replica.close().await;
            }
            if let Some(file) = &pools.file {
                file.close().await;
            }
        });
    }
}
