//! Writing transactions of either database.

use sqlx::{MySql, Sqlite, Transaction};

use super::{Store, StoreError};

/// A transaction that writes; dropped without a commit it changes nothing.
#[derive(Debug)]
pub enum Tx {
    MySql(Transaction<'static, MySql>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// Runs one body with the connection of whichever database it is.
macro_rules! with_connection {
    ($tx:expr, $connection:ident => $body:expr) => {
        match $tx {
            $crate::store::transaction::Tx::MySql(tx) => {
                let $connection = &mut **tx;
                $body
            }
            $crate::store::transaction::Tx::Sqlite(tx) => {
                let $connection = &mut **tx;
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
            Self::MySql(pools) => Tx::MySql(pools.write.get().begin_with(pools.begin).await?),
            Self::Sqlite(pools) => Tx::Sqlite(pools.write.get().begin_with(pools.begin).await?),
        })
    }

    /// Begins to fold: on MySQL not on the recorder's connections.
    pub async fn begin_projection(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::MySql(pools) => Tx::MySql(pools.project.get().begin_with(pools.begin).await?),
            Self::Sqlite(pools) => Tx::Sqlite(pools.project.get().begin_with(pools.begin).await?),
        })
    }
}

impl Tx {
    /// Commits.
    ///
    /// # Errors
    /// The database does not; whether it has is then unknown.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::MySql(tx) => tx.commit().await?,
            Self::Sqlite(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
