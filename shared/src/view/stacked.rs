//! What sprints consist of: a column for each, its steps one above the other, so that the growing one is seen.

use super::axis::Axis;
use crate::{Duration, Timestamp};

/// So many steps are told apart; the smallest ones are put together.
const MAX_STEPS: usize = 7;

/// A step is growing from this share of the whole on.
const MIN_GROWTH: f64 = 0.04;

/// The share of the width of a column that is free beside it.
const FREE: f64 = 0.28;

/// The most ticks of the axis.
const MAX_TICKS: usize = 5;

/// What the smallest steps are called together.
const OTHERS: &str = "others";

/// A sprint as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Sprint {
    /// When it begins.
    pub start: Timestamp,
    /// How many deployments there are in it.
    pub deployments: u32,
    /// How long they take: their median.
    pub median: Duration,
    /// Its steps in order, each with the time for which it usually holds a deployment up.
    pub steps: Vec<(String, Duration)>,
}

/// The picture. Places are shares: 0 is at the left and at the bottom.
#[derive(Debug, Clone, PartialEq)]
pub struct Stacked {
    /// The steps from the bottom up.
    pub steps: Vec<StackedStep>,
    /// The columns, in the order of time.
    pub columns: Vec<Column>,
    /// The axis of durations; it begins at 0.
    pub durations: Axis,
}

/// A step of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct StackedStep {
    /// The status.
    pub name: String,
    /// How much longer it takes at the end than at the beginning, in seconds.
    pub growth: f64,
    /// Whether it is the one that grows most.
    pub grows_most: bool,
    /// Of each column, how long it takes.
    pub durations: Vec<Option<Duration>>,
}

/// A sprint of the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// When it begins.
    pub start: Timestamp,
    /// How many deployments there are in it.
    pub deployments: u32,
    /// Their median.
    pub median: Duration,
    /// Its left and its right edge.
    pub place: [f64; 2],
    /// For each step, which it is, where it begins and where it ends.
    pub parts: Vec<(usize, [f64; 2])>,
}

impl Stacked {
    /// The picture of sprints in the order of time; `None` where no step of them is known.
    #[must_use]
    pub fn new(sprints: &[Sprint]) -> Option<Self> {
        let names = names(sprints);
        if names.is_empty() {
            return None;
        }
        let taken = |sprint: &Sprint, name: &str| -> Option<f64> {
            let own = sprint.steps.iter().filter(|(step, _)| match name {
                OTHERS => !names.iter().any(|known| known == step) || step == OTHERS,
                name => step == name,
            });
            own.map(|(_, duration)| duration.seconds()).reduce(|sum, one| sum + one)
        };
        let total = |sprint: &Sprint| sprint.steps.iter().map(|(_, duration)| duration.seconds()).sum::<f64>();
        let durations = Axis::of_durations(0.0, sprints.iter().map(total).fold(0.0, f64::max), MAX_TICKS);
        let known: Vec<&Sprint> = sprints.iter().filter(|sprint| !sprint.steps.is_empty()).collect();
        let ends = (known.len() / 3).max(1);
        let mean = |some: &[&Sprint], name: &str| {
            some.iter().map(|sprint| taken(sprint, name).unwrap_or(0.0)).sum::<f64>() / some.len().max(1) as f64
        };
        let growth = |name: &str| match known.len() {
            ..2 => 0.0,
            many => mean(&known[many - ends..], name) - mean(&known[..ends], name),
        };
        let mut steps: Vec<StackedStep> = names
            .iter()
            .map(|name| StackedStep {
                growth: growth(name),
                grows_most: false,
                durations: sprints
                    .iter()
                    .map(|sprint| taken(sprint, name).and_then(|seconds| Duration::from_seconds(seconds).ok()))
                    .collect(),
                name: name.clone(),
            })
            .collect();
        let least = known.last().map_or(0.0, |sprint| total(sprint)) * MIN_GROWTH;
        let most = steps.iter_mut().filter(|step| step.growth > least);
        if let Some(step) = most.max_by(|one, other| one.growth.total_cmp(&other.growth)) {
            step.grows_most = true;
        }
        let width = 1.0 / sprints.len().max(1) as f64;
        let column = |(nth, sprint): (usize, &Sprint)| {
            let mut top = 0.0;
            let part = |(at, step): (usize, &StackedStep)| {
                let low = top;
                top += durations.share(step.durations.get(nth).copied().flatten()?.seconds());
                (top > low).then_some((at, [low, top]))
            };
            Column {
                start: sprint.start,
                deployments: sprint.deployments,
                median: sprint.median,
                place: [nth as f64 + FREE / 2.0, (nth + 1) as f64 - FREE / 2.0].map(|edge| edge * width),
                parts: steps.iter().enumerate().filter_map(part).collect(),
            }
        };
        let columns = sprints.iter().enumerate().map(column).collect();
        Some(Self { steps, columns, durations })
    }
}

