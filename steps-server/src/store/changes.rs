//! Which streams have changed since they were folded, and who folds them.

use std::collections::HashMap;
use std::fmt::Display;

use sqlx::{Database, Encode, QueryBuilder, Row as _, Type};
use steps_shared::{Projection, Step};

use super::filter::push_access;
use super::fold_rows::{Change, ChangeRow, StreamKey};
use super::statements::{cut, row_bytes};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, Store, StoreError, with_pools};

/// A share of all streams: one server folds it at a time.
pub type Bucket = i32;

/// How many buckets the streams of one component are in, and how many times as many there are.
const BUCKETS_OF_COMPONENT: i32 = 4;
const COMPONENTS: i32 = 16;

/// How many buckets there are; `buckets` has a row for each.
pub const BUCKETS: Bucket = COMPONENTS * BUCKETS_OF_COMPONENT;

/// The most bytes of the ids of one change.
const MAX_IDS_BYTES: usize = 4 * 1024;

/// The most numbers in one statement: with 47 bytes for each at most, it fits into one record of TLS, see `statements`.
const MAX_NUMBERS: usize = 256;

/// At so many places changes are looked for with one query.
const LOOKS: usize = 12;

/// What is to be folded next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NextChanges {
    /// The buckets; `None` is that of changes that the version before has noted.
    pub buckets: Vec<Option<Bucket>>,
    /// Changes of them before this one.
    pub until: i64,
    /// How many others wait, at most; 0 where there are none.
    pub others: u64,
}

/// That a stream has changed from a moment on, in microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewChange {
    pub stream: StreamKey,
    pub since: i64,
    pub bucket: Bucket,
    /// The ids of the steps that were recorded, or have changed, one after the other: all that the fold does not know already.
    pub ids: Vec<u8>,
}

impl NewChange {
    /// Of a stream of which nothing was recorded.
    pub fn new(component: &str, stream: StreamKey, since: i64) -> Self {
        Self { stream, since, bucket: first_bucket(component) + part_of(&stream), ids: Vec::new() }
    }

    /// Of the stream of a step that was recorded, or has changed.
    pub fn of(step: &Step, stream: StreamKey) -> Self {
        let ids = step.id.0.as_bytes().to_vec();
        Self { ids, ..Self::new(step.component.as_str(), stream, step.ts.micros()) }
    }

    /// One change for those of each stream, or several where their ids are too many for one statement.
    pub fn joined(changes: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut joined: Vec<Self> = Vec::new();
        let mut last: HashMap<StreamKey, usize> = HashMap::new();
        for change in changes {
            match last.get(&change.stream).and_then(|at| joined.get_mut(*at)) {
                Some(same) if same.ids.len() < MAX_IDS_BYTES => {
                    same.since = same.since.min(change.since);
                    same.ids.extend(change.ids);
                }
                _ => {
                    last.insert(change.stream, joined.len());
                    joined.push(change);
                }
            }
        }
        joined
    }

    /// How many bytes it takes in its INSERT, at most.
    fn bytes(&self) -> usize {
        row_bytes(4, &[]) + self.ids.len()
    }
}

/// The buckets in which streams of a component are.
#[must_use]
pub fn buckets_of(component: &str) -> Vec<Bucket> {
    let first = first_bucket(component);
    (first..first + BUCKETS_OF_COMPONENT).collect()
}

/// Which of the buckets of its component a stream is in, from the first on.
pub(super) fn part_of(stream: &[u8]) -> i32 {
    stream.first().map_or(0, |first| i32::from(*first) % BUCKETS_OF_COMPONENT)
}

/// By FNV-1a, because every server must compute the same.
fn first_bucket(component: &str) -> Bucket {
    let hash = component.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    ((hash ^ (hash >> 16)) & 0x7fff).cast_signed() % COMPONENTS * BUCKETS_OF_COMPONENT
}

