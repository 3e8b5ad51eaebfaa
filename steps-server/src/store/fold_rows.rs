//! Rows that the projection reads and writes.

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use super::timeline::Part;

/// Identifies a stream: `Step::stream`.
pub type StreamKey = [u8; 16];

/// A stream has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the queue.
    pub seq: i64,
    pub stream: StreamKey,
    /// From when on, in microseconds since 1970.
    pub since: i64,
    /// The steps that were recorded, or have changed; `None` where the version before has noted it, which does not say.
    pub ids: Option<Vec<Uuid>>,
}

#[derive(Debug, FromRow)]
pub(super) struct ChangeRow {
    seq: i64,
    stream: Vec<u8>,
    since: i64,
    ids: Option<Vec<u8>>,
}

impl ChangeRow {
    pub fn into_change(self) -> Option<Change> {
        let Self { seq, stream, since, ids } = self;
        let ids = ids.and_then(|ids| ids.chunks(16).map(|id| Uuid::from_slice(id).ok()).collect());
        Some(Change { seq, stream: stream.try_into().ok()?, since, ids })
    }
}

/// The steps of a stream from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepsOf {
    pub stream: StreamKey,
    /// In microseconds since 1970.
    pub since: i64,
    /// All of them, and perhaps others of the stream; `None` where they are not known, and must be looked for.
    pub ids: Option<Vec<Uuid>>,
}

/// What folding needs of a step; [`SELECT_FOLD_ROWS`] asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldRow {
    pub id: Uuid,
    pub stream: Vec<u8>,
    pub status: String,
    pub owner: String,
    /// When it began, in microseconds since 1970.
    pub ts: i64,
    /// Whether it belongs to a CI run.
    pub has_run: bool,
    /// Which attempt of that run it belongs to.
    pub attempt: Option<i32>,
    /// Whether it is a span.
    pub span: bool,
    /// The recorded end of a span.
    pub finished_at: Option<i64>,
    /// How a span was told to have ended.
    pub outcome: Option<String>,
}

/// The query of a [`FoldRow`], up to its condition.
pub(super) const SELECT_FOLD_ROWS: &str = "SELECT id, stream, status, owner, ts, run IS NOT NULL, attempt, span, finished_at, outcome FROM steps \
     WHERE ";

/// By place: looking for ten names costs as much as decoding the row.
impl<'r, R: Row> FromRow<'r, R> for FoldRow
where
    usize: ColumnIndex<R>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    Vec<u8>: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            stream: row.try_get(1)?,
            status: row.try_get(2)?,
            owner: row.try_get(3)?,
            ts: row.try_get(4)?,
            has_run: row.try_get(5)?,
            attempt: row.try_get(6)?,
            span: row.try_get(7)?,
            finished_at: row.try_get(8)?,
            outcome: row.try_get(9)?,
        })
    }
}

/// A deployment as it is stored, without the names that all deployments of its stream share. Times are microseconds since
/// 1970.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeploymentRow {
    /// The identity: that of its first step.
    pub id: Uuid,
    pub stream: Vec<u8>,
    /// Who began it.
    pub owner: String,
    /// The status that was recorded last.
    pub status: String,
    /// Which attempt of its run it is.
    pub attempt: Option<i32>,
    /// Whether it repeats an earlier deployment of its run, and how much of it.
    pub retry: Option<String>,
    /// How it ended, or will have ended at `open_until`.
    pub outcome: String,
    /// It is running before this moment; 0 where its end is certain.
    pub open_until: i64,
    /// When its first step began.
    pub started_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// How long it took, in microseconds.
    pub duration: Option<i64>,
    /// How long only waiting statuses were open, in microseconds.
    pub waiting: Option<i64>,
    /// How long no step was open, in microseconds.
    pub gaps: Option<i64>,
    /// Whether its end was recorded before its beginning.
    pub clocks_differ: bool,
    /// Whether it looks like two at once.
    pub looks_concurrent: bool,
    /// Why it was excluded.
    pub excluded: Option<String>,
    /// Whether it is in figures.
    pub counted: bool,
    /// Whether it has had a status that begins a deployment.
    pub has_start: bool,
    /// When the last of its steps began.
    pub last_ts: i64,
    pub steps: i32,
    /// The first of its steps, packed; `None` where the version before has folded it.
    pub timeline: Option<Vec<u8>>,
    /// How many further parts its timeline has.
    pub parts: i32,
}

/// A further part of the timeline of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRow {
    pub deployment: Uuid,
    /// Its place, from 1 on.
    pub nth: i32,
    pub part: Part,
}
