//! A past deployment carried on from where the present one is.

use std::collections::HashMap;

use super::history::{History, Plan};
use super::spread::{Kernel, Moments, UNKNOWN};
use super::{Present, Step};

/// What a plan of another shape weighs, for each step that differs.
const MISMATCH: f64 = 0.3;
/// The most that this counts.
const MAX_MISMATCHES: i32 = 6;

/// Where the present is in a plan.
#[derive(Debug)]
pub struct Placed<'a> {
    plan: &'a Plan,
    states: Vec<State>,
    /// Steps that the plan has not, and that are open: nothing begins before they end.
    gates: Vec<Gate>,
    gap: Option<Gap>,
    mismatches: i32,
    now: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum State {
    /// It began and ended then.
    Done(f64, f64),
    /// It began then.
    Open(f64),
    Pending,
    Skipped,
}

#[derive(Debug)]
struct Gate {
    from: f64,
    key: Option<usize>,
}

/// What is chosen by chance in a replay.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    /// Where in its distribution each open step is: of the first, and how far apart.
    pub open: f64,
    /// How many times as long what is to come takes.
    pub factor: f64,
    /// The logarithm of how many times as long as in the plan this deployment takes.
    pub stretch: f64,
}

/// What goes on: a step, by its key, or no step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activity {
    Step(usize),
    Gap,
}

/// How what goes on now is spread, in logarithms: where each plan is stretched to the pace of the present one.
#[derive(Debug, Default)]
pub struct Known(HashMap<Activity, Moments>);

impl Known {
    /// Of each activity its times, stretched, with the weights of their plans.
    pub fn new(times: HashMap<Activity, Vec<(f64, f64)>>) -> Self {
        Self(times.into_iter().map(|(activity, times)| (activity, Moments::of(times.into_iter()))).collect())
    }

    fn moments(&self, activity: Activity) -> &Moments {
        self.0.get(&activity).unwrap_or(&UNKNOWN)
    }
}

/// What a replay tells: when each step begins and ends, and the whole.
#[derive(Debug, Default)]
pub struct Replay {
    pub nodes: Vec<(f64, f64)>,
    pub end: f64,
}

impl<'a> Placed<'a> {
    pub fn new(history: &History, plan: &'a Plan, present: &Present<'_>) -> Self {
        let mut placed = Self {
            plan,
            states: vec![State::Pending; plan.nodes.len()],
            gates: Vec::new(),
            gap: None,
            mismatches: 0,
            now: present.elapsed,
        };
        let is_frame = history.frames(present);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for (step, is_frame) in present.steps.iter().zip(is_frame) {
            let nth = counts.entry(step.status).or_default();
            let node = |nth| history.key(step.status, nth).and_then(|key| plan.place[key]);
            // What comes again more often than in the plan goes back to when it came last.
            let last = || (0..*nth).rev().find_map(node);
            match node(*nth) {
                Some(at) => placed.states[at] = placed.state(step, at, is_frame),
                None => {
                    placed.mismatches += 1;
                    match last() {
                        Some(at) => placed.go_back(history, step, at, is_frame),
                        None if step.to.is_none() && !is_frame => {
                            let key = history.key(step.status, *nth).or(history.keys_of(step.status).first().copied());
                            placed.gates.push(Gate { from: step.from, key });
                        }
                        None => {}
                    }
                }
            }
            *nth += 1;
        }
        placed.skip(history);
        placed.gap = placed.find_gap();
        placed
    }

    fn state(&self, step: &Step<'_>, at: usize, is_frame: bool) -> State {
        // It only encloses others in the plan too, even where the first of them has not begun yet.
        let encloses = self.plan.nodes[at].to <= self.plan.nodes[at].from;
        match step.to {
            _ if is_frame || encloses => State::Done(step.from, step.from),
            Some(to) => State::Done(step.from, to),
            None => State::Open(step.from),
        }
    }

