//! Writing transactions of either database.

use std::sync::Arc;

use sqlx::{MySql, Sqlite, Transaction};

use super::{Pools, Store, StoreError};

/// A transaction that writes; dropped without a commit it changes nothing.
#[derive(Debug)]
pub enum Tx {
    MySql(Transaction<'static, MySql>),
    /// With the database whose file is looked at before and after the commit.
    Sqlite(Transaction<'static, Sqlite>, Arc<Pools<Sqlite>>),
}

/// Runs one body with the connection of whichever database it is.
macro_rules! with_connection {
    ($tx:expr, $connection:ident => $body:expr) => {
        match $tx {
            $crate::store::transaction::Tx::MySql(tx) => {
                let $connection = &mut **tx;
                $body
            }
            $crate::store::transaction::Tx::Sqlite(tx, _) => {
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
            Self::Sqlite(pools) => Tx::begin_sqlite(pools).await?,
        })
    }

    /// Begins to fold: on MySQL not on the recorder's connections.
    pub async fn begin_projection(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::MySql(pools) => Tx::MySql(pools.project.get().begin_with(pools.begin).await?),
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

impl Tx {
    async fn begin_sqlite(pools: &Arc<Pools<Sqlite>>) -> Result<Self, StoreError> {
        pools.check_file()?;
        Ok(Self::Sqlite(pools.write.get().begin_with(pools.begin).await?, Arc::clone(pools)))
    }

    /// Commits. On SQLite the file must be the one at its path, before and after: only then is what is committed to be found.
    ///
    /// # Errors
    /// The database does not; whether it has is then unknown.
    pub async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::MySql(tx) => tx.commit().await?,
            Self::Sqlite(tx, pools) => {
                pools.check_file()?;
                tx.commit().await?;
                pools.check_file()?;
            }
        }
        Ok(())
    }
}
