//! Whether deployments are within a budget; each is judged by the deployments before it.

use std::collections::VecDeque;

use steps_shared::{
    Baseline as Percentile, Bound, Budget, BudgetKind, CheckResult, DEFAULT_LOOKBACK, Duration, Growth, GrowthLimit,
    Percent, Timestamp,
};

use super::growth::{MIN_DEPLOYMENTS, growth_of};
use super::series::Timed;
use crate::analysis::statistics::{from_micros, quantile};

/// The fewest deployments that make a baseline.
pub const MIN_BASELINE_DEPLOYMENTS: usize = Budget::MIN_BASELINE_WINDOW as usize;

/// Growth is judged as of each of this many deployments …
const JUDGED: usize = 3;

/// … and this many must be over the limit, so that a single one raises no alarm.
const MIN_OVER: usize = 2;

/// Which earlier deployments count for a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookback {
    /// Those that started at this time or later.
    From(Timestamp),
    /// Those that started at most this long before it.
    Span(Duration),
}

/// A series judged by a budget.
#[derive(Debug)]
pub struct Budgets<'a> {
    series: &'a [Timed],
    budget: &'a Budget,
    lookback: Lookback,
    baselines: Vec<Option<Baseline>>,
    /// How many deployments in a row, up to each, took longer, or less, than allowed.
    flagged: Vec<u32>,
}

/// The deployments before one, and how long they took.
#[derive(Debug, Clone, Copy)]
struct Baseline {
    /// How many they are.
    deployments: usize,
    /// How many among them are left out, because they took longer, or less, than allowed.
    left_out: usize,
    /// Their percentile; `None` when they are too few.
    percentile: Option<Duration>,
    /// The percentile at the other end, where deployments may not take less either.
    lower: Option<Duration>,
}

/// The verdict of one limit on a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitVerdict {
    pub budget: BudgetKind,
    pub result: CheckResult,
    pub reason: String,
}

impl Lookback {
    /// From the query's `since`; without one, 90 days before each deployment.
    #[must_use]
    pub fn new(since: Option<Bound>) -> Self {
        match since {
            Some(Bound::At(time)) => Self::From(time.start),
            Some(Bound::Ago(span)) => Self::Span(span),
            None => Self::Span(DEFAULT_LOOKBACK),
        }
    }

    /// From when on deployments count for one that started at `started_at`.
    #[must_use]
    pub fn begin(self, started_at: Timestamp) -> Timestamp {
        match self {
            Self::From(time) => time,
            Self::Span(span) => Timestamp::from_micros(started_at.micros() - span.micros()).unwrap_or_default(),
        }
    }
}

impl<'a> Budgets<'a> {
    /// Goes through a series from the first deployment that there is, in order of time. Deployments that took too long, or not long
    /// enough, are left out of the baselines after them.
    #[must_use]
    pub fn new(series: &'a [Timed], budget: &'a Budget, lookback: Lookback) -> Self {
        let mut budgets = Self { series, budget, lookback, baselines: Vec::new(), flagged: Vec::new() };
        let mut recent = Recent::default();
        for (at, timed) in series.iter().enumerate() {
            let begin = lookback.begin(timed.started_at);
            while recent.oldest().is_some_and(|oldest| series[oldest].started_at < begin) {
                recent.forget(series);
            }
            let baseline = budget.baseline.map(|percentile| recent.baseline(percentile, budget.both_ways, at));
            let allowed = baseline.and_then(|baseline| baseline.allowed(budget.margin));
            let is_over = |limit: Option<Duration>| limit.is_some_and(|limit| timed.duration > limit);
            budgets.baselines.push(baseline);
            let least = baseline.and_then(|baseline| baseline.least(budget.margin));
            let is_under = |limit: Option<Duration>| limit.is_some_and(|limit| timed.duration < limit);
            if is_over(budget.max) || is_over(allowed) || is_under(budget.min) || is_under(least) {
                let before = budgets.flagged.last().copied().unwrap_or(0);
                budgets.flagged.push(before + 1);
            } else {
                budgets.flagged.push(0);
                recent.add(at, timed);
                if recent.places.len() > budget.last as usize {
                    recent.forget(series);
                }
            }
        }
        budgets
    }

