//! The difference of two deployments, step by step.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use steps_shared::{ComparedPart, Duration, Status, StepPresence};

use super::Cost;

/// The parts of two deployments that took so many microseconds, what differs most first: each step that one of them has, and the time
/// in which none was open. They add up to both, and so does the difference.
#[must_use]
pub fn compared(before: (&Cost, i64), after: (&Cost, i64)) -> Vec<ComparedPart> {
    let names: BTreeSet<&Status> = before.0.steps.keys().chain(after.0.steps.keys()).collect();
    let whole = after.1 - before.1;
    let part = |step: Option<&Status>, waiting: bool, [before, after]: [i64; 2], change: Option<StepPresence>| {
        let share = (whole != 0).then(|| (after - before) as f64 / whole as f64);
        ComparedPart {
            step: step.cloned(),
            waiting,
            before: Duration::from_micros(before).unwrap_or_default(),
            after: Duration::from_micros(after).unwrap_or_default(),
            change_seconds: (after - before) as f64 / 1e6,
            share,
            change,
        }
    };
    let named = names.into_iter().map(|step| {
        let [was, is] = [before.0, after.0].map(|cost| cost.steps.get(step).copied());
        let change = match (was, is) {
            (None, Some(_)) => Some(StepPresence::Appeared),
            (Some(_), None) => Some(StepPresence::Vanished),
            _ => None,
        };
        let waiting = [before.0, after.0].iter().any(|cost| cost.waiting.contains(step));
        part(Some(step), waiting, [was, is].map(Option::unwrap_or_default), change)
    });
    let mut parts: Vec<ComparedPart> = named.collect();
    // Of a deployment without a step that took time, all of it.
    let gaps = [before, after].map(|(cost, whole)| whole - cost.steps.values().sum::<i64>());
    if gaps != [0, 0] {
        parts.push(part(None, false, gaps, None));
    }
    parts.sort_by_key(|part| Reverse((part.change_micros().abs(), part.after.max(part.before))));
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use steps_shared::Timestamp;

    use super::super::{Interval, shares};
    use super::*;

    /// What a deployment of so many microseconds spent on these steps: from, to, which of three names, and whether it waits.
    fn cost(end: i64, steps: &[(i64, i64, u8, bool)]) -> Cost {
        let at = |micros: i64| Timestamp::from_micros(micros).unwrap();
        let name = |nth: u8| ["a", "b", "c"][usize::from(nth)].parse::<Status>().unwrap();
        let interval = |(from, to, _, waiting): &(i64, i64, u8, bool)| Interval {
            from: at(*from),
            to: at(*to.max(from)),
            waiting: *waiting,
        };
        let shares = shares(at(0), at(end), &steps.iter().map(interval).collect::<Vec<_>>());
        let mut cost = Cost { gaps: shares.gaps, ..Cost::default() };
        for ((_, _, nth, waiting), share) in steps.iter().zip(shares.steps) {
            *cost.steps.entry(name(*nth)).or_default() += share;
            if *waiting {
                cost.waiting.insert(name(*nth));
            }
        }
        cost
    }

    #[test]
    fn each_part_has_what_the_deployment_waited_for() {
        // Parallel to the other at first, then alone; then nothing for a while.
        let before = cost(100, &[(0, 60, 0, false), (0, 80, 1, false)]);
        let after = cost(150, &[(0, 60, 0, false), (40, 50, 0, false), (60, 120, 2, true)]);
        let parts = compared((&before, 100), (&after, 150));
        let told: BTreeMap<String, (i64, i64, bool, Option<StepPresence>)> = parts
            .iter()
            .map(|part| {
                let name = part.step.as_ref().map_or_else(String::new, ToString::to_string);
                (name, (part.before.micros(), part.after.micros(), part.waiting, part.change))
            })
            .collect();
        assert_eq!(told["a"], (0, 60, false, None), "it was there, and nobody waited for it");
        assert_eq!(told["b"], (80, 0, false, Some(StepPresence::Vanished)));
        assert_eq!(told["c"], (0, 60, true, Some(StepPresence::Appeared)));
        assert_eq!(told[""], (20, 30, false, None));
        assert_eq!(parts[0].step.as_ref().unwrap().as_str(), "b", "what differs most comes first");
        assert_eq!(parts[0].share, Some(-80.0 / 50.0));
    }

    #[test]
    fn without_steps_all_of_it_is_a_gap() {
        let parts = compared((&Cost::default(), 7), (&Cost::default(), 7));
        assert_eq!((parts.len(), parts[0].before.micros(), parts[0].share), (1, 7, None));
        assert!(compared((&Cost::default(), 0), (&Cost::default(), 0)).is_empty());
    }

    fn timeline() -> impl Strategy<Value = (i64, Vec<(i64, i64, u8, bool)>)> {
        let step = (0..1000_i64, 0..1200_i64, 0..3_u8, any::<bool>());
        (0..1000_i64, prop::collection::vec(step, 0..12))
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_both_and_to_their_difference((end, steps) in timeline(), (other_end, other) in timeline()) {
            let (before, after) = (cost(end, &steps), cost(other_end, &other));
            let parts = compared((&before, end), (&after, other_end));
            prop_assert_eq!(parts.iter().map(|part| part.before.micros()).sum::<i64>(), end);
            prop_assert_eq!(parts.iter().map(|part| part.after.micros()).sum::<i64>(), other_end);
            prop_assert_eq!(parts.iter().map(ComparedPart::change_micros).sum::<i64>(), other_end - end);
            prop_assert!(parts.iter().all(|part| part.change_seconds == part.change_micros() as f64 / 1e6));
            let shares: f64 = parts.iter().filter_map(|part| part.share).sum();
            prop_assert!(end == other_end || (shares - 1.0).abs() < 1e-6, "{}", shares);
        }
    }
}
