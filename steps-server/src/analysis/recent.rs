//! The deployments before one, and what may follow them.

use std::collections::VecDeque;
use std::ops::Range;

use steps_shared::{Baseline as Percentile, Duration, Percent, Timestamp};

use super::budget::MIN_BASELINE_DEPLOYMENTS;
use super::series::Timed;
use crate::analysis::statistics::{from_micros, median, predicted_quantile};

/// So many deployments in a row are judged together, too: a level that has changed shows in their median long before one of them
/// takes longer than any other.
pub const LATELY: usize = 5;

/// At most so many medians are compared with: the newest.
const MAX_MEDIANS: usize = 1000;

/// The deployments before one, and how long they took.
#[derive(Debug, Clone, Copy)]
pub struct Baseline {
    /// How many they are.
    pub deployments: usize,
    /// How many among them are left out, because they were not within the maximum or the minimum.
    pub left_out: usize,
    /// The percentile, and the one at the other end where deployments may not take less either; `None` where they are too few.
    percentiles: Option<(Duration, Option<Duration>)>,
    /// What the next deployment may take; `None` where they are too few.
    pub limits: Option<Limits>,
    /// The same of the medians of several in a row.
    pub lately: Option<Medians>,
}

/// What a deployment may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The percentile …
    pub upper: Duration,
    /// … and what it allows.
    pub allowed: Duration,
    /// The percentile at the other end, and what it allows.
    pub lower: Option<(Duration, Duration)>,
}

/// The median of the last few deployments, the judged one among them, and those of as many in a row before.
#[derive(Debug, Clone, Copy)]
pub struct Medians {
    pub now: Duration,
    pub upper: Duration,
    pub allowed: Duration,
}

/// What is not as before.
#[derive(Debug, Clone, Copy)]
pub enum Breach {
    /// The deployment took too long.
    Over,
    /// It took too little.
    Under,
    /// The last few took too long, and so did this one.
    Lately(Medians),
}

impl Baseline {
    /// With what it allows.
    #[must_use]
    pub fn within(self, lately: Option<Medians>, margin: Percent, least: Duration) -> Self {
        let more = |level: Duration| {
            let micros = (level.micros() as f64 * (1.0 + margin.share())).max((level.micros() + least.micros()) as f64);
            // A margin larger than any duration allows all of them.
            from_micros(micros).unwrap_or(Duration::from_micros(i64::MAX).unwrap_or_default())
        };
        let less = |level: Duration| {
            let micros = (level.micros() as f64 * (1.0 - margin.share())).min((level.micros() - least.micros()) as f64);
            from_micros(micros.max(0.0)).unwrap_or_default()
        };
        let limits = self.percentiles.map(|(upper, lower)| Limits {
            upper,
            allowed: more(upper),
            lower: lower.map(|lower| (lower, less(lower))),
        });
        let lately = lately.map(|medians| Medians { allowed: more(medians.upper), ..medians });
        Self { limits, lately, ..self }
    }

    /// In which way a duration is not as before.
    #[must_use]
    pub fn breach(&self, took: Duration) -> Option<Breach> {
        let limits = self.limits?;
        let lately = self.lately.filter(|medians| medians.now > medians.allowed && took > medians.allowed);
        if took > limits.allowed {
            Some(Breach::Over)
        } else if limits.lower.is_some_and(|(_, least)| took < least) {
            Some(Breach::Under)
        } else {
            lately.map(Breach::Lately)
        }
    }
}

/// The deployments that a baseline is of.
#[derive(Debug, Default)]
pub struct Recent {
    /// Their places in the series, the oldest first.
    places: VecDeque<usize>,
    /// Their durations in microseconds, sorted.
    sorted: Sorted,
}

impl Recent {
    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn oldest(&self) -> Option<usize> {
        self.places.front().copied()
    }

    pub fn add(&mut self, at: usize, timed: &Timed) {
        self.places.push_back(at);
        self.sorted.add(timed.duration.micros());
    }

    pub fn forget(&mut self, series: &[Timed]) {
        if let Some(oldest) = self.places.pop_front() {
            self.sorted.remove(series[oldest].duration.micros());
        }
    }

    /// The baseline of the deployment at an index.
    pub fn baseline(&self, (of, lower): (Percentile, Option<Percentile>), at: usize) -> Baseline {
        let deployments = self.places.len();
        let left_out = self.oldest().map_or(0, |oldest| at - oldest - deployments);
        let enough = deployments >= MIN_BASELINE_DEPLOYMENTS;
        let percentile = |of: Percentile| self.sorted.quantile(of).filter(|_| enough);
        let percentiles = percentile(of).map(|upper| (upper, lower.and_then(percentile)));
        Baseline { deployments, left_out, percentiles, limits: None, lately: None }
    }
}

/// The medians of each [`LATELY`] deployments in a row.
#[derive(Debug, Default)]
pub struct Lately {
    /// Which medians there are, by their last deployments.
    ends: Range<usize>,
    medians: VecDeque<i64>,
    sorted: Sorted,
    now: Option<Duration>,
}

impl Lately {
    /// Goes on to a deployment: those that started before `begin` do not count.
    pub fn go_on(&mut self, series: &[Timed], at: usize, begin: Timestamp) {
        let of = |end: usize| {
            let first = (end + 1).checked_sub(LATELY)?;
            let durations: Vec<Duration> = series[first..=end].iter().map(|timed| timed.duration).collect();
            median(&durations)
        };
        self.now = of(at);
        // Those that share a deployment with the newest are not before it.
        while self.ends.end + LATELY <= at {
            let median = of(self.ends.end).map_or(-1, Duration::micros);
            self.medians.push_back(median);
            if median >= 0 {
                self.sorted.add(median);
            }
            self.ends.end += 1;
        }
        let is_old = |end: usize| series[(end + 1).saturating_sub(LATELY)].started_at < begin;
        while !self.ends.is_empty() && (is_old(self.ends.start) || self.ends.len() > MAX_MEDIANS) {
            self.ends.start += 1;
            if let Some(median) = self.medians.pop_front().filter(|median| *median >= 0) {
                self.sorted.remove(median);
            }
        }
    }

    /// The newest median and the percentile of those before; `None` where they are too few.
    pub fn medians(&self, (of, _): (Percentile, Option<Percentile>)) -> Option<Medians> {
        let upper = self.sorted.quantile(of).filter(|_| self.sorted.0.len() >= MIN_BASELINE_DEPLOYMENTS)?;
        Some(Medians { now: self.now?, upper, allowed: upper })
    }
}

/// Numbers of microseconds, sorted.
#[derive(Debug, Default)]
struct Sorted(Vec<i64>);

impl Sorted {
    fn add(&mut self, micros: i64) {
        self.0.insert(self.0.partition_point(|other| *other < micros), micros);
    }

    fn remove(&mut self, micros: i64) {
        self.0.remove(self.0.partition_point(|other| *other < micros));
    }

    fn quantile(&self, of: Percentile) -> Option<Duration> {
        predicted_quantile(&self.0, of.share()).and_then(from_micros)
    }
}