/// Pushes a query of one number of the changes: `aggregate` over those of some buckets, and of none; or of all.
fn push_of_buckets<DB>(select: &mut QueryBuilder<DB>, aggregate: &str, buckets: Option<&[Bucket]>)
where
    DB: Database,
    i32: for<'q> Encode<'q, DB> + Type<DB>,
{
    let Some(buckets) = buckets else {
        select.push("SELECT ").push(aggregate).push("(seq) FROM changes");
        return;
    };
    // One look into the index for each.
    select.push("SELECT ").push(aggregate).push("(seq) FROM (SELECT ").push(aggregate);
    select.push("(seq) AS seq FROM changes WHERE bucket IS NULL");
    for bucket in buckets {
        select.push(" UNION ALL SELECT ").push(aggregate).push("(seq) FROM changes WHERE bucket = ").push_bind(*bucket);
    }
    select.push(") AS found");
}

/// A table of numbers, each as `n`, to begin a join with. MySQL then looks up the rows that have them, by their key, and locks no others;
/// rows that are `IN` a list it looks for, as it sees fit, by reading the whole table, and locks all that it reads.
fn numbers<T: Display>(numbers: &[T]) -> String {
    format!("(SELECT {} AS n) AS numbers", list(numbers, " AS n UNION ALL SELECT "))
}

fn list<T: Display>(numbers: &[T], between: &str) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

impl Store {
    /// The last change that waits to be folded: in these buckets, or in any.
    pub async fn last_change(&self, buckets: Option<&[Bucket]>) -> Result<Option<i64>, StoreError> {
        self.one_change("MAX", buckets).await
    }

    /// Whether a change up to `seq` still waits to be folded: in these buckets, or in any.
    pub async fn has_change_until(&self, seq: i64, buckets: Option<&[Bucket]>) -> Result<bool, StoreError> {
        Ok(self.one_change("MIN", buckets).await?.is_some_and(|first| first <= seq))
    }

    async fn one_change(&self, aggregate: &str, buckets: Option<&[Bucket]>) -> Result<Option<i64>, StoreError> {
        Ok(with_pools!(self, pools => {
            let mut select = QueryBuilder::new("");
            push_of_buckets(&mut select, aggregate, buckets);
            select.build_query_scalar().fetch_one(&mut *pools.read.acquire().await?).await?
        }))
    }

    /// What is to be folded next: as many changes as `limit`, of the wanted buckets first, then of those from `start` on, then of
    /// all before it; none of the buckets in `held`.
    ///
    /// Apart from the wanted ones they are among the `oldest` ones: what was recorded at one time lies together on the disk.
    pub async fn next_changes(
        &self,
        wanted: &[Bucket],
        start: Bucket,
        limit: u32,
        oldest: i64,
        held: &[Bucket],
    ) -> Result<NextChanges, StoreError> {
        let ends: (Option<i64>, Option<i64>) = with_pools!(self, pools => {
            // Each by itself is one look into the index.
            let ends = "SELECT (SELECT MIN(seq) FROM changes), (SELECT MAX(seq) FROM changes)";
            sqlx::query_as(ends).fetch_one(&pools.project.get()).await?
        });
        let (Some(first), Some(last)) = ends else { return Ok(NextChanges::default()) };
        let is_free = |bucket: &Option<Bucket>| bucket.is_none_or(|bucket| !held.contains(&bucket));
        if last.abs_diff(first) < u64::from(limit) {
            let mut buckets: Vec<Option<Bucket>> = with_pools!(self, pools => {
                sqlx::query_scalar("SELECT DISTINCT bucket FROM changes ORDER BY bucket").fetch_all(&pools.project.get()).await?
            });
            buckets.retain(is_free);
            return Ok(NextChanges { buckets, until: i64::MAX, others: 0 });
        }
        let mut until = first;
        let (mut next, mut count) = (NextChanges::default(), 0);
        // What others hold is soon folded: who finds nothing else goes on behind it.
        for _ in 0..if held.is_empty() { 1 } else { 2 } {
            until = until.saturating_add(oldest);
            let from_start = (0..BUCKETS).map(|nth| (start + nth) % BUCKETS).filter(|bucket| !wanted.contains(bucket));
            let places: Vec<(Option<Bucket>, i64)> = std::iter::once((None, i64::MAX))
                .chain(wanted.iter().map(|bucket| (Some(*bucket), i64::MAX)))
                .chain(from_start.map(|bucket| (Some(bucket), until)))
                .filter(|(bucket, _)| is_free(bucket))
                .collect();
            (next, count) = self.first_waiting(&places, limit).await?;
            if count > 0 {
                break;
            }
        }
        if count >= limit || last >= until {
            // The places between the ends that are taken off already count, too.
            next.others = last.abs_diff(first).max(1);
        }
        next.buckets.sort_unstable();
        Ok(next)
    }

