//! Which step holds a deployment up, at each instant of it.

use std::cmp::Reverse;

use steps_shared::Timestamp;
use steps_shared::view::timeline::WRAPPED;

/// A step of a deployment: from when to when it was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    pub from: Timestamp,
    pub to: Timestamp,
    /// Whether nobody works in it.
    pub waiting: bool,
}

/// The time of a deployment shared out among its steps and the gaps between them, in microseconds. The shares add up to all
/// of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares {
    /// Each step's part.
    pub steps: Vec<i64>,
    /// How long each step was open, whatever others were; a wrapper, where no step within it was.
    pub open: Vec<i64>,
    /// The time in which no step was open.
    pub gaps: i64,
}

/// Shares the time from `start` to `end` among steps: at each instant it is that of the open step that ends last, and
/// where several end last together, it is shared equally between them. Waiting steps share the time in which nobody works.
/// A wrapper holds nothing up while a step within it is open: the innermost counts (Zhang et al., "CRISP: Critical Path Analysis of
/// Large-Scale Microservice Architectures", 2022).
///
/// Time before `start` and after `end` does not count. Of microseconds that cannot be divided, the first steps get one
/// more.
#[must_use]
pub fn shares(start: Timestamp, end: Timestamp, steps: &[Interval]) -> Shares {
    let clip = |time: Timestamp| time.clamp(start, end.max(start)).micros();
    let all = |waiting: bool| {
        let of_kind = steps.iter().enumerate().filter(move |(_, step)| step.waiting == waiting);
        of_kind.map(|(nth, step)| Open { nth, from: clip(step.from), to: clip(step.to) })
    };
    let (mut shared, mut open) = (vec![0; steps.len()], vec![0; steps.len()]);
    let working = innermost(&all(false).collect::<Vec<_>>());
    working.iter().for_each(|piece| open[piece.nth] += (piece.to - piece.from).max(0));
    let idle = Idle::new(hold((clip(start), clip(end)), working.into_iter(), &mut shared));
    let waiting = all(true).map(|open| Open { from: idle.before(open.from), to: idle.before(open.to), ..open });
    let waiting: Vec<Open> = waiting.collect();
    waiting.iter().for_each(|piece| open[piece.nth] += (piece.to - piece.from).max(0));
    let gaps = hold((0, idle.whole()), waiting.into_iter(), &mut shared);
    Shares { steps: shared, open, gaps: gaps.iter().map(|(from, to)| to - from).sum() }
}

/// The steps, and of wrappers only what no step within them takes.
fn innermost(steps: &[Open]) -> Vec<Open> {
    let mut pieces = Vec::new();
    for outer in steps {
        let is_within = |inner: &&Open| {
            inner.from < inner.to
                && outer.from <= inner.from
                && inner.to <= outer.to
                && (outer.from, outer.to) != (inner.from, inner.to)
        };
        let mut within: Vec<(i64, i64)> = steps.iter().filter(is_within).map(|inner| (inner.from, inner.to)).collect();
        within.sort_unstable();
        let (mut free, mut now) = (Vec::new(), outer.from);
        for (from, to) in within {
            if from > now {
                free.push(Open { from: now, to: from, ..*outer });
            }
            now = now.max(to);
        }
        if now < outer.to {
            free.push(Open { from: now, ..*outer });
        }
        let length = outer.to - outer.from;
        let left: i64 = free.iter().map(|piece| piece.to - piece.from).sum();
        match (length - left) as f64 >= WRAPPED * length as f64 && left < length {
            true => pieces.extend(free),
            false => pieces.push(*outer),
        }
    }
    pieces
}

/// The stretches of time in which nobody works, with how much of it there was before each.
struct Idle(Vec<(i64, i64, i64)>);

impl Idle {
    fn new(stretches: Vec<(i64, i64)>) -> Self {
        let mut before = 0;
        Self(
            stretches
                .into_iter()
                .map(|(from, to)| {
                    before += to - from;
                    (from, to, before - (to - from))
                })
                .collect(),
        )
    }

    /// How much idle time there was before a moment.
    fn before(&self, moment: i64) -> i64 {
        match self.0.get(self.0.partition_point(|(_, to, _)| *to <= moment)) {
            Some((from, _, before)) => before + (moment - from).max(0),
            None => self.whole(),
        }
    }

    fn whole(&self) -> i64 {
        self.0.last().map_or(0, |(from, to, before)| before + to - from)
    }
}

