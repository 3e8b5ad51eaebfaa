//! Transactions of either database.

use std::sync::Arc;

use sqlx::{Executor as _, MySql, Sqlite, Transaction};
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::open::ACQUIRE_TIMEOUT;
use super::renewable::{Leased, RenewablePool};
use super::{Pools, Store, StoreError};

/// A transaction; dropped without a commit it changes nothing.
#[derive(Debug)]
pub enum Tx {
    MySql(Transaction<'static, MySql>),
    /// With the database whose file is looked at before and after the commit, and the turn to write.
    Sqlite(Transaction<'static, Sqlite>, Arc<Pools<Sqlite>>, OwnedMutexGuard<()>),
    /// It only reads.
    ReadingMySql(Leased<MySql>),
    ReadingSqlite(Leased<Sqlite>),
}

/// Runs one body with the connection of whichever database it is.
macro_rules! with_connection {
    ($tx:expr, $connection:ident => $body:expr) => {
        match $tx {
            $crate::store::transaction::Tx::MySql(tx) => {
                let $connection = &mut **tx;
                $body
            }
            $crate::store::transaction::Tx::Sqlite(tx, ..) => {
                let $connection = &mut **tx;
                $body
            }
            $crate::store::transaction::Tx::ReadingMySql(connection) => {
                let $connection = &mut **connection;
                $body
            }
            $crate::store::transaction::Tx::ReadingSqlite(connection) => {
                let $connection = &mut **connection;
                $body
            }
        }
    };
}
pub(super) use with_connection;

impl Store {
    /// Begins to record.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::MySql(pools) => Tx::MySql(pools.write.begin(pools.begin).await?),
            Self::Sqlite(pools) => Tx::begin_sqlite(pools).await?,
        })
    }

    /// Begins to read: all of it sees what there was at its first query. [`Tx::end`] gives the connection back; it is closed
    /// where that is not called.
    pub(super) async fn begin_reading(&self) -> Result<Tx, StoreError> {
        match self {
            Self::MySql(pools) => Tx::begin_reading_mysql(&pools.read).await,
            Self::Sqlite(pools) => Tx::begin_reading_sqlite(&pools.read).await,
        }
    }

    /// The same for the log of events, on its own connection.
    pub(super) async fn begin_reading_events(&self) -> Result<Tx, StoreError> {
        match self {
            Self::MySql(pools) => Tx::begin_reading_mysql(&pools.events).await,
            Self::Sqlite(pools) => Tx::begin_reading_sqlite(&pools.events).await,
        }
    }

    /// Begins to write to the log of events: on MySQL on its own connection.
    pub(super) async fn begin_events(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::MySql(pools) => Tx::MySql(pools.events.begin(pools.begin).await?),
            Self::Sqlite(pools) => Tx::begin_sqlite(pools).await?,
        })
    }

    /// Begins to read what is to be folded, on the projector's connection.
    pub async fn begin_reading_changes(&self) -> Result<Tx, StoreError> {
        match self {
            Self::MySql(pools) => Tx::begin_reading_mysql(&pools.project).await,
            Self::Sqlite(pools) => Tx::begin_reading_sqlite(&pools.project).await,
        }
    }

    /// Begins to write what was folded: on MySQL not on the recorder's connections.
    pub async fn begin_projection(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::MySql(pools) => Tx::MySql(pools.project.begin(pools.begin).await?),
            Self::Sqlite(pools) => Tx::begin_sqlite(pools).await?,
        })
    }
}

impl Store {
    /// Writes something that changes nothing, to see whether writing works.
    ///
    /// # Errors
    /// It does not.
    pub async fn probe_writing(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.lock_projection().await?;
        tx.commit().await
    }
}

impl Pools<Sqlite> {
    /// Waits until nobody else writes. The file must be the one at its path then.
    pub(super) async fn turn(&self) -> Result<OwnedMutexGuard<()>, StoreError> {
        let turn = timeout(ACQUIRE_TIMEOUT, Arc::clone(&self.turn).lock_owned()).await;
        let turn = turn.map_err(|_| self.why(sqlx::Error::PoolTimedOut))?;
        self.check_file()?;
        Ok(turn)
    }
}

impl Tx {
    async fn begin_reading_mysql(pool: &RenewablePool<MySql>) -> Result<Self, StoreError> {
        let mut connection = pool.acquire().await?;
        connection.begins().execute("START TRANSACTION").await?;
        Ok(Self::ReadingMySql(connection))
    }

    async fn begin_reading_sqlite(pool: &RenewablePool<Sqlite>) -> Result<Self, StoreError> {
        let mut connection = pool.acquire().await?;
        connection.begins().execute("BEGIN").await?;
        Ok(Self::ReadingSqlite(connection))
    }

    async fn begin_sqlite(pools: &Arc<Pools<Sqlite>>) -> Result<Self, StoreError> {
        let turn = pools.turn().await?;
        let begun = pools.write.begin(pools.begin).await.map_err(|error| pools.why(error))?;
        Ok(Self::Sqlite(begun, Arc::clone(pools), turn))
    }

    /// Whether it is of SQLite.
    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(..) | Self::ReadingSqlite(_))
    }

    /// Ends what only reads.
    pub async fn end(mut self) -> Result<(), StoreError> {
        with_connection!(&mut self, connection => connection.execute("ROLLBACK").await.map(drop)?);
        match &mut self {
            Self::ReadingMySql(connection) => connection.has_ended(),
            Self::ReadingSqlite(connection) => connection.has_ended(),
            Self::MySql(_) | Self::Sqlite(..) => {}
        }
        Ok(())
    }

    /// Commits. On SQLite the file must be the one at its path, before and after: only then is what is committed to be found.
    ///
    /// # Errors
    /// The database does not; whether it has is then unknown.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::MySql(tx) => tx.commit().await?,
            Self::ReadingMySql(_) | Self::ReadingSqlite(_) => self.end().await?,
            Self::Sqlite(tx, pools, _turn) => {
                pools.check_file()?;
                tx.commit().await.map_err(|error| pools.why(error))?;
                pools.check_file()?;
            }
        }
        Ok(())
    }
}