    /// The verdict of each limit on the deployment at an index of the series.
    #[must_use]
    pub fn judge(&self, at: usize) -> Vec<LimitVerdict> {
        let growth: Vec<_> = (at.saturating_sub(JUDGED - 1)..=at).map(|at| self.growth(at)).collect();
        self.judge_with(at, &growth)
    }

    /// How many deployments in a row, up to the one at an index, took longer, or less, than allowed.
    #[must_use]
    pub fn over_in_a_row(&self, at: usize) -> u32 {
        self.flagged.get(at).copied().unwrap_or(0)
    }

    /// The verdicts on every deployment from an index on, computed one by one.
    pub fn replay(&self, from: usize) -> impl Iterator<Item = (&'a Timed, Vec<LimitVerdict>)> {
        let first = from.saturating_sub(JUDGED - 1);
        let mut growth: VecDeque<Option<Growth>> = (first..from).map(|at| self.growth(at)).collect();
        (from..self.series.len()).map(move |at| {
            growth.push_back(self.growth(at));
            if growth.len() > JUDGED {
                growth.pop_front();
            }
            (&self.series[at], self.judge_with(at, growth.make_contiguous()))
        })
    }

    fn judge_with(&self, at: usize, growth: &[Option<Growth>]) -> Vec<LimitVerdict> {
        let Some(timed) = self.series.get(at) else { return Vec::new() };
        let max = self.budget.max.map(|max| judge_max(timed.duration, max));
        let min = self.budget.min.map(|min| judge_min(timed.duration, min));
        let baseline = self.baselines[at].map(|baseline| self.judge_baseline(timed.duration, baseline));
        let limit = self.budget.max_growth.map(|limit| judge_growth(growth, limit));
        [max, min, baseline, limit].into_iter().flatten().collect()
    }

    /// The growth of the deployments that count for this one, itself included; `None` without a limit of growth.
    fn growth(&self, at: usize) -> Option<Growth> {
        self.budget.max_growth?;
        let last = self.series.get(at)?;
        let begin = self.lookback.begin(last.started_at);
        let series = &self.series[..=at];
        let series = &series[series.partition_point(|timed| timed.started_at < begin)..];
        growth_of(series, Duration::default())
    }

    fn judge_baseline(&self, took: Duration, baseline: Baseline) -> LimitVerdict {
        let verdict = |result, reason| LimitVerdict { budget: BudgetKind::Baseline, result, reason };
        let Baseline { deployments: many, left_out, .. } = baseline;
        let (Some(percentile), Some(allowed)) = (baseline.percentile, baseline.allowed(self.budget.margin)) else {
            return verdict(
                CheckResult::NotEnoughData,
                format!("{many} deployments before it count; {MIN_BASELINE_DEPLOYMENTS} are needed"),
            );
        };
        let name = self.budget.baseline.map(|percentile| percentile.to_string()).unwrap_or_default();
        let without = match left_out {
            0 => String::new(),
            1 => " (one that was over is left out)".to_owned(),
            _ => format!(" ({left_out} that were over are left out)"),
        };
        let margin = self.budget.margin;
        let before = format!("of the {many} before it{without}");
        let above = format!("{margin} more than {percentile}, the {name}");
        let below = baseline.least(margin).zip(baseline.lower).map(|(least, lower)| {
            let name = self.budget.baseline.map(|percentile| percentile.lower().to_string()).unwrap_or_default();
            (least, format!("{margin} less than {lower}, the {name}"))
        });
        match below {
            _ if took > allowed => verdict(CheckResult::Over, format!("{took} is over {allowed}, {above} {before}")),
            Some((least, below)) if took < least => {
                verdict(CheckResult::Over, format!("{took} is under {least}, {below} {before}"))
            }
            Some((least, below)) => verdict(
                CheckResult::Within,
                format!("{took} is between {least}, {below}, and {allowed}, {above} {before}"),
            ),
            None => verdict(CheckResult::Within, format!("{took} is within {allowed}, {above} {before}")),
        }
    }
}

/// The deployments that a baseline is of.
#[derive(Debug, Default)]
struct Recent {
    /// Their places in the series, the oldest first.
    places: VecDeque<usize>,
    /// Their durations in microseconds, sorted.
    sorted: Vec<i64>,
}

impl Recent {
    fn oldest(&self) -> Option<usize> {
        self.places.front().copied()
    }

