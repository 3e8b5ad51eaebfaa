//! What is told of a running deployment: how long it goes on, and what each of its steps does.

use std::collections::HashMap;

use steps_shared::StepState;

use super::history::History;
use super::replay::{Placed, Replay, State};
use super::spread::quantiles;
use super::{Present, Range, Step};
use crate::analysis::statistics::predicted_quantile;

/// A step that took longer than this share of those before is slow, …
const SLOW: f64 = 0.95;

/// … where there are as many as this.
const MIN_SLOW: usize = 5;

/// A step is to come where this share of the plans has it still before it.
const LIKELY: f64 = 0.5;

/// What is told of a running deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// How much longer it takes.
    pub left: Option<Range>,
    /// Whether it has taken longer than every deployment before.
    pub is_longest: bool,
    /// Its steps so far, in order, then those that are to come.
    pub steps: Vec<StepTold>,
}

/// The same while it is found out.
#[derive(Debug)]
pub(super) struct Telling<'a> {
    history: &'a History,
    told: Told,
    /// When each step that goes on ends, and each that is to come begins and ends.
    coming: HashMap<usize, Coming>,
}

/// A step, and what it took in the deployments before.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTold {
    /// The status.
    pub status: String,
    /// Where it is.
    pub state: StepState,
    /// When it began, or is expected to, in seconds since the deployment began.
    pub from: Option<f64>,
    /// When it ended, or is expected to.
    pub to: Option<f64>,
    /// What it takes.
    pub usual: Option<Range>,
    /// Whether it has taken longer than 95 of 100.
    pub is_slow: bool,
    /// How many of the deployments before have it.
    pub past: usize,
    key: Option<usize>,
}

/// What a step took in the deployments before.
#[derive(Debug, Clone, Default, PartialEq)]
struct Usual {
    range: Option<Range>,
    slow_from: Option<f64>,
    past: usize,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Coming {
    weight: f64,
    begins: Vec<(f64, f64)>,
    ends: Vec<(f64, f64)>,
}

impl Usual {
    fn of(history: &History, key: usize) -> Self {
        let took = history.plans.iter().filter_map(|plan| Some((plan.took(key)?, plan.weight)));
        let mut times: Vec<(f64, f64)> = took.collect();
        let past = times.len();
        // What only encloses others takes no time of its own.
        times.retain(|(seconds, _)| *seconds > 0.0);
        if times.is_empty() {
            return Self { past, ..Self::default() };
        }
        let range = Some(Range::of(&mut times));
        let micros: Vec<i64> = times.iter().map(|(seconds, _)| (seconds * 1e6) as i64).collect();
        let slow_from =
            predicted_quantile(&micros, SLOW).filter(|_| times.len() >= MIN_SLOW).map(|micros| micros / 1e6);
        Self { range, slow_from, past }
    }
}

impl StepTold {
    fn of(history: &History, step: &Step<'_>, nth: usize, now: f64) -> Self {
        let key = history.key(step.status, nth).or(history.keys_of(step.status).last().copied());
        let Usual { range, slow_from, past } = key.map(|key| Usual::of(history, key)).unwrap_or_default();
        let took = step.to.unwrap_or(now) - step.from;
        Self {
            status: step.status.to_owned(),
            state: if step.to.is_some() { StepState::Done } else { StepState::Running },
            from: Some(step.from),
            to: step.to,
            usual: range,
            is_slow: slow_from.is_some_and(|slow_from| took > slow_from),
            past,
            key,
        }
    }
}

impl<'a> Telling<'a> {
    /// Of the steps so far; of plans, with their weights, what they have still before them.
    pub fn new(history: &'a History, present: &Present<'_>, placed: &[Placed<'_>], weights: &[f64]) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut steps = Vec::with_capacity(present.steps.len());
        for step in &present.steps {
            let nth = counts.entry(step.status).or_default();
            steps.push(StepTold::of(history, step, *nth, present.elapsed));
            *nth += 1;
        }
        let mut coming: HashMap<usize, Coming> = HashMap::new();
        let whole: f64 = weights.iter().sum();
        for (placed, weight) in placed.iter().zip(weights) {
            for (key, _) in placed.states().filter(|(_, state)| *state == State::Pending) {
                coming.entry(key).or_default().weight += weight / whole;
            }
        }
        coming.retain(|_, coming| coming.weight >= LIKELY);
        for step in steps.iter().filter(|step| step.state == StepState::Running) {
            step.key.map(|key| coming.insert(key, Coming::default()));
        }
        let is_longest = !history.plans.is_empty() && history.plans.iter().all(|plan| plan.took < present.elapsed);
        Self { history, told: Told { left: None, is_longest, steps }, coming }
    }

    /// Takes in what a replay tells of when each step begins and ends.
    pub fn add(&mut self, placed: &Placed<'_>, replay: &Replay, weight: f64) {
        for ((key, state), (begin, end)) in placed.states().zip(&replay.nodes) {
            if let (State::Pending | State::Open(_), Some(coming)) = (state, self.coming.get_mut(&key)) {
                coming.begins.push((*begin, weight));
                coming.ends.push((*end, weight));
            }
        }
    }

    /// The answer; without a time left where that is not known.
    pub fn finish(self, left: Option<Range>) -> Told {
        let Self { history, mut told, mut coming } = self;
        let median = |mut values: Vec<(f64, f64)>| {
            let [median] = quantiles(&mut values, [0.5]);
            Some(median).filter(|_| !values.is_empty())
        };
        for step in told.steps.iter_mut().filter(|step| step.state == StepState::Running) {
            step.to = step.key.and_then(|key| coming.remove(&key)).and_then(|coming| median(coming.ends));
        }
        let to_come = coming.into_iter().map(|(key, coming)| {
            let Usual { range, past, .. } = Usual::of(history, key);
            let (from, to) = (median(coming.begins), median(coming.ends));
            let (status, state) = (history.names[key].0.clone(), StepState::ToCome);
            StepTold { status, state, from, to, usual: range, is_slow: false, past, key: Some(key) }
        });
        let mut to_come: Vec<StepTold> = to_come.collect();
        let begin = |step: &StepTold| step.from.unwrap_or(f64::INFINITY);
        to_come.sort_by(|one, other| begin(one).total_cmp(&begin(other)).then(one.key.cmp(&other.key)));
        told.steps.append(&mut to_come);
        Told { left, ..told }
    }
}
