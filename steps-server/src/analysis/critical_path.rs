//! Which step holds a deployment up, at each instant of it.

use std::cmp::Reverse;

use steps_shared::Timestamp;

/// A step of a deployment: from when to when it was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// The time of a deployment shared out among its steps and waiting, in microseconds. The shares add up to all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// Each step's part.
    pub steps: Vec<i64>,
    /// The time in which no step was open.
    pub waiting: i64,
}

/// Shares the time from `start` to `end` among steps: at each instant it is that of the open step that ends last, and
/// where several end last together, it is shared equally between them.
///
/// Time before `start` and after `end` does not count. Of microseconds that cannot be divided, the first steps get one
/// more.
#[must_use]
pub fn shares(start: Timestamp, end: Timestamp, steps: &[Interval]) -> Shares {
    let clip = |time: Timestamp| time.clamp(start, end.max(start)).micros();
    let open = |(nth, step): (usize, &Interval)| Open { nth, from: clip(step.from), to: clip(step.to) };
    let mut coming: Vec<Open> = steps.iter().enumerate().map(open).filter(|open| open.from < open.to).collect();
    // The next one is at the end.
    coming.sort_unstable_by_key(|open| Reverse((open.from, open.nth)));
    let mut shares = Shares { steps: vec![0; steps.len()], waiting: 0 };
    let mut now = clip(start);
    while let Some(first) = coming.pop() {
        shares.waiting += first.from - now;
        now = first.from;
        // All of these end last, and at the same time.
        let mut holding = vec![first];
        let mut last = first.to;
        while let Some(next) = coming.pop_if(|next| next.from < last) {
            if next.to >= last {
                share(next.from - now, &holding, &mut shares.steps);
                now = next.from;
                if next.to > last {
                    holding.clear();
                    last = next.to;
                }
                holding.push(next);
            }
        }
        share(last - now, &holding, &mut shares.steps);
        now = last;
    }
    shares.waiting += clip(end) - now;
    shares
}

/// A step while it is open, within the deployment.
#[derive(Debug, Clone, Copy)]
struct Open {
    nth: usize,
    from: i64,
    to: i64,
}

/// Gives each of the open steps its part of some microseconds.
fn share(micros: i64, open: &[Open], steps: &mut [i64]) {
    let many = open.len() as i64;
    for (nth, step) in open.iter().enumerate() {
        steps[step.nth] += micros / many + i64::from((nth as i64) < micros % many);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros).unwrap()
    }

    fn shared(end: i64, steps: &[(i64, i64)]) -> (Vec<i64>, i64) {
        let steps: Vec<_> = steps.iter().map(|(from, to)| Interval { from: at(*from), to: at(*to) }).collect();
        let Shares { steps, waiting } = shares(at(0), at(end), &steps);
        (steps, waiting)
    }

    #[test]
    fn one_after_the_other_each_has_its_own() {
        assert_eq!(shared(100, &[(0, 30), (30, 100)]), (vec![30, 70], 0));
        assert_eq!(
            shared(100, &[(10, 30), (50, 90)]),
            (vec![20, 40], 40),
            "gaps at the beginning, between and at the end"
        );
        assert_eq!(shared(100, &[]), (vec![], 100));
    }

    #[test]
    fn of_parallel_steps_the_one_that_ends_last_holds_up() {
        assert_eq!(shared(100, &[(0, 60), (0, 100)]), (vec![0, 100], 0));
        assert_eq!(shared(100, &[(0, 60), (40, 100)]), (vec![40, 60], 0));
        assert_eq!(shared(100, &[(0, 100), (20, 50)]), (vec![100, 0], 0), "within another it is not waited for");
        assert_eq!(shared(90, &[(0, 60), (0, 60), (0, 60), (10, 30), (60, 90)]), (vec![20, 20, 20, 0, 30], 0));
        assert_eq!(shared(10, &[(0, 10), (0, 10), (0, 10)]), (vec![4, 3, 3], 0), "nothing is lost in dividing");
    }

    #[test]
    fn what_outlives_the_deployment_counts_to_its_end() {
        assert_eq!(shared(100, &[(0, 500), (50, 100), (-0, 0)]), (vec![75, 25, 0], 0));
        assert_eq!(shared(0, &[(0, 5)]), (vec![0], 0));
    }

    /// The definition, instant by instant.
    fn by_definition(end: i64, steps: &[(i64, i64)]) -> (Vec<f64>, f64) {
        let (mut found, mut waiting) = (vec![0.0; steps.len()], 0.0);
        for now in 0..end {
            let open = |step: &&(i64, i64)| step.0 <= now && step.1 > now;
            match steps.iter().filter(open).map(|step| step.1.min(end)).max() {
                None => waiting += 1.0,
                Some(last) => {
                    let holds = |step: &(i64, i64)| open(&step) && step.1.min(end) == last;
                    let many = steps.iter().filter(|step| holds(step)).count() as f64;
                    steps
                        .iter()
                        .zip(&mut found)
                        .filter(|(step, _)| holds(step))
                        .for_each(|(_, share)| *share += 1.0 / many);
                }
            }
        }
        (found, waiting)
    }

    proptest! {
        #[test]
        fn is_as_defined_and_adds_up(steps in prop::collection::vec((0_i64..60, 0_i64..60), 0..8), end in 0_i64..50) {
            let steps: Vec<_> = steps.into_iter().map(|(from, length)| (from, from + length / 2)).collect();
            let (found, waiting) = shared(end, &steps);
            prop_assert_eq!(found.iter().sum::<i64>() + waiting, end);
            let (expected, expected_waiting) = by_definition(end, &steps);
            prop_assert_eq!(waiting as f64, expected_waiting);
            for (found, expected) in found.iter().zip(&expected) {
                // Each slice of shared time rounds by less than one.
                prop_assert!((*found as f64 - expected).abs() < 2.0 * steps.len() as f64 + 1.0, "{:?} {:?}", found, expected);
            }
        }
    }
}
