//! A pool whose connections can all be replaced.
//!
//! A connection that waits for an answer cannot be used again. When the other side is gone without closing it (a stopped
//! machine, a network that drops packets), it would stay in its pool until TCP gives up, which takes many minutes.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use sqlx::pool::PoolOptions;
use sqlx::{Connection, Database, Pool};
use tokio::time::Instant;

/// A pool that can be replaced by a new one.
pub struct RenewablePool<DB: Database> {
    options: PoolOptions<DB>,
    connect: <DB::Connection as Connection>::Options,
    current: RwLock<Current<DB>>,
}

struct Current<DB: Database> {
    pool: Pool<DB>,
    since: Instant,
    /// Closed, and not to be replaced.
    suspended: bool,
}

impl<DB: Database> RenewablePool<DB> {
    /// A pool that has no connection yet.
    pub fn new(options: PoolOptions<DB>, connect: <DB::Connection as Connection>::Options) -> Self {
        let pool = options.clone().connect_lazy_with(connect.clone());
        let current = RwLock::new(Current { pool, since: Instant::now(), suspended: false });
        Self { options, connect, current }
    }

    /// The current pool.
    pub fn get(&self) -> Pool<DB> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    /// Replaces the pool, after something failed that began at `began`; does nothing when it has been replaced since. A
    /// connection in use stays open until it is returned.
    pub fn renew(&self, began: Instant) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.since <= began && !current.suspended {
            *current = self.fresh();
        }
    }

    /// Opens no connection from now on; ready when every one is closed.
    pub async fn suspend(&self) {
        let pool = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.suspended = true;
            current.pool.clone()
        };
        pool.close().await;
    }

    /// Opens connections again.
    pub fn resume(&self) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = self.fresh();
    }

    fn fresh(&self) -> Current<DB> {
        let pool = self.options.clone().connect_lazy_with(self.connect.clone());
        Current { pool, since: Instant::now(), suspended: false }
    }
}

impl<DB: Database> fmt::Debug for RenewablePool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
