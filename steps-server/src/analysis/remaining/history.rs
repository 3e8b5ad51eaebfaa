//! What the deployments before tell: the steps of each, and which of them wait for which.

use std::collections::{HashMap, HashSet};

use super::spread::log_of;
use super::{Past, Present, Step};

/// How close to its prerequisite's end a step may begin before it, in seconds: commands start within the same millisecond.
const TOLERANCE: f64 = 0.002;

/// A step encloses others, and is only a frame, where these take at least this share of its time.
const ENCLOSED: f64 = 0.8;

/// Steps with a status are frames where this share of them is.
const MOSTLY: f64 = 0.9;

/// Of more different steps than this, a step waits for the one that ended last before it, rather than for all that always did.
const MAX_KEYS: usize = 256;

/// After how many deployments a deployment weighs half: the candidates, the steadiest first.
const HALF_LIVES: [f64; 4] = [25.0, 10.0, 5.0, 2.5];

/// By how much a shorter half-life has to foretell better.
const BETTER: f64 = 0.85;

/// The successful deployments of a component before this one, the oldest first.
#[derive(Debug, Clone)]
pub struct History {
    /// The key of each occurrence of a status: its first one in a deployment, its second, …
    keys: HashMap<String, Vec<usize>>,
    /// The statuses whose steps mostly only enclose others.
    frames: HashSet<String>,
    /// Whether every time is in whole seconds, as many sources have them.
    pub(super) is_whole: bool,
    /// Each key as a status and which occurrence.
    pub(super) names: Vec<(String, usize)>,
    pub(super) plans: Vec<Plan>,
    /// Of each key the keys that have always ended before it began, as bits; empty where there are too many keys.
    before: Vec<Bits>,
}

/// A deployment as a plan: what began when, after what. Times are seconds since its beginning.
#[derive(Debug, Clone)]
pub struct Plan {
    /// In order of their beginning.
    pub nodes: Vec<Node>,
    /// The node of each key.
    pub place: Vec<Option<usize>>,
    /// The nodes whose end its end waited for.
    pub end_after: Vec<usize>,
    /// How long after them it ended.
    pub end_lag: f64,
    pub took: f64,
    /// Newer ones weigh more; the newest 1.
    pub weight: f64,
}

/// A step of a plan.
#[derive(Debug, Clone)]
pub struct Node {
    pub key: usize,
    pub from: f64,
    /// The beginning again, where it only encloses others.
    pub to: f64,
    /// The nodes whose end it waited for.
    pub after: Vec<usize>,
    /// How long after them it began.
    pub lag: f64,
}

type Bits = [u64; MAX_KEYS / 64];

fn has(bits: &Bits, at: usize) -> bool {
    bits[at / 64] & (1 << (at % 64)) != 0
}

impl History {
    /// Of successful deployments, the oldest first.
    #[must_use]
    pub fn new(pasts: &[Past<'_>]) -> Self {
        let mut history = Self {
            keys: HashMap::new(),
            frames: mostly_frames(pasts),
            is_whole: pasts.iter().all(is_whole),
            names: Vec::new(),
            plans: Vec::new(),
            before: Vec::new(),
        };
        let weights = weights(&pasts.iter().map(|past| log_of(past.took)).collect::<Vec<_>>());
        for (past, weight) in pasts.iter().zip(weights) {
            let nodes = history.nodes(past);
            let plan = Plan { nodes, place: Vec::new(), end_after: Vec::new(), end_lag: 0.0, took: past.took, weight };
            history.plans.push(plan);
        }
        let many = history.names.len();
        for plan in &mut history.plans {
            plan.place = vec![None; many];
            for (at, node) in plan.nodes.iter().enumerate() {
                plan.place[node.key] = Some(at);
            }
        }
        if many <= MAX_KEYS {
            history.before = always_before(&history.plans, many);
        }
        for plan in &mut history.plans {
            plan.link(&history.before);
        }
        history
    }

    /// The key of the `nth` step with this status, counted from 0.
    pub(super) fn key(&self, status: &str, nth: usize) -> Option<usize> {
        self.keys.get(status)?.get(nth).copied()
    }

    /// The keys of all steps with this status.
    pub(super) fn keys_of(&self, status: &str) -> &[usize] {
        self.keys.get(status).map_or(&[], Vec::as_slice)
    }

    /// Which steps of the present one only enclose others.
    pub(super) fn frames(&self, present: &Present<'_>) -> Vec<bool> {
        let own = frames(&present.steps, present.elapsed);
        let is_frame = |(step, own): (&Step<'_>, bool)| match self.keys.contains_key(step.status) {
            true => self.frames.contains(step.status),
            false => own,
        };
        present.steps.iter().zip(own).map(is_frame).collect()
    }

    /// Whether a node of a plan has to have ended before another begins.
    pub(super) fn precedes(&self, plan: &Plan, one: usize, other: usize) -> bool {
        let (one, other) = (&plan.nodes[one], &plan.nodes[other]);
        match self.before.get(other.key) {
            Some(before) => has(before, one.key),
            None => one.to <= other.from,
        }
    }

    fn nodes(&mut self, past: &Past<'_>) -> Vec<Node> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut nodes = Vec::with_capacity(past.steps.len());
        for step in &past.steps {
            if step.from >= past.took {
                continue;
            }
            let nth = counts.entry(step.status).or_default();
            let keys = self.keys.entry(step.status.to_owned()).or_default();
            if *nth == keys.len() {
                keys.push(self.names.len());
                self.names.push((step.status.to_owned(), *nth));
            }
            let to = if self.frames.contains(step.status) {
                step.from
            } else {
                step.to.unwrap_or(past.took).clamp(step.from, past.took)
            };
            nodes.push(Node { key: keys[*nth], from: step.from, to, after: Vec::new(), lag: 0.0 });
            *nth += 1;
        }
        nodes
    }
}

impl Plan {
    /// How long a step took.
    pub fn took(&self, key: usize) -> Option<f64> {
        let node = self.nodes.get(self.place.get(key).copied()??)?;
        Some(node.to - node.from)
    }

