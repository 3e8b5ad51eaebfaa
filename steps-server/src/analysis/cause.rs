//! What makes the difference between the beginning of a series and its end, or between both sides of a jump.

use std::collections::{BTreeMap, BTreeSet};

use steps_shared::{Cause, CauseShare, Duration, Status};

use super::parts::{Part, displaced, parts};
use super::series::{Timed, seconds};
use crate::analysis::statistics::{OUTLIER_DEVIATIONS, median_of, robust_deviation, rounded, share_interval};

/// What one deployment spent its time on, in microseconds; the parts add up to its duration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cost {
    /// The time in which each step held it up; a step that never did has 0.
    pub steps: BTreeMap<Status, i64>,
    /// How long each of them was open, whatever others were.
    pub open: BTreeMap<Status, i64>,
    /// When each of them first began, from the beginning on.
    pub begins: BTreeMap<Status, i64>,
    /// Those of them in which nobody works.
    pub waiting: BTreeSet<Status>,
    /// The time in which no step was open.
    pub gaps: i64,
}

impl Cost {
    /// How long it took in all.
    fn whole(&self) -> i64 {
        self.steps.values().sum::<i64>() + self.gaps
    }
}

/// The deployments of one end that are compared: all but outliers, such as one that hung for an hour.
#[must_use]
pub fn compared(end: &[Timed]) -> Vec<Timed> {
    let seconds = seconds(end);
    let (median, deviation) = (median_of(&seconds), robust_deviation(&seconds));
    let most = if deviation > 0.0 { OUTLIER_DEVIATIONS * deviation } else { f64::INFINITY };
    end.iter().filter(|timed| (timed.seconds() - median).abs() <= most).copied().collect()
}

/// The difference between the mean deployment before and the mean deployment after, split over its steps and the gaps
/// between them. `None` when there is nothing to compare.
#[must_use]
pub fn cause(before: &[Cost], after: &[Cost]) -> Option<Cause> {
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let parts: Vec<Part> = parts(before, after);
    let mut means_before = means(parts.iter().map(|part| part.sum(before, true)), before.len());
    let mut means_after = means(parts.iter().map(|part| part.sum(after, false)), after.len());
    let whole_before: i64 = means_before.iter().sum();
    let whole_after: i64 = means_after.iter().sum();
    let whole = whole_after - whole_before;
    let open = parts.iter().map(|part| part.opened(after, false) - part.opened(before, true)).collect::<Vec<_>>();
    let moved = displaced(&open, &mut means_before, &mut means_after);
    let seconds =
        |costs: &[Cost], of: &dyn Fn(&Cost) -> f64| costs.iter().map(|cost| of(cost) / 1e6).collect::<Vec<_>>();
    let wholes = [before, after].map(|costs| seconds(costs, &|cost| cost.whole() as f64));
    let mut told: Vec<(i64, CauseShare)> = parts
        .iter()
        .zip(means_before.iter().zip(&means_after))
        .zip(moved)
        .filter(|((part, (was, is)), _)| part.step.is_some() || **was > 0 || **is > 0)
        .map(|((part, (was, is)), moved)| {
            let change = is - was;
            let of = [seconds(before, &|cost| part.of(cost, true)), seconds(after, &|cost| part.of(cost, false))];
            let interval = share_interval([&of[0], &of[1]], [&wholes[0], &wholes[1]]).filter(|_| !moved);
            let told = CauseShare {
                step: part.step.cloned(),
                waiting: part
                    .step
                    .is_some_and(|step| before.iter().chain(after).any(|cost| cost.waiting.contains(step))),
                before_seconds: to_seconds(*was),
                after_seconds: to_seconds(*is),
                change_seconds: to_seconds(change),
                share: (whole != 0).then(|| change as f64 / whole as f64),
                share_low: interval.map(|[low, _]| rounded(low)),
                share_high: interval.map(|[_, high]| rounded(high)),
                change: part.presence(before, after),
                replaces: part.replaces().cloned().collect(),
            };
            (change, told)
        })
        .collect();
    // The largest contribution comes first: to growth when it grew, to shrinking when it shrank.
    told.sort_by_key(|(change, _)| if whole < 0 { *change } else { -change });
    Some(Cause {
        deployments_before: u32::try_from(before.len()).unwrap_or(u32::MAX),
        deployments_after: u32::try_from(after.len()).unwrap_or(u32::MAX),
        before: Duration::from_micros(whole_before)?,
        after: Duration::from_micros(whole_after)?,
        change_seconds: to_seconds(whole),
        parts: told.into_iter().map(|(_, part)| part).collect(),
    })
}

