//! What is new of that which is folded: what those are told who watch.

use std::collections::HashMap;

use steps_shared::Timestamp;
use uuid::Uuid;

use crate::store::{DeploymentRow, Entry, FoldRow, StreamKey};

/// What is told.
pub(super) struct News<'a> {
    /// From when on something was recorded of each stream: nothing before it is new.
    pub since: &'a HashMap<StreamKey, i64>,
    /// Nobody is told what was over before this.
    pub recent_since: Timestamp,
}

/// Steps that were folded before, with the end of those that are spans.
pub(super) type KnownSteps = HashMap<Uuid, Option<i64>>;

impl News<'_> {
    /// Whether a step was not folded before, or is a span whose end was not. A step of no deployment is told again where an earlier
    /// step of its stream is recorded later, because it stands nowhere that it was folded.
    pub fn is_new(&self, row: &FoldRow, known: &KnownSteps) -> bool {
        let in_time = StreamKey::try_from(row.stream.as_slice())
            .is_ok_and(|stream| self.since.get(&stream).is_some_and(|since| row.ts >= *since));
        let is_recent = row.ts.max(row.finished_at.unwrap_or(row.ts)) >= self.recent_since.micros();
        in_time
            && is_recent
            && match known.get(&row.id) {
                None => true,
                Some(ended_at) => row.finished_at.is_some() && row.finished_at != *ended_at,
            }
    }
}

/// The steps of a timeline.
pub(super) fn told_steps(entries: &[Entry<'_>]) -> KnownSteps {
    entries.iter().map(|entry| (entry.id, entry.ended_at.filter(|_| entry.span))).collect()
}

/// Whether a deployment was not over before a moment.
pub(super) fn is_recent(row: &DeploymentRow, since: Timestamp) -> bool {
    row.last_ts.max(row.ended_at.unwrap_or(row.last_ts)) >= since.micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u8, ts: i64, finished_at: Option<i64>) -> FoldRow {
        FoldRow {
            id: Uuid::from_bytes([id; 16]),
            stream: vec![7; 16],
            status: "building".to_owned(),
            owner: "ann".to_owned(),
            ts,
            has_run: false,
            attempt: None,
            span: true,
            finished_at,
            outcome: None,
        }
    }

    #[test]
    fn a_step_is_new_once_and_again_when_its_end_is_told() {
        let since = HashMap::from([([7; 16], 100)]);
        let news = News { since: &since, recent_since: Timestamp::from_micros(50).unwrap() };
        let known = KnownSteps::from([(Uuid::from_bytes([1; 16]), None), (Uuid::from_bytes([2; 16]), Some(200))]);
        let is_new = |row: &FoldRow| news.is_new(row, &known);
        assert!(is_new(&row(3, 100, None)) && !is_new(&row(3, 99, None)));
        assert!(!is_new(&row(1, 100, None)) && is_new(&row(1, 100, Some(150))));
        assert!(!is_new(&row(2, 100, Some(200))));
        let old = News { since: &since, recent_since: Timestamp::from_micros(160).unwrap() };
        assert!(!old.is_new(&row(3, 100, Some(150)), &known) && old.is_new(&row(3, 100, Some(160)), &known));
    }
}
