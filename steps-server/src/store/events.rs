//! The log of events: what the fold took up, in the order in which it was committed.
//!
//! On SQLite, which has one writer, the numbers of the rows have that order. On MySQL a fold writes rows without a place, and who
//! reads the log gives places to those that are committed, in a transaction of its own that holds the one row of `event_log`: what
//! is committed later has a later place. A fold waits for nobody that way, and no two folds lock a row that both need, which on
//! Galera would roll one of them back.

use sqlx::QueryBuilder;
use steps_shared::Timestamp;
use uuid::Uuid;

use super::statements::{cut, cut_ids, row_bytes};
use super::transaction::{Tx, with_connection};
use super::{Store, StoreError, with_pools};

/// The most rows that get places, or are deleted, in one transaction.
const ROWS: usize = 1000;
/// The most deployments that end by the clock whose events are written in one transaction.
const ENDED: usize = 500;
/// The bytes of the secret.
const SECRET: usize = 32;

/// The place of an event in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    pub batch: i64,
    pub seq: i64,
}

/// What an event is about, as the log has it; what is told of it is read when it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NewEvent {
    /// A step was recorded, or the end of a span.
    Step(Uuid),
    /// A deployment has changed, or is no longer there.
    Deployment(Uuid),
    /// A note was recorded.
    Note(Uuid),
    /// A note was removed, of the component and in the environment of this deployment.
    NoteRemoved(Uuid),
    /// A note was removed, of the component of this deployment, and in no particular environment.
    NoteRemovedEverywhere(Uuid),
    /// Everything may have changed.
    Reset,
}

impl NewEvent {
    fn columns(self) -> (i32, Uuid) {
        match self {
            Self::Step(id) => (0, id),
            Self::Deployment(id) => (1, id),
            Self::Reset => (2, Uuid::nil()),
            // A server of the version before takes these for a reset.
            Self::Note(id) => (3, id),
            Self::NoteRemoved(id) => (4, id),
            Self::NoteRemovedEverywhere(id) => (5, id),
        }
    }

    pub(super) fn read(kind: i32, subject: Uuid) -> Self {
        match kind {
            0 => Self::Step(subject),
            1 => Self::Deployment(subject),
            3 => Self::Note(subject),
            4 => Self::NoteRemoved(subject),
            5 => Self::NoteRemovedEverywhere(subject),
            _ => Self::Reset,
        }
    }
}

impl Tx {
    /// Adds events to the log; `now` is when.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn put_events(&mut self, events: &[NewEvent], now: Timestamp) -> Result<(), StoreError> {
        let batch = if self.is_sqlite() { Some(0_i64) } else { None };
        for events in cut(events, |_| row_bytes(4, &[])) {
            with_connection!(self, connection => {
                let mut insert = QueryBuilder::new("INSERT INTO events (batch, written_at, kind, subject) ");
                insert.push_values(events, |mut row, event| {
                    let (kind, subject) = event.columns();
                    row.push_bind(batch).push_bind(now.micros()).push_bind(kind).push_bind(subject);
                });
                insert.build().execute(&mut *connection).await?;
            });
        }
        Ok(())
    }

    /// Waits until nobody else gives places, and keeps others from it until the end of the transaction.
    async fn lock_events(&mut self) -> Result<i64, StoreError> {
        with_connection!(self, connection => {
            // The first statement of its transaction, so that what is read after it is what was committed before.
            sqlx::query("UPDATE event_log SET batch = batch + 1 WHERE id = 1").execute(&mut *connection).await?;
            Ok(sqlx::query_scalar("SELECT batch FROM event_log WHERE id = 1").fetch_one(&mut *connection).await?)
        })
    }

    /// Gives places to rows that have none.
    async fn number_events(&mut self, batch: i64) -> Result<usize, StoreError> {
        with_connection!(self, connection => {
            let select = format!("SELECT seq FROM events WHERE batch IS NULL ORDER BY seq LIMIT {ROWS}");
            let rows: Vec<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(select)).fetch_all(&mut *connection).await?;
            for rows in cut_ids(&rows) {
                // By their keys alone: a range would lock what folds are about to write.
                let mut update = QueryBuilder::new("UPDATE events SET batch = ");
                update.push_bind(batch).push(" WHERE seq IN (");
                let mut list = update.separated(", ");
                for seq in rows {
                    list.push_bind(*seq);
                }
                update.push(")");
                update.build().execute(&mut *connection).await?;
            }
            Ok(rows.len())
        })
    }
}