    fn add(&mut self, at: usize, timed: &Timed) {
        let micros = timed.duration.micros();
        self.places.push_back(at);
        self.sorted.insert(self.sorted.partition_point(|other| *other < micros), micros);
    }

    fn forget(&mut self, series: &[Timed]) {
        if let Some(oldest) = self.places.pop_front() {
            let micros = series[oldest].duration.micros();
            self.sorted.remove(self.sorted.partition_point(|other| *other < micros));
        }
    }

    /// The baseline of the deployment at an index.
    fn baseline(&self, of: Percentile, both_ways: bool, at: usize) -> Baseline {
        let deployments = self.places.len();
        let left_out = self.oldest().map_or(0, |oldest| at - oldest - deployments);
        let enough = deployments >= MIN_BASELINE_DEPLOYMENTS;
        let percentile = |share| quantile(&self.sorted, share).filter(|_| enough).and_then(from_micros);
        let lower = both_ways.then(|| percentile(of.lower().share())).flatten();
        Baseline { deployments, left_out, percentile: percentile(of.share()), lower }
    }
}

impl Baseline {
    /// The least that a deployment may take, where there is such a limit.
    fn least(self, margin: Percent) -> Option<Duration> {
        Duration::from_seconds(self.lower?.seconds() * (1.0 - margin.share()).max(0.0)).ok()
    }

    /// What a deployment may take.
    fn allowed(self, margin: Percent) -> Option<Duration> {
        let allowed = self.percentile?.seconds() * (1.0 + margin.share());
        // A margin larger than any duration allows all of them.
        Duration::from_seconds(allowed).ok().or(Duration::from_micros(i64::MAX))
    }
}

fn judge_max(took: Duration, max: Duration) -> LimitVerdict {
    let (result, reason) = match Duration::from_micros(took.micros() - max.micros()) {
        Some(more) if took > max => (CheckResult::Over, format!("{took} is {more} over {max}")),
        _ => (CheckResult::Within, format!("{took} is within {max}")),
    };
    LimitVerdict { budget: BudgetKind::Max, result, reason }
}

fn judge_min(took: Duration, min: Duration) -> LimitVerdict {
    let (result, reason) = match Duration::from_micros(min.micros() - took.micros()) {
        Some(less) if took < min => (CheckResult::Over, format!("{took} is {less} under {min}")),
        _ => (CheckResult::Within, format!("{took} is not under {min}")),
    };
    LimitVerdict { budget: BudgetKind::Min, result, reason }
}

/// Judges growth as of each of the last deployments. There is none to judge when the newest has too few before it.
fn judge_growth(growth: &[Option<Growth>], limit: GrowthLimit) -> LimitVerdict {
    let verdict = |result, reason| LimitVerdict { budget: BudgetKind::MaxGrowth, result, reason };
    let Some(Some(last)) = growth.last() else {
        let reason = format!("{MIN_DEPLOYMENTS} deployments over two weeks are needed to measure growth");
        return verdict(CheckResult::NotEnoughData, reason);
    };
    let is_over = |growth: &&Growth| {
        let beyond = growth.percent_per_week.is_none_or(|percent| percent.value > limit.0.value());
        growth.is_significant() && growth.seconds_per_week.value > 0.0 && beyond
    };
    let over = growth.iter().flatten().filter(is_over).count();
    let measured = match last.percent_per_week {
        Some(percent) => format!("{:+.1}% a week ({:.1} to {:.1})", percent.value, percent.low, percent.high),
        None => format!("{:+.1} s a week", last.seconds_per_week.value),
    };
    let doubt =
        if last.is_significant() { String::new() } else { format!(", not significant (p = {:.2})", last.p_value) };
    let many = growth.len();
    let newest = if over >= MIN_OVER && !is_over(&last) { ", though not of the newest" } else { "" };
    match over {
        MIN_OVER.. => verdict(
            CheckResult::Over,
            format!("{measured}{doubt}; over {limit} as of {over} of the last {many} deployments{newest}"),
        ),
        0 => verdict(CheckResult::Within, format!("{measured}{doubt}; within {limit}")),
        _ => verdict(
            CheckResult::Within,
            format!("{measured}{doubt}; over {limit} as of one deployment, which is no alarm yet"),
        ),
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
