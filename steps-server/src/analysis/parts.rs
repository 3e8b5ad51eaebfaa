//! The parts that the difference between two kinds of deployments is split into.

use std::collections::{BTreeMap, BTreeSet};

use steps_shared::{Status, StepPresence};

use super::cause::Cost;

/// A step that vanished was replaced by what appeared in its place, unless that takes this many times as long, or as little.
const SIMILAR: f64 = 3.0;

/// A step, or the gaps; perhaps what was another step before.
#[derive(Debug)]
pub struct Part<'a> {
    /// The step; `None` of the gaps.
    pub step: Option<&'a Status>,
    /// What it replaces, and the part of that which is its own, as a fraction.
    replaced: Vec<&'a Status>,
    fraction: (i64, i64),
}

impl<'a> Part<'a> {
    fn of_step(step: Option<&'a Status>) -> Self {
        Self { step, replaced: Vec::new(), fraction: (1, 1) }
    }

    /// What it replaces.
    pub fn replaces(&self) -> impl Iterator<Item = &'a Status> {
        self.replaced.iter().copied()
    }

    /// The microseconds of it in a deployment of one side.
    pub fn of(&self, cost: &Cost, before: bool) -> f64 {
        let Some(step) = self.step else { return cost.gaps as f64 };
        if self.replaced.is_empty() || !before {
            return cost.steps.get(step).copied().unwrap_or(0) as f64;
        }
        let (own, all) = self.fraction;
        self.replaced.iter().filter_map(|step| cost.steps.get(*step)).sum::<i64>() as f64 * own as f64 / all as f64
    }

    /// Their sum over the deployments of one side.
    pub fn sum(&self, costs: &[Cost], before: bool) -> i128 {
        self.total(costs, before, |cost| &cost.steps)
    }

    /// How long it was open, whatever others were, in the mean of one side.
    pub fn opened(&self, costs: &[Cost], before: bool) -> i64 {
        let total = self.total(costs, before, |cost| &cost.open);
        i64::try_from(total / costs.len().max(1) as i128).unwrap_or(i64::MAX)
    }

    /// The sum over the deployments of one side of what `times` says of its steps.
    fn total(&self, costs: &[Cost], before: bool, times: fn(&Cost) -> &BTreeMap<Status, i64>) -> i128 {
        let of = |cost: &Cost| match self.step {
            None => cost.gaps,
            Some(step) if self.replaced.is_empty() || !before => times(cost).get(step).copied().unwrap_or(0),
            Some(_) => self.replaced.iter().filter_map(|step| times(cost).get(*step)).sum(),
        };
        let sum: i128 = costs.iter().map(|cost| i128::from(of(cost))).sum();
        let (own, all) = if before { self.fraction } else { (1, 1) };
        sum * i128::from(own) / i128::from(all)
    }

    /// Whether it is new, or gone.
    pub fn presence(&self, before: &[Cost], after: &[Cost]) -> Option<StepPresence> {
        let step = self.step.filter(|_| self.replaced.is_empty())?;
        match (has(before, step), has(after, step)) {
            (false, true) => Some(StepPresence::Appeared),
            (true, false) => Some(StepPresence::Vanished),
            _ => None,
        }
    }
}

fn has(costs: &[Cost], step: &Status) -> bool {
    costs.iter().any(|cost| cost.steps.contains_key(step))
}