impl Store {
    /// Replaces the connection for the log, after a use of it that began at `began` was not answered in time.
    pub fn renew_event_readers(&self, began: tokio::time::Instant) {
        with_pools!(self, pools => pools.events.renew(began));
    }

    /// Gives places to all rows that are committed.
    ///
    /// # Errors
    /// The database does not answer, or on Galera another server did the same.
    pub async fn number_events(&self) -> Result<(), StoreError> {
        let Self::MySql(pools) = self else { return Ok(()) };
        loop {
            let waiting: Option<i64> = {
                let mut connection = pools.events.acquire().await?;
                let select = "SELECT seq FROM events WHERE batch IS NULL LIMIT 1";
                sqlx::query_scalar(select).fetch_optional(&mut *connection).await?
            };
            if waiting.is_none() {
                return Ok(());
            }
            let mut tx = self.begin_events().await?;
            let batch = tx.lock_events().await?;
            let rows = tx.number_events(batch).await?;
            tx.commit().await?;
            if rows < ROWS {
                return Ok(());
            }
        }
    }

    /// Adds an event for each deployment that has ended by the clock alone since the last call of any server, at the earliest at
    /// `since`. Returns whether there were some.
    ///
    /// # Errors
    /// As [`Store::number_events`].
    pub async fn put_ended_events(&self, since: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        const FOUND: &str = "SELECT id, open_until FROM deployments WHERE open_until > 0 AND open_until > ? \
            AND open_until <= ? ORDER BY open_until LIMIT ";
        const ENDED_UNTIL: &str = "SELECT ended FROM event_log WHERE id = 1";
        let find = format!("{FOUND}{ENDED}");
        let some = with_pools!(self, pools => {
            let mut connection = pools.events.acquire().await?;
            let ended: i64 = sqlx::query_scalar(ENDED_UNTIL).fetch_one(&mut *connection).await?;
            let find = sqlx::query(sqlx::AssertSqlSafe(find.clone()));
            let find = find.bind(ended.max(since.micros())).bind(now.micros());
            find.fetch_optional(&mut *connection).await?.is_some()
        });
        if !some {
            return Ok(false);
        }
        let mut tx = self.begin_events().await?;
        tx.lock_events().await?;
        let found: Vec<(Uuid, i64)> = with_connection!(&mut tx, connection => {
            let ended: i64 = sqlx::query_scalar(ENDED_UNTIL).fetch_one(&mut *connection).await?;
            let find = sqlx::query_as(sqlx::AssertSqlSafe(find.clone()));
            find.bind(ended.max(since.micros())).bind(now.micros()).fetch_all(&mut *connection).await?
        });
        // Of those that end at the same moment as the last one, the next call finds the rest.
        let until = match found.last() {
            Some((_, last)) if found.len() == ENDED => last - 1,
            _ => now.micros(),
        };
        // All of one moment are one too many: the rest of them is not told.
        let until = found.first().map_or(until, |(_, first)| until.max(*first));
        let events: Vec<_> = found.iter().map(|(id, _)| NewEvent::Deployment(*id)).collect();
        tx.put_events(&events, now).await?;
        with_connection!(&mut tx, connection => {
            let update = sqlx::query("UPDATE event_log SET ended = ? WHERE id = 1 AND ended < ?");
            update.bind(until).bind(until).execute(&mut *connection).await?;
        });
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes the first events, as many as were written before `before`, but not more than a transaction should. Returns whether
    /// there may be more. Who folds does it, on the connections for that: the log's own is open only while somebody watches.
    ///
    /// # Errors
    /// As [`Store::number_events`].
    pub async fn prune_events(&self, before: Timestamp) -> Result<bool, StoreError> {
        let oldest = "SELECT seq FROM events WHERE seq = (SELECT MIN(seq) FROM events) AND written_at < ?";
        let oldest: Option<i64> = with_pools!(self, pools => {
            sqlx::query_scalar(oldest).bind(before.micros()).fetch_optional(&pools.project.get()).await?
        });
        if oldest.is_none() {
            return Ok(false);
        }
        let mut tx = self.begin_projection().await?;
        let batch = tx.lock_events().await?;
        // What has no place yet would come behind all that was told, and be missed by nobody.
        if tx.number_events(batch).await? == ROWS {
            tx.commit().await?;
            return Ok(true);
        }
        let order = self.event_order("");
        let old = with_connection!(&mut tx, connection => {
            let select = format!(
                "SELECT batch, seq, written_at FROM events WHERE batch IS NOT NULL ORDER BY {order} LIMIT {ROWS}"
            );
            let rows = sqlx::query_as(sqlx::AssertSqlSafe(select)).fetch_all(&mut *connection).await?;
            let old: Vec<(i64, i64)> = rows
                .into_iter()
                .take_while(|(_, _, written_at): &(i64, i64, i64)| *written_at < before.micros())
                .map(|(batch, seq, _)| (batch, seq))
                .collect();
            for rows in cut_ids(&old) {
                let mut delete = QueryBuilder::new("DELETE FROM events WHERE seq IN (");
                let mut list = delete.separated(", ");
                for (_, seq) in rows {
                    list.push_bind(*seq);
                }
                delete.push(")");
                delete.build().execute(&mut *connection).await?;
            }
            if let Some((batch, seq)) = old.last() {
                let update = sqlx::query("UPDATE event_log SET gone_batch = ?, gone_seq = ? WHERE id = 1");
                update.bind(*batch).bind(*seq).execute(&mut *connection).await?;
            }
            old
        });
        tx.commit().await?;
        Ok(old.len() == ROWS)
    }

    /// The columns of the order. On SQLite the number alone is it, by which its rows lie.
    pub(super) fn event_order(&self, direction: &str) -> String {
        match self {
            Self::MySql(_) => format!("batch{direction}, seq{direction}"),
            Self::Sqlite(_) => format!("seq{direction}"),
        }
    }

    /// What the ids of events are sealed with: the same for all servers of a database.
    ///
    /// # Errors
    /// The database does not answer, or the system has no random numbers.
    pub async fn event_secret(&self) -> Result<Vec<u8>, StoreError> {
        let read = async || -> Result<Vec<u8>, StoreError> {
            with_pools!(self, pools => {
                let mut connection = pools.events.acquire().await?;
                let select = "SELECT secret FROM event_log WHERE id = 1";
                Ok(sqlx::query_scalar(select).fetch_one(&mut *connection).await?)
            })
        };
        let secret = read().await?;
        if !secret.is_empty() {
            return Ok(secret);
        }
        let mut secret = vec![0; SECRET];
        getrandom::fill(&mut secret).map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
        let mut tx = self.begin_events().await?;
        with_connection!(&mut tx, connection => {
            // Another server may have been first.
            let update = sqlx::query("UPDATE event_log SET secret = ? WHERE id = 1 AND LENGTH(secret) = 0");
            update.bind(secret).execute(&mut *connection).await?;
        });
        tx.commit().await?;
        read().await
    }

    /// Where the log ends.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_event(&self) -> Result<Place, StoreError> {
        let order = self.event_order(" DESC");
        let select = format!("SELECT batch, seq FROM events WHERE batch IS NOT NULL ORDER BY {order} LIMIT 1");
        let gone = "SELECT gone_batch, gone_seq FROM event_log WHERE id = 1";
        let (last, gone): (Option<(i64, i64)>, (i64, i64)) = with_pools!(self, pools => {
            let mut connection = pools.events.acquire().await?;
            let last = sqlx::query_as(sqlx::AssertSqlSafe(select)).fetch_optional(&mut *connection).await?;
            (last, sqlx::query_as(gone).fetch_one(&mut *connection).await?)
        });
        let (batch, seq) = last.unwrap_or(gone);
        Ok(Place { batch, seq })
    }
}
