//! Reading timelines.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use steps_shared::StepOutcome;
use uuid::Uuid;

use super::StoreError;
use super::statements::cut_conditions;
use super::steps::{invalid, word};
use super::timeline::{Entry, pack, unpack};
use super::transaction::{Tx, with_connection};

/// The columns of a [`WholeRow`].
pub(super) const WHOLE: &str = "id, stream, started_at, last_ts, timeline, parts";
/// The most further parts that are in memory at a time, unless one deployment has more.
const PARTS: i32 = 256;

/// A deployment as far as its timeline goes.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct WholeRow {
    pub id: Uuid,
    pub stream: Vec<u8>,
    pub started_at: i64,
    /// When the last of its steps began.
    pub last_ts: i64,
    /// `None` where the version before has folded it: then its steps say what was derived of them.
    pub timeline: Option<Vec<u8>>,
    /// How many further parts there are.
    pub parts: i32,
}

/// The steps of a deployment with what was derived of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    parts: Vec<Vec<u8>>,
}

impl Timeline {
    /// The steps, in order.
    ///
    /// # Errors
    /// Something else than a server has written it.
    pub fn entries(&self) -> Result<Vec<Entry<'_>>, StoreError> {
        match self.parts.as_slice() {
            [one] => Ok(entries(one)?),
            parts => Ok(parts.iter().map(|part| entries(part)).collect::<Result<Vec<_>, _>>()?.concat()),
        }
    }
}

/// The steps of a part.
pub(super) fn entries(data: &[u8]) -> Result<Vec<Entry<'_>>, sqlx::Error> {
    unpack(data).map_err(|error| invalid("timeline", error))
}

/// How many of these deployments are read together, so that their parts fit into memory.
pub(super) fn fitting<T>(rows: &[T], parts: impl Fn(&T) -> i32) -> usize {
    let mut sum = 0_i32;
    let fitting = rows.iter().take_while(|row| {
        sum = sum.saturating_add(parts(row));
        sum <= PARTS
    });
    fitting.count().max(1).min(rows.len())
}

/// A step whose row says what the version before has derived of it.
#[derive(Debug, sqlx::FromRow)]
struct DerivedRow {
    deployment_id: Uuid,
    id: Uuid,
    ts: i64,
    status: String,
    span: bool,
    ended_at: Option<i64>,
    result: Option<String>,
}

impl Tx {
    /// The timelines of deployments, in their order.
    pub(super) async fn timelines(&mut self, rows: Vec<WholeRow>) -> Result<Vec<Timeline>, StoreError> {
        let long: Vec<_> = rows.iter().filter(|row| row.parts > 0).map(|row| (row.id, 1)).collect();
        let mut parts: HashMap<Uuid, Vec<Vec<u8>>> = HashMap::new();
        for row in self.parts(&long).await? {
            parts.entry(row.deployment).or_default().push(row.part.data);
        }
        let before: Vec<&WholeRow> = rows.iter().filter(|row| row.timeline.is_none()).collect();
        let mut before = self.derived_before(&before).await?;
        let timeline = |row: WholeRow| {
            let Some(first) = row.timeline else {
                return Timeline { parts: before.remove(&row.id).unwrap_or_default() };
            };
            let further = parts.remove(&row.id).unwrap_or_default();
            let further = further.into_iter().take(usize::try_from(row.parts).unwrap_or_default());
            Timeline { parts: std::iter::once(first).chain(further).collect() }
        };
        Ok(rows.into_iter().map(timeline).collect())
    }

    /// The packed timelines of deployments that the version before has folded.
    async fn derived_before(&mut self, rows: &[&WholeRow]) -> Result<HashMap<Uuid, Vec<Vec<u8>>>, StoreError> {
        let mut steps: HashMap<Uuid, Vec<DerivedRow>> = HashMap::new();
        for rows in cut_conditions(rows) {
            let rows: Vec<DerivedRow> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new(
                    "SELECT deployment_id, id, ts, status, span, COALESCE(finished_at, ended_at) AS ended_at, result FROM steps WHERE ",
                );
                for (at, row) in rows.into_iter().enumerate() {
                    select.push(if at == 0 { "(stream = " } else { " OR (stream = " }).push_bind(row.stream.clone());
                    select.push(" AND ts >= ").push_bind(row.started_at).push(" AND ts <= ").push_bind(row.last_ts);
                    select.push(" AND deployment_id = ").push_bind(row.id).push(")");
                }
                select.push(" ORDER BY stream, ts, id");
                select.build_query_as().fetch_all(connection).await?
            });
            for row in rows {
                steps.entry(row.deployment_id).or_default().push(row);
            }
        }
        let mut packed = HashMap::new();
        for (deployment, steps) in steps {
            let entries: Result<Vec<Entry<'_>>, sqlx::Error> = steps.iter().map(DerivedRow::entry).collect();
            packed.insert(deployment, pack(entries?).into_iter().map(|part| part.data).collect());
        }
        Ok(packed)
    }
}

impl DerivedRow {
    fn entry(&self) -> Result<Entry<'_>, sqlx::Error> {
        let result: Option<StepOutcome> = word("result", self.result.as_deref())?;
        let Self { id, ts, status, span, ended_at, .. } = self;
        Ok(Entry { id: *id, ts: *ts, status, span: *span, ended_at: *ended_at, result })
    }
}