    /// Takes a step for one that the plan has had already: what came after that is still to come.
    fn go_back(&mut self, history: &History, step: &Step<'_>, at: usize, is_frame: bool) {
        for later in at + 1..self.states.len() {
            if !matches!(self.states[later], State::Open(_)) && history.precedes(self.plan, at, later) {
                self.states[later] = State::Pending;
            }
        }
        self.states[at] = self.state(step, at, is_frame);
    }

    /// What has to be before a step that has begun, and did not come, does not come any more.
    fn skip(&mut self, history: &History) {
        let mut begun = Vec::new();
        for at in (0..self.states.len()).rev() {
            match self.states[at] {
                State::Done(..) | State::Open(_) => begun.push(at),
                _ if begun.iter().any(|later| history.precedes(self.plan, at, *later)) => {
                    self.states[at] = State::Skipped;
                    self.mismatches += 1;
                }
                _ => {}
            }
        }
    }

    pub fn states(&self) -> impl Iterator<Item = (usize, State)> {
        self.plan.nodes.iter().zip(&self.states).map(|(node, state)| (node.key, *state))
    }

    /// How long the steps took that have ended, here and in the plan.
    pub fn done(&self) -> (f64, f64) {
        let mut sums = (0.0, 0.0);
        for (node, state) in self.plan.nodes.iter().zip(&self.states) {
            if let State::Done(from, to) = state
                && to > from
                && node.to > node.from
            {
                sums = (sums.0 + to - from, sums.1 + node.to - node.from);
            }
        }
        sums
    }

    /// What goes on now: how long it takes in the plan, and how long it has taken.
    pub fn open(&self) -> impl Iterator<Item = (Activity, f64, f64)> {
        let nodes = self.plan.nodes.iter().zip(&self.states).filter_map(|(node, state)| match state {
            State::Open(from) => Some((Activity::Step(node.key), node.to - node.from, self.now - from)),
            _ => None,
        });
        nodes.chain(self.gap.as_ref().map(|gap| (Activity::Gap, gap.lag, gap.elapsed)))
    }

    /// The keys of what is open, and not in the plan.
    pub fn gates(&self) -> impl Iterator<Item = usize> {
        self.gates.iter().filter_map(|gate| gate.key)
    }

    /// The logarithm of how well the plan agrees with the present.
    pub fn log_weight(&self, known: &Known, stretch: f64) -> f64 {
        let agreement = |(activity, took, elapsed)| {
            Kernel::new(took, known.moments(activity), elapsed, stretch).log_survival(elapsed)
        };
        let agreement: f64 = self.open().map(agreement).sum();
        self.plan.weight.ln() + agreement + f64::from(self.mismatches.min(MAX_MISMATCHES)) * MISMATCH.ln()
    }

    /// The gap that goes on, where nothing is open: what begins next ends it.
    fn find_gap(&self) -> Option<Gap> {
        if !self.gates.is_empty() || self.states.iter().any(|state| matches!(state, State::Open(_))) {
            return None;
        }
        let mut ends = Vec::with_capacity(self.states.len());
        let ready = |after: &[usize], ends: &[f64]| after.iter().map(|at| ends[*at]).fold(0.0, f64::max);
        let mut next: Option<(f64, f64)> = None;
        let mut consider = |ready: f64, lag: f64| {
            if ready.is_finite() && next.is_none_or(|(before, shortest)| ready + lag < before + shortest) {
                next = Some((ready, lag));
            }
        };
        for (node, state) in self.plan.nodes.iter().zip(&self.states) {
            let ready = ready(&node.after, &ends);
            ends.push(match state {
                State::Done(_, to) => *to,
                State::Skipped => ready,
                State::Open(_) | State::Pending => f64::INFINITY,
            });
            if *state == State::Pending {
                consider(ready, node.lag);
            }
        }
        consider(ready(&self.plan.end_after, &ends), self.plan.end_lag);
        next.map(|(ready, lag)| Gap { lag, elapsed: (self.now - ready).max(0.0), planned: ready + lag })
    }