/// The steps of both sides and the gaps. What appeared where something of similar length vanished is one part with it: a step
/// that was renamed, or split.
pub fn parts<'a>(before: &'a [Cost], after: &'a [Cost]) -> Vec<Part<'a>> {
    let names: BTreeSet<&Status> = before.iter().chain(after).flat_map(|cost| cost.steps.keys()).collect();
    let (common, others): (Vec<&Status>, Vec<&Status>) =
        names.into_iter().partition(|step| has(before, step) && has(after, step));
    // The place of a step is told by the common steps that begin before it.
    let slot = |costs: &[Cost], step: &Status| {
        let begin = mean_begin(costs, step);
        common.iter().filter(|other| mean_begin(costs, other) < begin).map(|other| (*other).clone()).collect::<Vec<_>>()
    };
    let (gone, new): (Vec<&Status>, Vec<&Status>) = others.into_iter().partition(|step| has(before, step));
    let mean = |costs: &[Cost], step: &Status| {
        costs.iter().filter_map(|cost| cost.steps.get(step)).sum::<i64>() / costs.len().max(1) as i64
    };
    let mut parts: Vec<Part<'a>> = common.iter().map(|step| Part::of_step(Some(step))).collect();
    let mut left = gone;
    let mut placed: Vec<(Vec<Status>, Vec<&'a Status>)> = Vec::new();
    for step in new {
        let place = slot(after, step);
        match placed.iter_mut().find(|(known, _)| *known == place) {
            Some((_, steps)) => steps.push(step),
            None => placed.push((place, vec![step])),
        }
    }
    for (place, steps) in placed {
        let (here, elsewhere): (Vec<&Status>, Vec<&Status>) =
            left.iter().copied().partition(|step| slot(before, step) == place);
        let was: i64 = here.iter().map(|step| mean(before, step)).sum();
        let is: Vec<i64> = steps.iter().map(|step| mean(after, step)).collect();
        let all: i64 = is.iter().sum();
        let is_similar = was as f64 <= SIMILAR * all as f64 && all as f64 <= SIMILAR * was as f64;
        if here.is_empty() || !is_similar || all == 0 {
            parts.extend(steps.into_iter().map(|step| Part::of_step(Some(step))));
            continue;
        }
        left = elsewhere;
        parts.extend(steps.into_iter().zip(is).map(|(step, own)| Part {
            step: Some(step),
            replaced: here.clone(),
            fraction: (own, all),
        }));
    }
    parts.extend(left.into_iter().map(|step| Part::of_step(Some(step))));
    parts.sort_by_key(|part| part.step);
    parts.insert(0, Part::of_step(None));
    parts
}

fn mean_begin(costs: &[Cost], step: &Status) -> i64 {
    let begins: Vec<i64> = costs.iter().filter_map(|cost| cost.begins.get(step).copied()).collect();
    begins.iter().sum::<i64>() / begins.len().max(1) as i64
}

/// Where a parallel step overtakes another, the time that the other held up goes to it, though the other is as long as ever: nothing
/// got faster. Moves such time back, in the means after, and says whose was moved. `open` is how much longer each was open.
pub fn displaced(open: &[i64], before: &mut [i64], after: &mut [i64]) -> Vec<bool> {
    let changes: Vec<i64> = before.iter().zip(after.iter()).map(|(was, is)| is - was).collect();
    // What a part lost though it was open as long, and what one gained though it was open no longer.
    let lost = |nth: usize| (open[nth].min(0) - changes[nth]).max(0).min((-changes[nth]).max(0));
    let gained = |nth: usize| (changes[nth] - open[nth].max(0)).max(0).min(changes[nth].max(0));
    let all = 0..changes.len();
    let sum = |of: &dyn Fn(usize) -> i64| all.clone().map(of).sum::<i64>();
    let is_loser = |nth: usize| lost(nth) > 0;
    let is_gainer = |nth: usize| gained(nth) > 0;
    let most =
        |is: &dyn Fn(usize) -> bool| all.clone().filter(|nth| is(*nth)).map(|nth| changes[nth].abs()).sum::<i64>();
    let moved = sum(&lost).max(sum(&gained)).min(most(&is_loser)).min(most(&is_gainer));
    let (mut to_losers, mut from_gainers) = (moved, moved);
    let mut touched = vec![false; changes.len()];
    if moved <= 0 {
        return touched;
    }
    for nth in all {
        let change = changes[nth].abs();
        if is_loser(nth) {
            let part = change.min(to_losers);
            after[nth] += part;
            to_losers -= part;
            touched[nth] = part > 0;
        } else if is_gainer(nth) {
            let part = change.min(from_gainers);
            after[nth] -= part;
            from_gainers -= part;
            touched[nth] = part > 0;
        }
    }
    touched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overtaken_is_not_faster() {
        // A test of 100 s holds up; the linter grows from 60 s to 150 s beside it.
        let (mut before, mut after) = ([100, 0], [0, 150]);
        displaced(&[0, 90], &mut before, &mut after);
        assert_eq!((before, after), ([100, 0], [100, 50]));
        // And back.
        let (mut before, mut after) = ([0, 150], [100, 0]);
        displaced(&[0, -90], &mut before, &mut after);
        assert_eq!((before, after), ([0, 150], [0, 100]));
        // One after the other: each has its own.
        let (mut before, mut after) = ([100, 50], [80, 90]);
        assert_eq!(displaced(&[-20, 40], &mut before, &mut after), [false, false]);
        assert_eq!(after, [80, 90]);
    }

    fn cost(steps: &[(&str, i64)]) -> Cost {
        let mut cost = Cost::default();
        let mut now = 0;
        for (name, micros) in steps {
            let name: Status = name.parse().unwrap();
            cost.begins.insert(name.clone(), now);
            cost.steps.insert(name.clone(), *micros);
            cost.open.insert(name, *micros);
            now += micros;
        }
        cost
    }

    fn replaced(before: &[(&str, i64)], after: &[(&str, i64)]) -> Vec<(String, String, i128)> {
        let (before, after) = ([cost(before)], [cost(after)]);
        let parts = parts(&before, &after);
        let steps = parts.iter().filter(|part| part.step.is_some());
        steps
            .map(|part| {
                let names: Vec<&str> = part.replaces().map(Status::as_str).collect();
                (part.step.unwrap().to_string(), names.join(" "), part.sum(&before, true))
            })
            .collect()
    }

    #[test]
    fn a_renamed_and_a_split_step_are_set_against_what_they_were() {
        let told = |name: &str, replaces: &str, sum| (name.to_owned(), replaces.to_owned(), sum);
        let renamed = replaced(&[("building", 100), ("migrating", 50)], &[("build", 110), ("migrating", 90)]);
        assert_eq!(renamed, [told("build", "building", 100), told("migrating", "", 50)]);
        let split = replaced(&[("test", 100), ("deploy", 50)], &[("unit", 60), ("smoke", 60), ("deploy", 50)]);
        assert_eq!(split, [told("deploy", "", 50), told("smoke", "test", 50), told("unit", "test", 50)]);
        let elsewhere = replaced(&[("lint", 30), ("deploy", 50)], &[("deploy", 50), ("verify", 30)]);
        assert_eq!(elsewhere, [told("deploy", "", 50), told("lint", "", 30), told("verify", "", 0)]);
        let unlike = replaced(&[("lint", 3), ("deploy", 50)], &[("scan", 30), ("deploy", 50)]);
        assert_eq!(unlike, [told("deploy", "", 50), told("lint", "", 3), told("scan", "", 0)]);
    }
}
