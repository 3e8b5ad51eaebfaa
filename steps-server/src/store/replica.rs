//! Reading from a replica of MySQL, so that no answer misses what was committed before its question.
//!
//! A question first writes a mark into the database, and is then read from the replica as soon as that shows the mark: replicas
//! apply transactions in the order of their commits, so everything that was committed before the mark is there, too. What is
//! compared is a number in a table of ours, so that it does not matter how a replica follows, nor whether it is one at all: where
//! no mark arrives, everything is read from the writer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::{MySql, MySqlConnection};
use steps_shared::{StepId, Timestamp};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use uuid::Uuid;

use super::renewable::{Guard, RenewablePool};
use super::{Access, Pools, Reader, Store, StoreError, with_pools};

/// For how long everything is read from the writer after the replica was behind or did not answer.
const PAUSE: Duration = Duration::from_secs(5);
/// How often a question looks for its mark: first, and at last.
const POLL: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
/// How long a connection may take to show that it is as new as the replica was before.
const CHECK_TIMEOUT: Duration = Duration::from_millis(500);
/// For how long the mark of a server is kept that writes none any more.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// A replica, and how new it is.
#[derive(Debug)]
pub(super) struct Replica {
    /// The same database, read from the replica.
    store: Store,
    pool: Arc<RenewablePool<MySql>>,
    freshness: Arc<Freshness>,
    /// When writing the last mark began, and its number. Who waits for the lock shares the next mark.
    last: tokio::sync::Mutex<Option<(Instant, i64)>>,
    /// Questions that were answered from the replica, and from the writer instead.
    answered: [AtomicU64; 2],
}

/// What the replica has shown.
#[derive(Debug)]
pub(super) struct Freshness {
    /// Whose marks they are.
    server: Uuid,
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// The newest mark that was shown; `None` while everything is read from the writer.
    shown: Option<i64>,
    /// When one question may try the replica again.
    retry_at: Option<Instant>,
}

impl State {
    /// Whether a question may try the replica: one at a time while it is not used.
    fn may_try(&mut self, now: Instant) -> bool {
        match self.retry_at {
            Some(at) if at > now => false,
            Some(_) => {
                self.retry_at = Some(now + PAUSE);
                true
            }
            None => true,
        }
    }

    /// The replica has shown a mark; whether it was not used before because it had failed.
    fn shows(&mut self, mark: i64) -> bool {
        self.shown = self.shown.max(Some(mark));
        self.retry_at.take().is_some()
    }

    /// It has failed; whether it was used before.
    fn fail(&mut self, now: Instant) -> bool {
        self.shown = None;
        self.retry_at.replace(now + PAUSE).is_none()
    }
}

