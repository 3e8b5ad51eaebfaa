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
}

impl<DB: Database> RenewablePool<DB> {
    /// A pool that has no connection yet.
    pub fn new(options: PoolOptions<DB>, connect: <DB::Connection as Connection>::Options) -> Self {
        let pool = options.clone().connect_lazy_with(connect.clone());
        Self { options, connect, current: RwLock::new(Current { pool, since: Instant::now() }) }
    }

    /// The current pool.
    pub fn get(&self) -> Pool<DB> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    /// Replaces the pool, after something failed that began at `began`; does nothing when it has been replaced since. A
    /// connection in use stays open until it is returned.
    pub fn renew(&self, began: Instant) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.since <= began {
            let pool = self.options.clone().connect_lazy_with(self.connect.clone());
            *current = Current { pool, since: Instant::now() };
        }
    }
}

impl<DB: Database> fmt::Debug for RenewablePool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
