//! A pool whose connections can all be replaced.
//!
//! A connection that waits for an answer cannot be used again. When the other side is gone without closing it (a stopped
//! machine, a network that drops packets), it would stay in its pool until TCP gives up, which takes many minutes.
//!
//! The pools before the current one may still have connections in use. They count: who uses a connection has a permit, of
//! which there are as many as there may be connections, and keeps it until the connection is closed or back in its pool.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{Connection, Database, Pool, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::StoreError;

/// How long a connection over a network may take to come back after use; then it is closed, because the other side is gone.
const RETURN_TIMEOUT: Duration = Duration::from_secs(2);
/// The most connections that are kept outside of a pool, and for how long while nobody uses them.
const KEPT: usize = 2;
const KEPT_FOR: Duration = Duration::from_secs(60);

/// A pool that can be replaced by a new one.
pub struct RenewablePool<DB: Database> {
    options: PoolOptions<DB>,
    connect: <DB::Connection as Connection>::Options,
    current: RwLock<Current<DB>>,
    permits: Arc<Semaphore>,
    guarded: Option<Guarded<DB>>,
}

/// Says which connections may be read from.
pub trait Guard<DB: Database>: Send + Sync {
    /// Whether any may.
    fn is_open(&self) -> bool;
    /// Whether this one may.
    fn admits<'c>(&'c self, connection: &'c mut DB::Connection) -> BoxFuture<'c, bool>;
    /// From now on none may, because what they lead to does this.
    fn close(&self, why: &str);
}

struct Guarded<DB: Database> {
    guard: Arc<dyn Guard<DB>>,
    /// Whose connections are used instead.
    otherwise: Arc<RenewablePool<DB>>,
}

struct Current<DB: Database> {
    pool: Pool<DB>,
    since: Instant,
    /// Closed, and not to be replaced.
    suspended: bool,
    /// Connections that were taken out of the pool, and since when they are idle.
    kept: Vec<(DB::Connection, Instant)>,
}

/// A connection that is not in its pool: see [`RenewablePool::take`].
pub struct Taken<DB: Database> {
    pub connection: DB::Connection,
    /// That of its pool.
    since: Instant,
}

/// A connection in use.
pub struct Leased<DB: Database> {
    connection: PoolConnection<DB>,
    permit: Option<OwnedSemaphorePermit>,
    /// Something on it is not at its end, so that it is closed rather than given to another one.
    must_close: bool,
}

impl<DB: Database> RenewablePool<DB> {
    /// A pool that has no connection yet.
    pub fn new(options: PoolOptions<DB>, connect: <DB::Connection as Connection>::Options) -> Self {
        let permits = Arc::new(Semaphore::new(options.get_max_connections() as usize));
        let pool = options.clone().connect_lazy_with(connect.clone());
        let current = RwLock::new(Current::of(pool));
        Self { options, connect, current, permits, guarded: None }
    }

    /// The same, but who asks for a connection that `guard` does not admit gets one of `otherwise`.
    pub fn guarded(self, guard: Arc<dyn Guard<DB>>, otherwise: Arc<RenewablePool<DB>>) -> Self {
        Self { guarded: Some(Guarded { guard, otherwise }), ..self }
    }

