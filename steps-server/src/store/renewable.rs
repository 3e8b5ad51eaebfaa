//! A pool of connections that can be given up as a whole.
//!
//! A connection on which an answer is outstanding cannot be used again, and where the other side is gone without a
//! word (a stopped machine, a network that swallows packets) it would stay in its pool for as long as TCP hopes.

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

    /// The pool of the moment.
    pub fn get(&self) -> Pool<DB> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    /// Begins with new connections, after something failed that began at `began`. Where that has been done since, these
    /// are new already. Whoever holds an old connection keeps it to its end.
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