impl Freshness {
    pub fn new() -> Self {
        Self { server: StepId::generate().0, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shows(&self, mark: i64) {
        if self.state().shows(mark) {
            tracing::info!("the replica is up to date again; reading from it");
        }
    }

    /// The number that the replica shows on this connection.
    async fn read(&self, connection: &mut MySqlConnection) -> Result<i64, StoreError> {
        let select = sqlx::query_scalar("SELECT mark FROM replica_marks WHERE server = ?").bind(self.server);
        Ok(select.fetch_optional(connection).await?.unwrap_or(0))
    }
}

impl Guard<MySql> for Freshness {
    fn is_open(&self) -> bool {
        self.state().shown.is_some()
    }

    /// Whether the connection shows what the replica has shown before: another machine may answer at its address.
    fn admits<'c>(&'c self, connection: &'c mut MySqlConnection) -> BoxFuture<'c, bool> {
        Box::pin(async {
            let Some(shown) = self.state().shown else { return false };
            let read = timeout(CHECK_TIMEOUT, self.read(connection)).await;
            matches!(read, Ok(Ok(mark)) if mark >= shown)
        })
    }

    fn close(&self, why: &str) {
        if self.state().fail(Instant::now()) {
            tracing::warn!("reading from the writer instead of the replica, which {why}");
        }
    }
}

impl Replica {
    /// `pools` read from the replica with connections of `pool`, which `freshness` guards.
    pub fn new(pools: Pools<MySql>, pool: Arc<RenewablePool<MySql>>, freshness: Arc<Freshness>) -> Self {
        let store = Store::MySql(Arc::new(pools));
        Self { store, pool, freshness, last: tokio::sync::Mutex::default(), answered: Default::default() }
    }

    /// Gives up its connections after a read that began at `began` was not answered in time.
    pub fn renew(&self, began: Instant) {
        if self.freshness.is_open() {
            self.freshness.close("does not answer in time");
        }
        self.pool.renew(began);
    }

    pub async fn close(&self) {
        self.pool.get().close().await;
    }

    /// Waits until the replica has everything that is committed now.
    async fn catch_up(&self, writer: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mark = self.mark(writer, now).await?;
        let mut connection = self.pool.lease().await?;
        let mut pause = POLL.0;
        // A connection on which an answer may still come must not be used again.
        while self.freshness.read(connection.reads()).await? < mark {
            sleep(pause).await;
            pause = (pause * 2).min(POLL.1);
        }
        connection.has_ended();
        self.freshness.shows(mark);
        Ok(())
    }

    /// Writes a mark that is later than this call, or takes one that somebody else writes.
    async fn mark(&self, writer: &Store, now: Timestamp) -> Result<i64, StoreError> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((began, mark)) = *last
            && began > asked
        {
            return Ok(mark);
        }
        if last.is_none() {
            writer.delete_marks(now.micros() - i64::try_from(KEPT.as_micros()).unwrap_or(i64::MAX)).await?;
        }
        let (began, mark) = (Instant::now(), last.map_or(0, |(_, mark)| mark) + 1);
        writer.put_mark(self.freshness.server, mark, now).await?;
        *last = Some((began, mark));
        Ok(mark)
    }
}

impl Store {
    /// Reads for a caller, at this time, with everything that is committed now: from the replica, where there is one that has it
    /// within `patience`, and otherwise from the writer.
    pub async fn current_reader(&self, access: &Access, now: Timestamp, patience: Duration) -> Reader {
        let Some(replica) = self.replica() else { return self.reader(access, now) };
        let began = Instant::now();
        let until = began + patience;
        let is_current = replica.freshness.state().may_try(Instant::now())
            && match timeout_at(until, replica.catch_up(self, now)).await {
                Ok(Ok(())) => true,
                // All of them are in use.
                Ok(Err(StoreError::Busy)) => false,
                Ok(Err(error)) => {
                    // In a fail-over another connection may lead to the writer, which takes the mark.
                    if matches!(error, StoreError::ReadOnly(_)) {
                        with_pools!(self, pools => pools.read.renew(began));
                    }
                    replica.freshness.close(&format!("cannot be asked: {error}"));
                    false
                }
                Err(_) => {
                    replica.freshness.close("is behind");
                    false
                }
            };
        replica.answered[usize::from(!is_current)].fetch_add(1, Ordering::Relaxed);
        if is_current { replica.store.reader(access, now) } else { self.reader(access, now) }
    }

    /// How many questions were answered from the replica, and from the writer instead; `None` without a replica.
    #[must_use]
    pub fn replica_reads(&self) -> Option<[u64; 2]> {
        self.replica().map(|replica| [0, 1].map(|at: usize| replica.answered[at].load(Ordering::Relaxed)))
    }

    pub(super) fn replica(&self) -> Option<&Replica> {
        with_pools!(self, pools => pools.replica.as_ref())
    }

    async fn put_mark(&self, server: Uuid, mark: i64, now: Timestamp) -> Result<(), StoreError> {
        with_pools!(self, pools => {
            let put = sqlx::query("REPLACE INTO replica_marks (server, mark, written_at) VALUES (?, ?, ?)");
            let put = put.bind(server).bind(mark).bind(now.micros());
            put.execute(&mut *pools.read.acquire().await?).await?;
        });
        Ok(())
    }

    async fn delete_marks(&self, before: i64) -> Result<(), StoreError> {
        with_pools!(self, pools => {
            let delete = sqlx::query("DELETE FROM replica_marks WHERE written_at < ?").bind(before);
            delete.execute(&mut *pools.read.acquire().await?).await?;
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_one_question_at_a_time_tries_again() {
        let (mut state, now) = (State::default(), Instant::now());
        assert!(state.may_try(now) && state.may_try(now) && state.shown.is_none());
        assert!(!state.shows(2) && !state.shows(1));
        assert_eq!(state.shown, Some(2));
        assert!(state.fail(now) && !state.fail(now), "it is told once");
        assert!(state.shown.is_none() && !state.may_try(now));
        let later = now + PAUSE;
        assert!(state.may_try(later));
        assert!(!state.may_try(later), "another question tries");
        assert!(state.shows(3) && state.may_try(later) && state.may_try(later));
    }
}
