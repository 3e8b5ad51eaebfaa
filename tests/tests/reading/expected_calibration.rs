//! The range of the time left holds what it promises: about four of five, on histories that are made up, and on real ones.

#[path = "../../src/calibration.rs"]
mod calibration;

use calibration::{KINDS, STATIONARY, Tally, history, recorded, replay};

/// Deployments of a history; of the first five nothing is told.
const MANY: usize = 60;
/// One in so many moments is asked for: `make bench` asks for all.
const EVERY: usize = 4;

/// Replays kinds of histories. Each holds roughly, because it is short; all together as promised.
fn replayed(kinds: std::ops::Range<usize>) -> Tally {
    let mut all = Tally::default();
    for (name, make) in &KINDS[kinds] {
        let tally = replay(&history(*make, MANY, 3), EVERY);
        let held = tally.percent();
        assert!(tally.asked > 100 && (68.0..=92.0).contains(&held), "{name}: {held:.1} % of {}", tally.asked);
        all.add(&tally);
    }
    all
}

#[track_caller]
fn holds(tally: &Tally) {
    let held = tally.percent();
    assert!((75.0..=85.0).contains(&held), "{held:.1} % of {}", tally.asked);
    assert!(tally.error() < 0.6 && tally.width() < 2.5, "{} {}", tally.error(), tally.width());
}

#[test]
fn it_holds_for_steps_one_after_the_other() {
    holds(&replayed(0..6));
}

#[test]
fn it_holds_for_steps_that_differ() {
    holds(&replayed(6..10));
}

#[test]
fn it_holds_for_spans_and_gaps() {
    holds(&replayed(10..STATIONARY));
}

#[test]
fn it_holds_for_real_deployments() {
    let Some(folder) = steps_tests::steps::real_data() else { return };
    let csv = std::fs::read_to_string(folder.join("ants-ci-steps.csv")).unwrap();
    let mut all = Tally::default();
    recorded(&csv).iter().for_each(|deployments| all.add(&replay(deployments, 1)));
    let held = all.percent();
    assert!(all.asked >= 50 && (70.0..=90.0).contains(&held), "{held:.1} % of {}", all.asked);
}
