//! Every SQL statement, each written once for both databases. Knows no HTTP.

mod deployments;
mod error;
mod filter;
mod migrate;
mod open;
mod projection;
mod record;
mod samples;
mod steps;
mod transaction;

use std::sync::Arc;

use sqlx::{MySql, Pool, Sqlite};

pub use error::StoreError;
pub use open::{OpenError, OpenOptions};
pub use projection::{Change, DeploymentRow, FoldRow, Names, StepEnd, StreamKey};
pub use steps::Rows;
pub use transaction::Tx;

/// The database: MySQL (or what speaks its protocol), or an SQLite file.
#[derive(Debug, Clone)]
pub enum Store {
    /// MySQL, MariaDB and their kin.
    MySql(Arc<Pools<MySql>>),
    /// An embedded file.
    Sqlite(Arc<Pools<Sqlite>>),
}

/// Reading and writing never wait for each other's connections.
#[derive(Debug)]
pub struct Pools<DB: sqlx::Database> {
    read: Pool<DB>,
    write: Pool<DB>,
    /// The projector's connections; SQLite has one writer, so they are the same there.
    project: Pool<DB>,
    /// How a writing transaction begins. SQLite must take its lock at once: a transaction that read first and
    /// then wants to write can fail with "database is locked".
    begin: &'static str,
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
    /// Asks the database whether it answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        with_pools!(self, pools => sqlx::query("SELECT 1").execute(&pools.read).await.map(drop)?);
        Ok(())
    }

    /// Closes every connection.
    pub async fn close(&self) {
        with_pools!(self, pools => {
            pools.read.close().await;
            pools.write.close().await;
            pools.project.close().await;
        });
    }
}
