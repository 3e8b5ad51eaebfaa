//! Whether what is concluded is true: series are made up whose truth is known, with the noise that deploys have, and what the product
//! tells of them is counted. `make truth` prints the table of 500 series a cell; with `TRUTH_QUICK=1`, which `make test` sets, of a few.
//!
//! A target holds where the count is one that a product that just reaches the target has with a probability of 1 in 100,000 or
//! more: of few series, only what is far from it fails.

mod cells;
mod noise;

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What has to hold of a share of series.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// At most so many percent.
    AtMost(f64),
    /// At least so many percent.
    AtLeast(f64),
}

/// Whether only a few series are looked at, of what has a target.
pub fn is_quick() -> bool {
    std::env::var_os("TRUTH_QUICK").is_some()
}

/// How many series a cell has; of slow ones, `slow` is a share of them.
pub fn size(slow: f64) -> u64 {
    let asked = std::env::var("TRUTH_SERIES").ok().and_then(|many| many.parse().ok());
    let all = asked.unwrap_or(if is_quick() { 10.0 } else { 500.0 });
    (all * slow).max(1.0) as u64
}

/// What each of so many series is found to be, on all cores.
pub fn each<T: Send>(many: u64, of: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= many {
                return found;
            }
            found.push((nth, of(nth)));
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut found: Vec<(u64, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    assert_eq!(found.len() as u64, many, "a worker panicked");
    found.sort_by_key(|(nth, _)| *nth);
    found.into_iter().map(|(_, found)| found).collect()
}

/// Prints how many of so many there are, and the target.
#[track_caller]
pub fn row(what: &str, count: usize, of: usize, target: Option<Target>) {
    let share = 100.0 * count as f64 / of.max(1) as f64;
    let (told, holds) = match target {
        Some(Target::AtMost(most)) => (format!("at most {most}"), at_least(count, of, most / 100.0) > 1e-5),
        Some(Target::AtLeast(least)) => (format!("at least {least}"), at_most(count, of, least / 100.0) > 1e-5),
        None => ("held back".to_owned(), true),
    };
    let reached = match target {
        Some(Target::AtMost(most)) if share > most => "  <-- above",
        Some(Target::AtLeast(least)) if share < least => "  <-- below",
        _ => "",
    };
    println!("{what:<78} {share:6.1} %   {told}{reached}");
    assert!(holds || std::env::var_os("TRUTH_GO_ON").is_some(), "{what}: {count} of {of}, {told} %");
}

/// Prints a number and between which it should be.
pub fn number(what: &str, found: f64, [low, high]: [f64; 2]) {
    let reached = if (low..=high).contains(&found) { "" } else { "  <-- outside" };
    println!("{what:<78} {found:6.2}     {low} to {high}{reached}");
}

/// How probable so many or more of all are, each with a probability.
fn at_least(count: usize, all: usize, probability: f64) -> f64 {
    (count..=all).map(|many| binomial(many, all, probability)).sum()
}

fn at_most(count: usize, all: usize, probability: f64) -> f64 {
    (0..=count).map(|many| binomial(many, all, probability)).sum()
}

fn binomial(many: usize, all: usize, probability: f64) -> f64 {
    let choices: f64 = (0..many).map(|nth| ((all - nth) as f64 / (nth + 1) as f64).ln()).sum();
    (choices + many as f64 * probability.ln() + (all - many) as f64 * (1.0 - probability).ln()).exp()
}

#[test]
fn bounds_are_those_of_the_binomial_distribution() {
    assert!((binomial(2, 4, 0.5) - 0.375).abs() < 1e-12);
    assert!((at_least(3, 4, 0.5) - 0.3125).abs() < 1e-12);
    assert!((at_most(1, 4, 0.5) - 0.3125).abs() < 1e-12);
}