/// Shares a time among steps that lie within it, and adds each step's part to its place. Returns the stretches that are of
/// none.
fn hold((start, end): (i64, i64), steps: impl Iterator<Item = Open>, parts: &mut [i64]) -> Vec<(i64, i64)> {
    let mut coming: Vec<Open> = steps.filter(|open| open.from < open.to).collect();
    // The next one is at the end.
    coming.sort_unstable_by_key(|open| Reverse((open.from, open.nth)));
    let mut free = Vec::new();
    let mut now = start;
    while let Some(first) = coming.pop() {
        free.push((now, first.from));
        now = first.from;
        // All of these end last, and at the same time.
        let mut holding = vec![first];
        let mut last = first.to;
        while let Some(next) = coming.pop_if(|next| next.from < last) {
            if next.to >= last {
                share(next.from - now, &holding, parts);
                now = next.from;
                if next.to > last {
                    holding.clear();
                    last = next.to;
                }
                holding.push(next);
            }
        }
        share(last - now, &holding, parts);
        now = last;
    }
    free.push((now, end));
    free.retain(|(from, to)| from < to);
    free
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
        let steps = steps.iter().map(|(from, to)| Interval { from: at(*from), to: at(*to), waiting: false });
        let steps: Vec<_> = steps.collect();
        let Shares { steps, gaps, .. } = shares(at(0), at(end), &steps);
        (steps, gaps)
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

    #[test]
    fn waiting_counts_where_nobody_works() {
        let step = |from, to, waiting| Interval { from: at(from), to: at(to), waiting };
        let told = |steps: &[Interval]| {
            let Shares { steps, gaps, .. } = shares(at(0), at(100), steps);
            (steps, gaps)
        };
        assert_eq!(told(&[step(0, 90, true), step(20, 50, false)]), (vec![60, 30], 10));
        let within =
            [step(10, 20, false), step(0, 30, true), step(5, 60, true), step(40, 50, false), step(90, 100, false)];
        assert_eq!(told(&within), (vec![10, 5, 35, 10, 10], 30));
        assert_eq!(told(&[step(0, 100, false), step(0, 100, true)]), (vec![100, 0], 0));
    }

    /// The definition, instant by instant.
    fn by_definition(end: i64, steps: &[(i64, i64)]) -> (Vec<f64>, f64) {
        let (mut found, mut gaps) = (vec![0.0; steps.len()], 0.0);
        let all: Vec<Open> = steps
            .iter()
            .enumerate()
            .map(|(nth, (from, to))| Open { nth, from: (*from).min(end), to: (*to).min(end) })
            .collect();
        let pieces = innermost(&all);
        for now in 0..end {
            let open = |piece: &&Open| piece.from <= now && piece.to > now;
            match pieces.iter().filter(open).map(|piece| piece.to).max() {
                None => gaps += 1.0,
                Some(last) => {
                    let holds: Vec<&Open> = pieces.iter().filter(open).filter(|piece| piece.to == last).collect();
                    holds.iter().for_each(|piece| found[piece.nth] += 1.0 / holds.len() as f64);
                }
            }
        }
        (found, gaps)
    }

    #[test]
    fn a_wrapper_holds_nothing_up_but_what_is_its_own() {
        assert_eq!(shared(100, &[(0, 100), (5, 60), (60, 95)]), (vec![10, 55, 35], 0));
        assert_eq!(
            shared(100, &[(0, 100), (0, 90), (2, 50), (50, 90)]),
            (vec![10, 2, 48, 40], 0),
            "a wrapper in a wrapper"
        );
        assert_eq!(shared(100, &[(0, 100), (0, 100)]), (vec![50, 50], 0), "neither is within the other");
        let interval = |from, to| Interval { from: at(from), to: at(to), waiting: false };
        let found = shares(at(0), at(100), &[interval(0, 100), interval(5, 60), interval(60, 95), interval(0, 20)]);
        assert_eq!(found.open, [5, 55, 35, 20]);
    }

    proptest! {
        #[test]
        fn waiting_takes_only_what_work_leaves(
            steps in prop::collection::vec((0_i64..60, 0_i64..60, any::<bool>()), 0..8), end in 0_i64..50
        ) {
            let interval = |(from, length, waiting)| Interval { from: at(from), to: at(from + length / 2), waiting };
            let all: Vec<_> = steps.into_iter().map(interval).collect();
            let working: Vec<_> = all.iter().copied().filter(|step| !step.waiting).collect();
            let as_work: Vec<_> = all.iter().map(|step| Interval { waiting: false, ..*step }).collect();
            let found = shares(at(0), at(end), &all);
            let part = |waiting| -> i64 {
                all.iter().zip(&found.steps).filter(|(step, _)| step.waiting == waiting).map(|(_, part)| part).sum()
            };
            let idle = shares(at(0), at(end), &working).gaps;
            prop_assert_eq!(part(false), end - idle);
            prop_assert_eq!(part(true) + found.gaps, idle);
            prop_assert_eq!(found.gaps, shares(at(0), at(end), &as_work).gaps);
        }

        #[test]
        fn is_as_defined_and_adds_up(steps in prop::collection::vec((0_i64..60, 0_i64..60), 0..8), end in 0_i64..50) {
            let steps: Vec<_> = steps.into_iter().map(|(from, length)| (from, from + length / 2)).collect();
            let (found, gaps) = shared(end, &steps);
            prop_assert_eq!(found.iter().sum::<i64>() + gaps, end);
            let (expected, expected_gaps) = by_definition(end, &steps);
            prop_assert_eq!(gaps as f64, expected_gaps);
            for (found, expected) in found.iter().zip(&expected) {
                // Each slice of shared time rounds by less than one.
                prop_assert!((*found as f64 - expected).abs() < 2.0 * steps.len() as f64 + 1.0, "{:?} {:?}", found, expected);
            }
        }
    }
}