    /// The first of these places at which so many changes wait, and how many do.
    async fn first_waiting(
        &self,
        places: &[(Option<Bucket>, i64)],
        limit: u32,
    ) -> Result<(NextChanges, u32), StoreError> {
        let (mut next, mut count) = (NextChanges::default(), 0_u32);
        for places in places.chunks(LOOKS) {
            for ((bucket, until), waiting) in places.iter().zip(self.waiting_at(places, limit).await?) {
                if waiting > 0 && count < limit {
                    next.buckets.push(*bucket);
                    next.until = next.until.max(*until);
                    count = count.saturating_add(waiting);
                }
            }
            if count >= limit {
                break;
            }
        }
        Ok((next, count))
    }

    /// How many changes wait at each of these places, a bucket before a place in the queue; no more than `limit` are counted.
    async fn waiting_at(&self, places: &[(Option<Bucket>, i64)], limit: u32) -> Result<Vec<u32>, StoreError> {
        let look = |(nth, (bucket, until)): (usize, &(Option<Bucket>, i64))| {
            let of = bucket.map_or_else(|| "IS NULL".to_owned(), |bucket| format!("= {bucket}"));
            format!(
                "SELECT {nth}, COUNT(*) FROM (SELECT seq FROM changes WHERE bucket {of} AND seq < {until} LIMIT {limit}) AS at_{nth}"
            )
        };
        let looks: Vec<String> = places.iter().enumerate().map(look).collect();
        // As text: all in it are numbers, and no two are the same.
        let looks = sqlx::AssertSqlSafe(looks.join(" UNION ALL "));
        let mut waiting = vec![0; places.len()];
        with_pools!(self, pools => {
            for row in sqlx::raw_sql(looks).fetch_all(&pools.project.get()).await? {
                let (nth, count): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
                if let Some(waiting) = usize::try_from(nth).ok().and_then(|nth| waiting.get_mut(nth)) {
                    *waiting = u32::try_from(count).unwrap_or(u32::MAX);
                }
            }
        });
        Ok(waiting)
    }
}

impl Reader {
    /// How many changes up to `until` wait to be folded, and the last of them.
    ///
    /// A caller who may not see everything is told how many of its own wait, and no place: places are numbered through, so that two
    /// of them tell how much others have recorded in between.
    pub async fn waiting_changes(&self, until: Option<i64>) -> Result<Projection, StoreError> {
        let sees_all = self.access == Access::Everything;
        let (waiting, last): (i64, Option<i64>) = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new(match sees_all {
                true => "SELECT COUNT(*), MAX(seq) FROM changes",
                // All steps of a stream are of one component and environment.
                false => "SELECT COUNT(*), NULL FROM (SELECT \
                    COALESCE((SELECT component FROM deployments WHERE deployments.stream = changes.stream LIMIT 1), \
                        (SELECT component FROM steps WHERE steps.id = SUBSTR(changes.ids, 1, 16))) AS component, \
                    COALESCE((SELECT environment FROM deployments WHERE deployments.stream = changes.stream LIMIT 1), \
                        (SELECT environment FROM steps WHERE steps.id = SUBSTR(changes.ids, 1, 16))) AS environment \
                    FROM changes) AS waiting",
            });
            push_access(&mut select, &self.access);
            if let Some(until) = until.filter(|_| sees_all) {
                select.push(" AND seq <= ").push_bind(until);
            }
            select.build_query_as().fetch_one(&mut *pools.read.acquire().await?).await?
        });
        Ok(Projection { waiting: waiting.unsigned_abs(), last })
    }
}

impl Tx {
    /// Locks buckets until the end of the transaction; waits while other servers hold them. The lock is the row of each: every
    /// fold writes it, so that on Galera, which shares no locks between nodes, the second of two overlapping folds cannot commit.
    /// They are locked one after the other, and must ascend: so no two servers wait for each other.
    ///
    /// # Errors
    /// The database does not answer, or the other one takes too long.
    pub async fn lock_buckets(&mut self, buckets: &[Bucket]) -> Result<(), StoreError> {
        const SET: &str = "SET turn = turn + 1, named = named + 1";
        let update = match self {
            Self::MySql(_) => format!("UPDATE {} STRAIGHT_JOIN buckets ON id = n {SET}", numbers(buckets)),
            _ => format!("UPDATE buckets {SET} WHERE id IN ({})", list(buckets, ", ")),
        };
        self.run(update).await
    }