    /// Carries the plan on.
    pub fn replay(&self, known: &Known, draw: &Draw, replay: &mut Replay) {
        let Draw { open, factor, stretch } = *draw;
        let scale = factor * stretch.exp();
        // What is open is drawn independently: the golden ratio spreads the places evenly.
        let mut place = open;
        let mut next_place = || {
            let this = place;
            place = (place + 0.618_033_988_749_895).fract();
            this.clamp(0.01, 0.99)
        };
        let gate = self.gates.iter().map(|gate| {
            let (elapsed, moments) = (self.now - gate.from, gate.key.map(|key| known.moments(Activity::Step(key))));
            let seconds = moments.map_or(elapsed, |moments| moments.mean.exp());
            let kernel = Kernel::new(seconds, moments.unwrap_or(&UNKNOWN), elapsed, 0.0);
            gate.from + kernel.quantile_beyond(elapsed, next_place())
        });
        let gate = gate.fold(self.now, f64::max);
        // The plan's gap ends that much later. Where nothing marks the end, the plan has ended with its last step.
        let marked = |gap: &&Gap| gap.planned < self.plan.took || self.plan.end_lag > 0.0;
        let later = self.gap.as_ref().map(|gap| match marked(&gap) {
            true => {
                let kernel = Kernel::new(gap.lag, known.moments(Activity::Gap), gap.elapsed, stretch);
                self.now - gap.elapsed + kernel.quantile_beyond(gap.elapsed, next_place()) - gap.planned
            }
            false => 0.0,
        });
        replay.nodes.clear();
        let begin = |after: &[usize], lag: f64, nodes: &[(f64, f64)], is_ready: &[bool]| {
            let ready = after.iter().map(|at| nodes[*at].1).fold(0.0, f64::max);
            let start = match later {
                Some(later) if after.iter().all(|at| is_ready[*at]) => ready + lag + later,
                _ => ready + lag * scale,
            };
            start.max(gate)
        };
        let mut is_ready = Vec::with_capacity(self.states.len());
        for (node, state) in self.plan.nodes.iter().zip(&self.states) {
            let took = node.to - node.from;
            replay.nodes.push(match state {
                State::Done(from, to) => (*from, *to),
                State::Open(from) => {
                    let elapsed = self.now - from;
                    let kernel = Kernel::new(took, known.moments(Activity::Step(node.key)), elapsed, stretch);
                    (*from, from + kernel.quantile_beyond(elapsed, next_place()))
                }
                State::Skipped => {
                    let ready = node.after.iter().map(|at| replay.nodes[*at].1).fold(0.0, f64::max);
                    (ready, ready)
                }
                State::Pending => {
                    let start = begin(&node.after, node.lag, &replay.nodes, &is_ready);
                    (start, start + took * scale)
                }
            });
            is_ready.push(match state {
                State::Done(..) => true,
                State::Skipped => node.after.iter().all(|at| is_ready[*at]),
                State::Open(_) | State::Pending => false,
            });
        }
        replay.end = begin(&self.plan.end_after, self.plan.end_lag, &replay.nodes, &is_ready);
    }

    /// How long the plan would go on if what is open ended now, in seconds.
    pub fn to_come(&self, replay: &mut Replay) -> f64 {
        replay.nodes.clear();
        let ready = |after: &[usize], nodes: &[(f64, f64)]| after.iter().map(|at| nodes[*at].1).fold(0.0, f64::max);
        for (node, state) in self.plan.nodes.iter().zip(&self.states) {
            replay.nodes.push(match state {
                State::Done(from, to) => (*from, *to),
                State::Open(_) => (self.now, self.now),
                State::Skipped => (0.0, ready(&node.after, &replay.nodes)),
                State::Pending => {
                    let start = (ready(&node.after, &replay.nodes) + node.lag).max(self.now);
                    (start, start + node.to - node.from)
                }
            });
        }
        (ready(&self.plan.end_after, &replay.nodes) + self.plan.end_lag - self.now).max(0.0)
    }
}

/// A time in which nothing is open.
#[derive(Debug)]
struct Gap {
    /// How long it is in the plan.
    lag: f64,
    elapsed: f64,
    /// When it would end in the plan.
    planned: f64,
}
