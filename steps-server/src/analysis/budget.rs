//! Whether deployments are within a budget; each is judged by the deployments before it.

use steps_shared::{
    Baseline as Percentile, Bound, Budget, BudgetKind, CheckResult, DEFAULT_LOOKBACK, Duration, Estimate, GrowthLimit,
    Timestamp,
};

use super::growth::{MIN_DEPLOYMENTS, is_enough};
use super::recent::{Baseline, Breach, LATELY, Lately, Recent};
use super::sequential::{SoFar, so_far};
use super::series::{Timed, fitted};

/// The fewest deployments that make a baseline.
pub const MIN_BASELINE_DEPLOYMENTS: usize = Budget::MIN_BASELINE_WINDOW as usize;

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
    least: Duration,
    baselines: Vec<Option<Baseline>>,
    /// How many deployments in a row, up to each, took longer, or less, than allowed.
    flagged: Vec<u32>,
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
    /// Goes through a series from the first deployment that there is, in order of time. What differs by less than `least` is
    /// within. Deployments that are not within `max` and `min` are left out of the baselines after them.
    #[must_use]
    pub fn new(series: &'a [Timed], budget: &'a Budget, lookback: Lookback, least: Duration) -> Self {
        let mut budgets = Self { series, budget, lookback, least, baselines: Vec::new(), flagged: Vec::new() };
        let (mut recent, mut lately) = (Recent::default(), Lately::default());
        for (at, timed) in series.iter().enumerate() {
            let begin = lookback.begin(timed.started_at);
            while recent.oldest().is_some_and(|oldest| series[oldest].started_at < begin) {
                recent.forget(series);
            }
            let baseline = budget.baseline.map(|percentile| {
                lately.go_on(series, at, begin);
                let of = Percentile::both(percentile, budget.both_ways);
                recent.baseline(of, at).within(lately.medians(of), budget.margin, least)
            });
            budgets.baselines.push(baseline);
            let is_outside = budget.max.is_some_and(|max| timed.duration > max)
                || budget.min.is_some_and(|min| timed.duration < min);
            let breach = baseline.and_then(|baseline| baseline.breach(timed.duration));
            let is_flagged = is_outside || breach.is_some();
            let before = budgets.flagged.last().copied().unwrap_or(0);
            budgets.flagged.push(if is_flagged { before + 1 } else { 0 });
            // What took too little did nothing, and is never usual; what took too long may be the new level.
            if !is_outside && !matches!(breach, Some(Breach::Under)) {
                recent.add(at, timed);
                if recent.len() > budget.last as usize {
                    recent.forget(series);
                }
            }
        }
        budgets
    }

    /// The verdict of each limit on the deployment at an index of the series.
    #[must_use]
    pub fn judge(&self, at: usize) -> Vec<LimitVerdict> {
        let Some(timed) = self.series.get(at) else { return Vec::new() };
        let max = self.budget.max.map(|max| judge_max(timed.duration, max));
        let min = self.budget.min.map(|min| judge_min(timed.duration, min));
        let baseline = self.baselines[at].map(|baseline| self.judge_baseline(timed.duration, baseline));
        let limit = self.budget.max_growth.map(|limit| judge_growth(self.growth(at), limit));
        [max, min, baseline, limit].into_iter().flatten().collect()
    }

    /// How many deployments in a row, up to the one at an index, took longer, or less, than allowed.
    #[must_use]
    pub fn over_in_a_row(&self, at: usize) -> u32 {
        self.flagged.get(at).copied().unwrap_or(0)
    }

    /// The verdicts on every deployment from an index on, computed one by one.
    pub fn replay(&self, from: usize) -> impl Iterator<Item = (&'a Timed, Vec<LimitVerdict>)> {
        (from..self.series.len()).map(move |at| (&self.series[at], self.judge(at)))
    }

    /// The growth of the deployments that count for this one, itself included; `None` without a limit of growth.
    fn growth(&self, at: usize) -> Option<SoFar> {
        let limit = self.budget.max_growth?;
        let last = self.series.get(at)?;
        let begin = self.lookback.begin(last.started_at);
        let series = &self.series[..=at];
        let series = &series[series.partition_point(|timed| timed.started_at < begin)..];
        if is_enough(series) { so_far(&fitted(series), limit.0.value()) } else { None }
    }

    fn judge_baseline(&self, took: Duration, baseline: Baseline) -> LimitVerdict {
        let verdict = |result, reason| LimitVerdict { budget: BudgetKind::Baseline, result, reason };
        let Baseline { deployments: many, left_out, .. } = baseline;
        let Some(limits) = baseline.limits else {
            return verdict(
                CheckResult::NotEnoughData,
                format!("{many} deployments before it count; {MIN_BASELINE_DEPLOYMENTS} are needed"),
            );
        };
        let name = |percentile: Percentile| percentile.to_string();
        let percentile = self.budget.baseline.map(name).unwrap_or_default();
        let lower = self.budget.baseline.map(|percentile| name(percentile.lower())).unwrap_or_default();
        let without = match left_out {
            0 => String::new(),
            1 => " (one that was over is left out)".to_owned(),
            _ => format!(" ({left_out} that were over are left out)"),
        };
        let margin = |level: Duration, limit: Duration| {
            let difference = Duration::from_micros((limit.micros() - level.micros()).abs()).unwrap_or_default();
            if difference > self.least { self.budget.margin.to_string() } else { self.least.to_string() }
        };
        let before = format!("of the {many} before it{without}");
        let above = format!("{} more than {}, the {percentile}", margin(limits.upper, limits.allowed), limits.upper);
        let below = limits
            .lower
            .map(|(level, least)| (least, format!("{} less than {level}, the {lower}", margin(level, least))));
        let allowed = limits.allowed;
        match (baseline.breach(took), below) {
            (Some(Breach::Over), _) => {
                verdict(CheckResult::Over, format!("{took} is over {allowed}, {above} {before}"))
            }
            (Some(Breach::Under), Some((least, below))) => {
                verdict(CheckResult::Over, format!("{took} is under {least}, {below} {before}"))
            }
            (Some(Breach::Lately(medians)), _) => verdict(
                CheckResult::Over,
                format!(
                    "the last {LATELY} took {}, their median, which is over {}, {} more than {}, the {percentile} of all medians of \
                     {LATELY} before",
                    medians.now,
                    medians.allowed,
                    margin(medians.upper, medians.allowed),
                    medians.upper
                ),
            ),
            (_, Some((least, below))) => verdict(
                CheckResult::Within,
                format!("{took} is between {least}, {below}, and {allowed}, {above} {before}"),
            ),
            _ => verdict(CheckResult::Within, format!("{took} is within {allowed}, {above} {before}")),
        }
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

/// Judges the growth so far; `None` where there is too little to measure it.
fn judge_growth(growth: Option<SoFar>, limit: GrowthLimit) -> LimitVerdict {
    let verdict = |result, reason| LimitVerdict { budget: BudgetKind::MaxGrowth, result, reason };
    let Some(growth) = growth else {
        let reason = format!("{MIN_DEPLOYMENTS} deployments over two weeks are needed to measure growth");
        return verdict(CheckResult::NotEnoughData, reason);
    };
    let Estimate { value, low, high } = growth.percent;
    let measured = format!("{value:+.1}% a week ({low:.1} to {high:.1})");
    match growth.is_sure() {
        false => {
            let p = growth.p_value;
            verdict(CheckResult::Within, format!("{measured}, not significant (p = {p:.2}); within {limit}"))
        }
        true if value > limit.0.value() => verdict(CheckResult::Over, format!("{measured}, over {limit}")),
        true => verdict(CheckResult::Within, format!("{measured}, within {limit}")),
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