    /// Finds what each node waited for.
    fn link(&mut self, before: &[Bits]) {
        for at in 0..self.nodes.len() {
            let from = self.nodes[at].from;
            let after = self.prerequisites(at, before);
            let ready = after.iter().map(|at| self.nodes[*at].to).fold(0.0, f64::max);
            (self.nodes[at].after, self.nodes[at].lag) = (after, (from - ready).max(0.0));
        }
        let mut is_last = vec![true; self.nodes.len()];
        self.nodes.iter().flat_map(|node| &node.after).for_each(|at| is_last[*at] = false);
        self.end_after = (0..self.nodes.len()).filter(|at| is_last[*at]).collect();
        let ready = self.end_after.iter().map(|at| self.nodes[*at].to).fold(0.0, f64::max);
        self.end_lag = (self.took - ready).max(0.0);
    }

    fn prerequisites(&self, at: usize, before: &[Bits]) -> Vec<usize> {
        let node = &self.nodes[at];
        let Some(bits) = before.get(node.key) else {
            let ended = (0..at).filter(|other| self.nodes[*other].to <= node.from + TOLERANCE);
            return ended
                .max_by(|one, other| self.nodes[*one].to.total_cmp(&self.nodes[*other].to))
                .into_iter()
                .collect();
        };
        // What another prerequisite waits for says nothing more.
        let all: Vec<usize> = (0..at).filter(|other| has(bits, self.nodes[*other].key)).collect();
        let implied = |one: &usize| all.iter().any(|other| has(&before[self.nodes[*other].key], self.nodes[*one].key));
        all.iter().filter(|one| !implied(one)).copied().collect()
    }
}

fn is_whole(past: &Past<'_>) -> bool {
    let times = past.steps.iter().flat_map(|step| [Some(step.from), step.to]).flatten();
    times.chain([past.took]).all(|time| (time - time.round()).abs() < 1e-6)
}

/// The statuses whose steps mostly enclose others: spans beside each other lie one within the other by chance.
fn mostly_frames(pasts: &[Past<'_>]) -> HashSet<String> {
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for past in pasts {
        for (step, is_frame) in past.steps.iter().zip(frames(&past.steps, past.took)) {
            let (all, enclosing) = counts.entry(step.status).or_default();
            *all += 1;
            *enclosing += usize::from(is_frame);
        }
    }
    let mostly = |(all, enclosing): &(usize, usize)| *enclosing as f64 >= MOSTLY * *all as f64;
    counts.into_iter().filter(|(_, counts)| mostly(counts)).map(|(status, _)| status.to_owned()).collect()
}

/// Which steps only enclose others: a status that goes on while spans begin and end, a span around others.
fn frames(steps: &[Step<'_>], end: f64) -> Vec<bool> {
    let to = |step: &Step<'_>| step.to.unwrap_or(end).min(end);
    let is_frame = |(at, outer): (usize, &Step<'_>)| {
        let within = |inner: &&Step<'_>| inner.span && inner.from < to(outer);
        // The steps are in order of their beginning.
        let mut inner = steps[at + 1..].iter().filter(within).peekable();
        if !outer.span {
            return inner.peek().is_some();
        }
        let (mut covered, mut until) = (0.0, outer.from);
        for step in inner.filter(|inner| to(inner) <= to(outer)) {
            covered += (to(step) - step.from.max(until)).max(0.0);
            until = until.max(to(step));
        }
        covered > 0.0 && covered >= ENCLOSED * (to(outer) - outer.from)
    };
    steps.iter().enumerate().map(is_frame).collect()
}

/// Of each key the keys that, in every deployment that has both, have ended before it began.
fn always_before(plans: &[Plan], many: usize) -> Vec<Bits> {
    let (mut before, mut other) = (vec![Bits::default(); many], vec![Bits::default(); many]);
    for plan in plans {
        for (at, node) in plan.nodes.iter().enumerate() {
            for (nth, earlier) in plan.nodes.iter().enumerate() {
                let is_before = nth < at && earlier.to <= node.from + TOLERANCE;
                let bits = if is_before { &mut before } else { &mut other };
                bits[node.key][earlier.key / 64] |= 1 << (earlier.key % 64);
            }
        }
    }
    for (before, other) in before.iter_mut().zip(other) {
        before.iter_mut().zip(other).for_each(|(before, other)| *before &= !other);
    }
    before
}

/// How much each deployment weighs, the oldest first: less from one to the next, as fast as foretells each from those before it best.
fn weights(logs: &[f64]) -> Vec<f64> {
    let error = |half_life: f64| {
        let fade = 0.5_f64.powf(1.0 / half_life);
        let (mut sum, mut weight, mut error, mut errors) = (0.0, 0.0, 0.0, 0.0);
        for (nth, log) in logs.iter().enumerate() {
            if nth >= 5 {
                error = error * 0.95 + (log - sum / weight).abs();
                errors = errors * 0.95 + 1.0;
            }
            (sum, weight) = (sum * fade + log, weight * fade + 1.0);
        }
        if errors > 0.0 { error / errors } else { 0.0 }
    };
    let mut chosen = (HALF_LIVES[0], error(HALF_LIVES[0]));
    for half_life in &HALF_LIVES[1..] {
        let error = error(*half_life);
        if error < BETTER * chosen.1 {
            chosen = (*half_life, error);
        }
    }
    (0..logs.len()).rev().map(|age| 0.5_f64.powf(age as f64 / chosen.0)).collect()
}