    /// How often each of these buckets was locked.
    pub async fn turns_of_buckets(&mut self, buckets: &[Bucket]) -> Result<Vec<i64>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT turn FROM buckets WHERE id IN (");
            let mut list = select.separated(", ");
            for bucket in buckets {
                list.push_bind(*bucket);
            }
            select.push(") ORDER BY id");
            select.build_query_scalar().fetch_all(connection).await?
        }))
    }

    /// Locks all of the projection; the version before locks it by its one row.
    ///
    /// # Errors
    /// As [`Tx::lock_buckets`].
    pub async fn lock_projection(&mut self) -> Result<(), StoreError> {
        for lock in [
            "UPDATE projection SET turn = turn + 1 WHERE id = 1",
            "UPDATE buckets SET turn = turn + 1, named = named + 1",
        ] {
            with_connection!(self, connection => sqlx::query(lock).execute(&mut *connection).await.map(drop)?);
        }
        Ok(())
    }

    /// The oldest changes: of these buckets, before a place in the queue, or of all.
    pub async fn changes(&mut self, of: Option<(&[Bucket], i64)>, limit: u32) -> Result<Vec<Change>, StoreError> {
        let rows: Vec<ChangeRow> = with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT seq, stream, since, ids FROM changes");
            if let Some((buckets, until)) = of {
                select.push(" WHERE seq < ").push_bind(until).push(" AND bucket IN (");
                let mut list = select.separated(", ");
                for bucket in buckets {
                    list.push_bind(*bucket);
                }
                select.push(") ORDER BY bucket, seq LIMIT ");
            } else {
                select.push(" ORDER BY seq LIMIT ");
            }
            select.push(limit);
            select.build_query_as().fetch_all(connection).await?
        });
        Ok(rows.into_iter().filter_map(ChangeRow::into_change).collect())
    }

    /// Takes changes off the queue.
    pub async fn remove_changes(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let seqs: Vec<i64> = changes.iter().map(|change| change.seq).collect();
        for seqs in seqs.chunks(MAX_NUMBERS) {
            let delete = match self {
                Self::MySql(_) => format!("DELETE changes FROM {} STRAIGHT_JOIN changes ON seq = n", numbers(seqs)),
                _ => format!("DELETE FROM changes WHERE seq IN ({})", list(seqs, ", ")),
            };
            self.run(delete).await?;
        }
        Ok(())
    }

    /// Runs a statement in which there are only words of this server, and numbers.
    async fn run(&mut self, statement: String) -> Result<(), StoreError> {
        let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
        with_connection!(self, connection => statement.execute(connection).await.map(drop)?);
        Ok(())
    }

    pub(super) async fn insert_changes(&mut self, changes: &[NewChange]) -> Result<(), StoreError> {
        for changes in cut(changes, NewChange::bytes) {
            with_connection!(self, connection => {
                let mut insert = QueryBuilder::new("INSERT INTO changes (stream, since, bucket, ids) ");
                insert.push_values(changes, |mut row, NewChange { stream, since, bucket, ids }| {
                    row.push_bind(stream.to_vec()).push_bind(*since).push_bind(*bucket).push_bind(ids.clone());
                });
                insert.build().execute(&mut *connection).await?;
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_in_a_bucket_of_its_component_and_all_are_used() {
        let mut used = std::collections::BTreeSet::new();
        for nth in 0..200_u8 {
            let component = format!("service-{nth}");
            let bucket = NewChange::new(&component, [nth; 16], 0).bucket;
            assert!(buckets_of(&component).contains(&bucket) && (0..BUCKETS).contains(&bucket), "{bucket}");
            used.insert(bucket);
        }
        assert!(used.len() > 55, "{}", used.len());
        // Servers of one database agree.
        assert_eq!(buckets_of("checkout"), buckets_of("checkout"));
    }
}
