use std::collections::BTreeMap;

use proptest::prelude::*;
use steps_shared::{Duration, Timestamp};

use super::super::config::EventRules;
use super::super::difference::folded;
use super::super::fold::FoldRules;
use super::super::statuses::{StatusWords, Statuses};
use super::*;

const STREAM: StreamKey = [7; 16];
const WORDS: [&str; 10] = [
    "building",
    "migrating",
    "approval",
    "testing",
    "building",
    "warming up",
    "started",
    "succeeded",
    "failed",
    "rolled_back",
];

fn config() -> FoldConfig {
    let seconds = |seconds| Duration::from_secs(seconds);
    FoldConfig {
        statuses: Statuses::new(&StatusWords::default()),
        rules: FoldRules { abandon_after: seconds(3600), settle_after: seconds(60) },
        events: EventRules { keep: seconds(3600), now: || Timestamp::default() },
    }
}

fn row(nth: u128, ts: i64, status: &str, span: Option<Option<i64>>) -> FoldRow {
    FoldRow {
        id: Uuid::from_u128(nth),
        stream: STREAM.to_vec(),
        status: status.to_owned(),
        owner: "ann".to_owned(),
        ts: ts * 1_000_000,
        has_run: false,
        attempt: None,
        span: span.is_some(),
        finished_at: span.flatten().map(|took| (ts + took) * 1_000_000),
        outcome: span.flatten().map(|took| if took % 9 == 8 { "failed" } else { "succeeded" }.to_owned()),
    }
}

/// A step, whether it is recorded later than the others, and of a span whether its end is.
type Recorded = (FoldRow, bool, bool);

/// The steps of a stream: `words` of [`WORDS`], and spans so often of ten.
fn any_stream(count: usize, words: usize, spans: u32, later: u32) -> impl Strategy<Value = Vec<Recorded>> {
    let span = prop_oneof![
        10 - spans => Just(None),
        spans => (0..50_i64).prop_map(|took| Some(Some(took))),
        spans.div_ceil(4) => Just(Some(None)),
    ];
    let later = move || prop::bool::weighted(1.0 / f64::from(later));
    let step = (0..400_i64, 0..words, span, later(), later());
    // Without a run; of one whose attempts are not known, of one that says its attempt now and then, and of several.
    (prop::collection::vec(step, 1..count), 0..4).prop_map(|(steps, kind)| {
        let steps = steps.into_iter().enumerate();
        let recorded = steps.map(|(nth, (ts, word, span, later, ends_later))| {
            let attempt = match kind {
                2 if nth % 3 == 0 => Some(1),
                3 => Some(1 + i32::try_from(nth % 20 / 19).unwrap()),
                _ => None,
            };
            (FoldRow { has_run: kind > 0, attempt, ..row(nth as u128, ts, WORDS[word], span) }, later, ends_later)
        });
        let mut recorded: Vec<_> = recorded.collect();
        recorded.sort_by_key(|(row, ..)| (row.ts, row.id));
        recorded
    })
}

/// What is stored when a difference has been written, by the ids.
fn written(
    stored: &[(DeploymentRow, Vec<PartRow>)],
    difference: &Difference,
) -> (BTreeMap<Uuid, DeploymentRow>, BTreeMap<(Uuid, i32), PartRow>) {
    let mut rows: BTreeMap<_, _> = stored.iter().map(|(row, _)| (row.id, row.clone())).collect();
    rows.extend(difference.right.iter().map(|row| (row.id, row.clone())));
    let parts = stored.iter().flat_map(|(_, parts)| parts).chain(&difference.parts);
    let mut parts: BTreeMap<_, _> = parts.map(|row| ((row.deployment, row.nth), row.clone())).collect();
    parts.retain(|(id, nth), _| *nth <= rows[id].parts);
    (rows, parts)
}

