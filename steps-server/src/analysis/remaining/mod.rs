//! How much longer a running deployment takes, told by the successful ones before it. Pure.
//!
//! Each deployment before is a plan: which steps it had, which waited for which, how long each took. The present one is placed in each
//! plan, and each plan is carried on from there many times: what is open lasts as long as it may that has lasted so long already, what
//! is to come takes as long as in the plan, give or take what so few plans leave unknown. The weighted quantiles of all the ends are the
//! answer. A plan weighs the more, the newer it is, and the better it agrees with what has been seen. Where each deployment is like
//! those before it, its end is as likely in one place among theirs as in another, which calibrates the range (Vovk, Gammerman & Shafer,
//! "Algorithmic Learning in a Random World", 2005).

mod history;
mod pace;
mod replay;
mod spread;
mod told;

pub use history::History;
pub use told::{StepTold, Told};

use std::collections::HashMap;

use history::Plan;
use replay::{Activity, Draw, Known, Placed, Replay};
use spread::{Moments, log_of, logistic, quantiles};
use told::Telling;

/// Of fewer deployments before, nothing is told.
pub const MIN_PAST: usize = 5;

/// How often each plan is carried on, …
const DRAWS: usize = 16;

/// … or less often, so that this many steps are carried on in all.
const MAX_STEPS: usize = 200_000;

/// The least that is left of a deployment, as a share of it, where it is told how the rest is spread.
const LEAST_REST: f64 = 0.02;

/// Plans that weigh less than this, of the heaviest one's weight, are not carried on.
const LEAST_WEIGHT: f64 = 1e-6;

/// A step. Times are seconds since its deployment began.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// The status.
    pub status: &'a str,
    /// When it began.
    pub from: f64,
    /// When it ended.
    pub to: Option<f64>,
    /// Whether it has an end of its own.
    pub span: bool,
}

/// A successful deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Past<'a> {
    /// Its steps in order, without its end.
    pub steps: Vec<Step<'a>>,
    /// How many seconds it took.
    pub took: f64,
}

/// A running deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Present<'a> {
    /// Its steps so far, in order.
    pub steps: Vec<Step<'a>>,
    /// How many seconds ago it began.
    pub elapsed: f64,
}

/// A median and the range that holds four of five: from the 10th to the 90th percentile, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// The 10th percentile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The 90th percentile.
    pub high: f64,
}

impl Range {
    fn of(values: &mut [(f64, f64)]) -> Self {
        let [low, median, high] = quantiles(values, [0.1, 0.5, 0.9]);
        Self { low, median, high }
    }
}

/// How much longer a deployment takes, and what each step does. Of fewer than five deployments before, no time left.
#[must_use]
pub fn left(history: &History, present: &Present<'_>) -> Told {
    if history.plans.len() < MIN_PAST {
        return Telling::new(history, present, &[], &[]).finish(None);
    }
    let mut replay = Replay::default();
    let placed: Vec<Placed<'_>> = history.plans.iter().map(|plan| Placed::new(history, plan, present)).collect();
    let rest: Vec<f64> = placed.iter().map(|placed| placed.to_come(&mut replay)).collect();
    let stretches = pace::stretches(history, &placed, &rest);
    let known = known(history, &placed, &stretches);
    let logs = placed.iter().zip(&stretches).map(|(placed, stretch)| placed.log_weight(&known, *stretch));
    let logs: Vec<f64> = logs.collect();
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
    // What is left of a second or two says nothing about how the rest is spread.
    let rest = rest.iter().zip(&stretches).zip(&history.plans);
    let rest = rest.map(|((seconds, stretch), plan)| log_of(seconds.max(LEAST_REST * plan.took)) + stretch);
    let spread = Moments::of(rest.zip(weights.iter().copied())).kernel();
    let steps: usize = history.plans.iter().map(|plan| plan.nodes.len()).sum();
    let draws = (MAX_STEPS / steps.max(1)).clamp(2, DRAWS);
    let mut ends: Vec<(f64, f64)> = Vec::with_capacity(placed.len() * draws);
    let mut told = Telling::new(history, present, &placed, &weights);
    for (nth, (placed, weight)) in placed.iter().zip(&weights).enumerate().filter(|(_, (_, w))| **w > LEAST_WEIGHT) {
        for draw in 0..draws {
            // Every place of one distribution meets another of the other, and each plan has places of its own: multiples of the
            // plastic number spread them evenly (Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences", 2018).
            let place = |stride: usize, turn: f64| {
                let within = ((draw * stride) % draws) as f64 + 0.5;
                within.mul_add(1.0 / draws as f64, nth as f64 * turn).fract()
            };
            let factor = (spread * logistic(place(5, 0.754_877_666).clamp(0.005, 0.995))).exp();
            let draw = Draw { open: place(1, 0.569_840_291), factor, stretch: stretches[nth] };
            placed.replay(&known, &draw, &mut replay);
            ends.push(((replay.end - present.elapsed).max(0.0), *weight));
            told.add(placed, &replay, *weight);
        }
    }
    let mut left = Range::of(&mut ends);
    if history.is_whole {
        // So does this one end at a whole second: the ends of its range are such seconds.
        left.low = ((present.elapsed + left.low).floor() - present.elapsed).max(0.0);
        left.high = (present.elapsed + left.high).ceil() - present.elapsed;
    }
    told.finish(Some(left))
}

/// How what goes on now is spread over the plans.
fn known(history: &History, placed: &[Placed<'_>], stretches: &[f64]) -> Known {
    let mut times: HashMap<Activity, Vec<(f64, f64)>> = HashMap::new();
    for ((placed, stretch), plan) in placed.iter().zip(stretches).zip(&history.plans) {
        for (activity, took, _) in placed.open() {
            times.entry(activity).or_default().push((log_of(took) + stretch, plan.weight));
        }
    }
    for key in placed.iter().flat_map(Placed::gates) {
        let took = |plan: &Plan| plan.took(key).map(|took| (log_of(took), plan.weight));
        times.entry(Activity::Step(key)).or_insert_with(|| history.plans.iter().filter_map(took).collect());
    }
    Known::new(times)
}

#[cfg(test)]
mod tests;