/// The sums divided by a number, each rounded so that together they are the whole divided by it, rounded.
fn means(sums: impl Iterator<Item = i128>, by: usize) -> Vec<i64> {
    let by = by as i128;
    let rounded = |sum: i128| (sum + by / 2).div_euclid(by);
    let mut total = 0;
    sums.map(|sum| {
        let before = rounded(total);
        total += sum;
        i64::try_from(rounded(total) - before).unwrap_or(i64::MAX)
    })
    .collect()
}

fn to_seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use steps_shared::StepPresence;

    use super::super::series::tests::series;
    use super::*;

    fn cost(gaps: i64, order: &[(&str, i64)]) -> Cost {
        let steps = order.iter().map(|(name, seconds)| (name.parse().unwrap(), seconds * 1_000_000)).collect();
        let steps: BTreeMap<Status, i64> = steps;
        let mut begin = 0;
        let begins = order.iter().map(|(name, seconds)| {
            begin += seconds * 1_000_000;
            (name.parse().unwrap(), begin - seconds * 1_000_000)
        });
        Cost { open: steps.clone(), begins: begins.collect(), steps, waiting: BTreeSet::new(), gaps: gaps * 1_000_000 }
    }

    fn told(cause: &Cause) -> Vec<(&str, f64, Option<f64>, Option<StepPresence>)> {
        let name = |part: &'static str| part;
        cause
            .parts
            .iter()
            .map(|part| {
                let step = part.step.as_ref().map_or(name("(gaps)"), Status::as_str);
                (step, part.change_seconds, part.share, part.change)
            })
            .collect()
    }

    #[test]
    fn names_what_grew_what_is_new_and_what_is_gone() {
        let before = [cost(1, &[("build", 10), ("lint", 4)]), cost(3, &[("build", 20)])];
        let after = [cost(2, &[("build", 27), ("scan", 8)])];
        let cause = cause(&before, &after).unwrap();
        assert_eq!((cause.before.seconds(), cause.after.seconds(), cause.change_seconds), (19.0, 37.0, 18.0));
        assert_eq!(
            told(&cause),
            [
                ("build", 12.0, Some(12.0 / 18.0), None),
                ("scan", 8.0, Some(8.0 / 18.0), Some(StepPresence::Appeared)),
                ("(gaps)", 0.0, Some(0.0), None),
                ("lint", -2.0, Some(-2.0 / 18.0), Some(StepPresence::Vanished)),
            ]
        );
    }

    #[test]
    fn of_what_got_faster_the_most_comes_first() {
        let cause = cause(&[cost(0, &[("a", 10), ("b", 10)])], &[cost(0, &[("a", 9), ("b", 2)])]).unwrap();
        assert_eq!(told(&cause), [("b", -8.0, Some(8.0 / 9.0), None), ("a", -1.0, Some(1.0 / 9.0), None)]);
        assert_eq!(super::cause(&[], &[cost(0, &[])]), None);
    }

    #[test]
    fn an_outlier_is_not_compared() {
        let end = series([60.0, 61.0, 62.0, 3600.0, 63.0]);
        let kept: Vec<f64> = compared(&end).iter().map(Timed::seconds).collect();
        assert_eq!(kept, [60.0, 61.0, 62.0, 63.0]);
        assert_eq!(
            compared(&series([60.0, 60.0, 60.0, 90.0])).len(),
            4,
            "most are equal: none is usual enough to judge"
        );
    }

    fn any_cost() -> impl Strategy<Value = Cost> {
        let steps =
            prop::collection::btree_map("[a-d]".prop_map(|name| name.parse().unwrap()), 0_i64..1_000_000_007, 0..4);
        (steps, 0_i64..1_000_003).prop_map(|(steps, gaps)| {
            let steps: BTreeMap<Status, i64> = steps;
            let open = steps.iter().map(|(name, micros)| (name.clone(), micros + micros % 1000)).collect();
            let begins = steps.iter().map(|(name, micros)| (name.clone(), micros / 7)).collect();
            Cost { steps, open, begins, waiting: BTreeSet::new(), gaps }
        })
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_whole_exactly(
            before in prop::collection::vec(any_cost(), 1..8),
            after in prop::collection::vec(any_cost(), 1..8),
        ) {
            let cause = cause(&before, &after).unwrap();
            let micros = |seconds: f64| (seconds * 1e6).round() as i64;
            let sum = |of: fn(&CauseShare) -> f64| cause.parts.iter().map(|part| micros(of(part))).sum::<i64>();
            prop_assert_eq!(sum(|part| part.change_seconds), micros(cause.change_seconds));
            prop_assert_eq!(sum(|part| part.before_seconds), cause.before.micros());
            prop_assert_eq!(sum(|part| part.after_seconds), cause.after.micros());
            prop_assert_eq!(cause.after.micros() - cause.before.micros(), micros(cause.change_seconds));
            for part in &cause.parts {
                prop_assert_eq!(micros(part.before_seconds) + micros(part.change_seconds), micros(part.after_seconds));
            }
        }
    }
}