/// Folds what was recorded first, goes on with what was recorded later in every way there is, and compares. Returns in how many
/// ways it went on, beginning with which part of the timeline at the latest.
fn go_on(recorded: &[Recorded], config: &FoldConfig) -> (usize, i32) {
    let is_changed = |(row, later, ends_later): &&Recorded| *later || (*ends_later && row.finished_at.is_some());
    let since = recorded.iter().filter(is_changed).map(|(row, ..)| row.ts).min().unwrap_or(200_000_000);
    let before = recorded.iter().filter(|(_, later, _)| !later).map(|(row, _, ends_later)| match ends_later {
        true => FoldRow { finished_at: None, outcome: None, ..row.clone() },
        false => row.clone(),
    });
    let stored = folded(&before.collect::<Vec<_>>(), config, &HashMap::new());
    let all: Vec<FoldRow> = recorded.iter().map(|(row, ..)| row.clone()).collect();
    let expected = folded(&all, config, &HashMap::new());
    let rows = &all[all.partition_point(|row| row.ts < since)..];
    if rows.is_empty() {
        return (0, 0);
    }
    let since_of = HashMap::from([(STREAM, since)]);
    let news = News { since: &since_of, recent_since: Timestamp::default() };
    let last = HashMap::from([(STREAM, if all[0].has_run { 0 } else { 1 })]);
    let deployments: Vec<DeploymentRow> = stored.iter().map(|(row, _)| row.clone()).collect();
    let (mut ways, mut latest) = (0, 0);
    for Running { whole, since, is_alone } in resumable(&deployments, &since_of, &last) {
        let all_parts = &stored.iter().find(|(row, _)| row.id == whole.id).unwrap().1;
        let going_on = GoingOn { whole, since, is_alone, rows, config };
        let before = all_parts.iter().filter(|row| row.part.ts < since).map(|row| row.nth).max().unwrap_or(0);
        for first in 0..=before {
            let parts =
                Parts { first, rows: all_parts.iter().filter(|row| row.nth >= first.max(1)).cloned().collect() };
            let entries = parts.entries(whole).unwrap();
            let mut difference = Difference::default();
            let goes_on = if first == 0 {
                going_on.as_a_whole(&parts, &news, &mut difference)
            } else if going_on.is_enough(&entries) {
                going_on.at_its_end(&parts, &news, &mut difference)
            } else {
                None
            };
            if goes_on.is_none() {
                assert_eq!(difference, Difference::default());
                continue;
            }
            assert!(difference.wrong.is_empty());
            assert_eq!(written(&stored, &difference), written(&expected, &Difference::default()), "from part {first}");
            (ways, latest) = (ways + 1, first);
        }
    }
    (ways, latest)
}

proptest! {
    #[test]
    fn going_on_is_as_folding_from_scratch(recorded in any_stream(60, 10, 4, 5)) {
        go_on(&recorded, &config());
    }

    #[test]
    fn a_running_deployment_goes_on_as_from_scratch(recorded in any_stream(400, 6, 2, 50)) {
        go_on(&recorded, &config());
    }

    #[test]
    fn a_deployment_of_spans_goes_on_as_from_scratch(recorded in any_stream(400, 6, 10, 50)) {
        go_on(&recorded, &config());
    }
}

/// Of a long deployment, from which part on it is read again when this is recorded.
fn goes_on_from(long: &[FoldRow], more: FoldRow) -> (usize, i32) {
    let mut recorded: Vec<Recorded> = long.iter().map(|row| (row.clone(), false, false)).collect();
    recorded.push((more, true, false));
    recorded.sort_by_key(|(row, ..)| (row.ts, row.id));
    go_on(&recorded, &config())
}

#[test]
fn a_long_deployment_goes_on_from_where_something_was_recorded() {
    let phases: Vec<_> = (0..1000).map(|nth| row(nth, nth as i64, WORDS[nth as usize % 4], None)).collect();
    assert_eq!(goes_on_from(&phases, row(5000, 1001, "testing", None)), (16, 15), "at its end");
    assert_eq!(goes_on_from(&phases, row(5000, 650, "testing", None)).1, 10, "and a little late");
    assert_eq!(goes_on_from(&phases, row(5000, 1001, "succeeded", None)), (1, 0), "and all of it when it ends");

    let mut within = phases.clone();
    within.insert(0, row(4000, 0, "deploying all", Some(None)));
    assert_eq!(goes_on_from(&within, row(5000, 1001, "testing", None)).1, 15, "also within a span");

    let spans: Vec<_> = (0..1000).map(|nth| row(nth, nth as i64, WORDS[nth as usize % 4], Some(Some(1)))).collect();
    assert_eq!(goes_on_from(&spans, row(5000, 1001, "testing", Some(None))).1, 15, "of spans, while one is open");
    assert_eq!(
        goes_on_from(&spans, row(5000, 1001, "testing", Some(Some(1)))),
        (1, 0),
        "all is looked at when all have ended"
    );
    assert_eq!(
        goes_on_from(&spans, row(5000, 1001, "testing", None)),
        (1, 0),
        "and for the step before that is no span"
    );
}