    /// The current pool.
    pub fn get(&self) -> Pool<DB> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).pool.clone()
    }

    /// A connection of the current pool.
    pub fn connection(&self) -> BoxFuture<'static, Result<PoolConnection<DB>, sqlx::Error>> {
        acquire(self.get())
    }

    /// A connection to use once, and to give back with [`RenewablePool::keep`] when that went well. It does not go through the pool,
    /// which asks each connection that comes back whether it is alive: after a commit that would be one more round trip.
    ///
    /// # Errors
    /// None can be made, or all are in use.
    pub async fn take(&self) -> Result<Taken<DB>, sqlx::Error> {
        let (pool, since) = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            let since = current.since;
            if let Some((connection, idle)) = current.kept.pop() {
                if idle.elapsed() < KEPT_FOR {
                    return Ok(Taken { connection, since });
                }
                // Something on the way may have forgotten it.
                tokio::spawn(timeout(RETURN_TIMEOUT, connection.close()));
            }
            (current.pool.clone(), since)
        };
        Ok(Taken { connection: acquire(pool).await?.detach(), since })
    }

    /// Keeps a connection on which everything is at its end, unless its pool was replaced.
    pub fn keep(&self, Taken { connection, since }: Taken<DB>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.since == since && !current.suspended && current.kept.len() < KEPT {
            current.kept.push((connection, Instant::now()));
        }
    }

    /// A transaction on a connection of the current pool.
    pub fn begin(&self, begin: &'static str) -> BoxFuture<'static, Result<Transaction<'static, DB>, sqlx::Error>> {
        let pool = self.get();
        Box::pin(async move { pool.begin_with(begin).await })
    }

    /// A connection that may be read from.
    ///
    /// # Errors
    /// As [`RenewablePool::lease`].
    pub async fn acquire(&self) -> Result<Leased<DB>, StoreError> {
        let Some(Guarded { guard, otherwise }) = &self.guarded else { return self.lease().await };
        if guard.is_open() {
            match self.lease().await {
                Ok(mut connection) => {
                    if guard.admits(connection.reads()).await {
                        connection.has_ended();
                        return Ok(connection);
                    }
                    guard.close("does not answer, or is behind what it was");
                }
                Err(StoreError::Busy) => return Err(StoreError::Busy),
                Err(error) => {
                    guard.close(&format!("cannot be asked: {error}"));
                }
            }
        }
        otherwise.lease().await
    }

    /// A connection, whatever it leads to; at no time are more open than the pool may have, those of earlier pools included.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when all are in use for as long as a connection may be waited for; or none can be made.
    pub async fn lease(&self) -> Result<Leased<DB>, StoreError> {
        let permit = timeout(self.options.get_acquire_timeout(), Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| StoreError::Busy)?.ok();
        loop {
            match self.connection().await {
                Ok(connection) => return Ok(Leased { connection, permit, must_close: false }),
                // It was replaced meanwhile.
                Err(sqlx::Error::PoolClosed) if !self.get().is_closed() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Replaces the pool, after something failed that began at `began`; does nothing when it has been replaced since. A
    /// connection in use stays open until it is returned.
    pub fn renew(&self, began: Instant) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.since <= began && !current.suspended {
            let fresh = self.fresh();
            let before = std::mem::replace(&mut *current, fresh);
            if let Ok(runtime) = Handle::try_current() {
                // Those that are idle are closed at once, the others when they come back.
                runtime.spawn(async move { before.close().await });
            }
        }
    }

    /// Opens no connection from now on; ready when every one is closed.
    pub async fn suspend(&self) {
        let current = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.suspended = true;
            Current { kept: std::mem::take(&mut current.kept), ..Current::of(current.pool.clone()) }
        };
        current.close().await;
    }

    /// Opens connections again.
    pub fn resume(&self) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = self.fresh();
    }

    fn fresh(&self) -> Current<DB> {
        Current::of(self.options.clone().connect_lazy_with(self.connect.clone()))
    }
}

/// A connection of a pool.
///
/// On the heap, as [`RenewablePool::begin`]: the driver's future has room for making a connection, 17 kB, which would be in the
/// future of every request, several times, and be copied with it.
fn acquire<DB: Database>(pool: Pool<DB>) -> BoxFuture<'static, Result<PoolConnection<DB>, sqlx::Error>> {
    Box::pin(async move { pool.acquire().await })
}

impl<DB: Database> Current<DB> {
    fn of(pool: Pool<DB>) -> Self {
        Self { pool, since: Instant::now(), suspended: false, kept: Vec::new() }
    }

    /// Closes what is idle, and waits for the rest.
    async fn close(self) {
        for (connection, _) in self.kept {
            // The other side may be gone, and it is closed all the same.
            let _: Result<_, _> = timeout(RETURN_TIMEOUT, connection.close()).await;
        }
        self.pool.close().await;
    }
}

impl<DB: Database> Leased<DB> {
    /// A list is read from now on. Until [`Leased::has_ended`], a connection over a network is closed when this is dropped:
    /// before it could be used again, the driver would have to receive the rest of the list.
    pub fn reads(&mut self) -> &mut DB::Connection {
        self.must_close = DB::NAME != "SQLite";
        &mut self.connection
    }

    /// A transaction is begun. Until [`Leased::has_ended`], the connection is closed when this is dropped.
    pub fn begins(&mut self) -> &mut DB::Connection {
        self.must_close = true;
        &mut self.connection
    }

    /// The list has been read to its end, or the transaction has ended.
    pub fn has_ended(&mut self) {
        self.must_close = false;
    }
}

impl<DB: Database> Deref for Leased<DB> {
    type Target = DB::Connection;
    fn deref(&self) -> &DB::Connection {
        &self.connection
    }
}

impl<DB: Database> DerefMut for Leased<DB> {
    fn deref_mut(&mut self) -> &mut DB::Connection {
        &mut self.connection
    }
}

impl<DB: Database> Drop for Leased<DB> {
    fn drop(&mut self) {
        // SQLite is in this process: a statement that is still being run ends, and has its handle until then.
        let is_remote = DB::NAME != "SQLite";
        if self.must_close {
            return self.connection.close_on_drop();
        }
        let returning = self.connection.return_to_pool();
        let Some(permit) = self.permit.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            match is_remote {
                true => drop(timeout(RETURN_TIMEOUT, returning).await),
                false => returning.await,
            }
            drop(permit);
        });
    }
}

impl<DB: Database> fmt::Debug for Leased<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased").field("must_close", &self.must_close).finish_non_exhaustive()
    }
}

impl<DB: Database> fmt::Debug for RenewablePool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