/// The steps that are told apart, in the order of the newest sprint that has them.
fn names(sprints: &[Sprint]) -> Vec<String> {
    let mut found: Vec<(String, f64)> = Vec::new();
    for (name, duration) in sprints.iter().rev().flat_map(|sprint| &sprint.steps) {
        match found.iter_mut().find(|(known, _)| known == name) {
            Some((_, longest)) => *longest = longest.max(duration.seconds()),
            None => found.push((name.clone(), duration.seconds())),
        }
    }
    found.retain(|(_, longest)| *longest > 0.0);
    if found.len() > MAX_STEPS {
        let mut lengths: Vec<f64> = found.iter().map(|(_, longest)| *longest).collect();
        lengths.sort_by(|one, other| other.total_cmp(one));
        let least = lengths[MAX_STEPS - 2];
        // A step of that name is one of them.
        found.retain(|(name, longest)| *longest >= least && name != OTHERS);
        found.truncate(MAX_STEPS - 1);
        found.push((OTHERS.to_owned(), 0.0));
    }
    found.into_iter().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sprint(nth: i64, steps: &[(&str, u32)]) -> Sprint {
        let steps: Vec<_> =
            steps.iter().map(|(name, seconds)| ((*name).to_owned(), Duration::from_secs(*seconds))).collect();
        let start = Timestamp::from_micros(1_767_571_200_000_000 + nth * 1_209_600_000_000).unwrap();
        Sprint { start, deployments: 10, median: Duration::from_secs(60), steps }
    }

    #[test]
    fn columns_stack_and_the_growing_step_is_found() {
        let sprints = [
            sprint(0, &[("building", 30), ("migrating", 10)]),
            sprint(1, &[("building", 31), ("migrating", 20)]),
            sprint(2, &[]),
            sprint(3, &[("building", 30), ("testing", 10), ("migrating", 60)]),
        ];
        let stacked = Stacked::new(&sprints).unwrap();
        let names: Vec<_> = stacked.steps.iter().map(|step| (step.name.as_str(), step.grows_most)).collect();
        assert_eq!(names, [("building", false), ("testing", false), ("migrating", true)]);
        assert_eq!((stacked.durations.low, stacked.columns.len()), (0.0, 4));
        assert!(stacked.columns[2].parts.is_empty());
        let last = &stacked.columns[3].parts;
        assert_eq!(last.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 1, 2]);
        assert!((last[2].1[1] - stacked.durations.share(100.0)).abs() < 1e-9);
    }

    #[test]
    fn the_smallest_of_many_are_put_together() {
        let names: Vec<String> = (0..60).map(|nth| format!("step-{nth}")).collect();
        let steps: Vec<(&str, u32)> = names.iter().zip(1..).map(|(name, seconds)| (name.as_str(), seconds)).collect();
        let stacked = Stacked::new(&[sprint(0, &steps), sprint(1, &steps)]).unwrap();
        assert_eq!((stacked.steps.len(), stacked.steps[6].name.as_str()), (7, OTHERS));
        let top = stacked.columns[0].parts.last().unwrap().1[1];
        assert!((top - stacked.durations.share(1830.0)).abs() < 1e-9);
        assert_eq!(Stacked::new(&[]), None);
    }
}
