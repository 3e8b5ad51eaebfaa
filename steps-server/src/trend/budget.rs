//! Whether deployments are within a budget: each as of its own time, by what was there before it.

use std::collections::VecDeque;

use steps_shared::{Bound, Budget, BudgetKind, CheckResult, Duration, Growth, Percent, Timestamp};

use super::growth;
use super::series::{Timed, fitted};
use crate::statistics::quantile_of;

/// The fewest deployments that make a baseline.
pub const LEAST_BASELINE: usize = Budget::LEAST_LAST as usize;

/// Of so many deployments growth is judged as of each …
const JUDGED: usize = 3;

/// … and so many must be over the limit: one alone is no alarm.
const PERSISTENT: usize = 2;

/// Which deployments before another one count for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookback {
    /// Those that started then or later.
    From(Timestamp),
    /// Those that started at most so long before it.
    Span(Duration),
}

/// What is known of a series beside a budget.
#[derive(Debug)]
pub struct Budgets<'a> {
    series: &'a [Timed],
    budget: &'a Budget,
    lookback: Lookback,
    baselines: Vec<Option<Baseline>>,
    /// How many deployments in a row, up to each, took longer than allowed.
    flagged: Vec<u32>,
}

/// What the deployments before one took.
#[derive(Debug, Clone, Copy)]
struct Baseline {
    /// How many they are.
    deployments: usize,
    /// Their percentile; unknown of too few.
    percentile: Option<Duration>,
}

/// What a limit says of a deployment, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Which limit.
    pub budget: BudgetKind,
    /// What it says.
    pub result: CheckResult,
    /// Why.
    pub reason: String,
}

impl Lookback {
    /// What is asked for; 90 days before each deployment where nothing is.
    #[must_use]
    pub fn new(since: Option<Bound>) -> Self {
        match since {
            Some(Bound::At(moment)) => Self::From(moment.start),
            Some(Bound::Ago(span)) => Self::Span(span),
            None => Self::Span(Duration::from_micros(90 * 86_400_000_000).unwrap_or_default()),
        }
    }

    /// From when on deployments count for one that started at a moment.
    #[must_use]
    pub fn begin(self, started_at: Timestamp) -> Timestamp {
        match self {
            Self::From(moment) => moment,
            Self::Span(span) => Timestamp::from_micros(started_at.micros() - span.micros()).unwrap_or_default(),
        }
    }
}

impl<'a> Budgets<'a> {
    /// Goes through a series, which is in order of time and begins with the first deployment there is, and notes which
    /// deployments took too long: they are left out of the baselines after them.
    #[must_use]
    pub fn new(series: &'a [Timed], budget: &'a Budget, lookback: Lookback) -> Self {
        let mut budgets = Self { series, budget, lookback, baselines: Vec::new(), flagged: Vec::new() };
        let mut before: VecDeque<&Timed> = VecDeque::new();
        for timed in series {
            let begin = lookback.begin(timed.started_at);
            while before.pop_front_if(|oldest| oldest.started_at < begin).is_some() {}
            let baseline = budget.baseline.map(|percentile| {
                let durations: Vec<Duration> = before.iter().map(|timed| timed.duration).collect();
                let enough = durations.len() >= LEAST_BASELINE;
                let percentile = quantile_of(&durations, percentile.share()).filter(|_| enough);
                Baseline { deployments: durations.len(), percentile }
            });
            let allowed = baseline.and_then(|baseline| baseline.allowed(budget.margin));
            let is_over = |limit: Option<Duration>| limit.is_some_and(|limit| timed.duration > limit);
            budgets.baselines.push(baseline);
            if is_over(budget.max) || is_over(allowed) {
                let before = budgets.flagged.last().copied().unwrap_or(0);
                budgets.flagged.push(before + 1);
            } else {
                budgets.flagged.push(0);
                before.push_back(timed);
                if before.len() > budget.last as usize {
                    before.pop_front();
                }
            }
        }
        budgets
    }

    /// What each limit says of a deployment of the series, by its place.
    #[must_use]
    pub fn judge(&self, at: usize) -> Vec<Said> {
        self.judge_with(at, &self.growth(at.saturating_sub(JUDGED - 1)..=at))
    }

    /// What each limit says of every deployment from a place on.
    pub fn replay(&self, from: usize) -> impl Iterator<Item = (&'a Timed, Vec<Said>)> {
        let first = from.saturating_sub(JUDGED - 1);
        let growth = self.growth(first..=self.series.len().saturating_sub(1));
        (from..self.series.len()).map(move |at| {
            let begin = (at + 1).saturating_sub(JUDGED).max(first);
            (&self.series[at], self.judge_with(at, &growth[begin - first..=at - first]))
        })
    }

    fn judge_with(&self, at: usize, growth: &[Option<Growth>]) -> Vec<Said> {
        let Some(timed) = self.series.get(at) else { return Vec::new() };
        let max = self.budget.max.map(|max| said_of_max(timed.duration, max));
        let baseline = self.baselines[at].map(|baseline| self.said_of_baseline(at, baseline));
        let limit = self.budget.max_growth.map(|limit| said_of_growth(growth, limit.0));
        [max, baseline, limit].into_iter().flatten().collect()
    }

    /// How the deployments grow that count for each of these, itself among them; nothing where no limit asks.
    fn growth(&self, places: std::ops::RangeInclusive<usize>) -> Vec<Option<Growth>> {
        let growth_at = |at: usize| {
            self.budget.max_growth?;
            let last = self.series.get(at)?;
            let begin = self.lookback.begin(last.started_at);
            let series = &self.series[..=at];
            let series = &series[series.partition_point(|timed| timed.started_at < begin)..];
            let first = series.first()?;
            let enough = growth::is_enough(series.len(), first.started_at, last.started_at);
            if enough { growth::growth(&fitted(series), Duration::default()) } else { None }
        };
        places.map(growth_at).collect()
    }

    fn said_of_baseline(&self, at: usize, baseline: Baseline) -> Said {
        let took = self.series[at].duration;
        let name = self.budget.baseline.map(|percentile| percentile.to_string()).unwrap_or_default();
        let said = |result, reason| Said { budget: BudgetKind::Baseline, result, reason };
        let (Some(percentile), Some(allowed)) = (baseline.percentile, baseline.allowed(self.budget.margin)) else {
            let few = baseline.deployments;
            return said(
                CheckResult::NotEnoughData,
                format!("{few} deployments before it count; {LEAST_BASELINE} are needed"),
            );
        };
        let (many, margin) = (baseline.deployments, self.budget.margin);
        let basis = format!("the {name} of the {many} before it, {percentile}, and {margin}");
        if took <= allowed {
            return said(CheckResult::Within, format!("{took} is within {allowed}: {basis}"));
        }
        let row = self.flagged[at];
        let hint = match usize::try_from(row) {
            Ok(row) if row > LEAST_BASELINE => {
                format!("; the {} before it took too long as well; since accepts a new level", row - 1)
            }
            _ => String::new(),
        };
        said(CheckResult::Over, format!("{took} is over {allowed}: {basis}{hint}"))
    }
}

impl Baseline {
    /// What a deployment may take.
    fn allowed(self, margin: Percent) -> Option<Duration> {
        let allowed = self.percentile?.seconds() * (1.0 + margin.share());
        // A margin beyond all times allows all of them.
        Duration::from_seconds(allowed).ok().or(Duration::from_micros(i64::MAX))
    }
}

fn said_of_max(took: Duration, max: Duration) -> Said {
    let (result, reason) = match Duration::from_micros(took.micros() - max.micros()) {
        Some(more) if took > max => (CheckResult::Over, format!("{took} is {more} over {max}")),
        _ => (CheckResult::Within, format!("{took} is within {max}")),
    };
    Said { budget: BudgetKind::Max, result, reason }
}

/// Growth is judged as of the last deployments, and by the last of all where it can be told at all.
fn said_of_growth(growth: &[Option<Growth>], limit: Percent) -> Said {
    let said = |result, reason| Said { budget: BudgetKind::MaxGrowth, result, reason };
    let Some(Some(last)) = growth.last() else {
        let needed = growth::LEAST_DEPLOYMENTS;
        return said(
            CheckResult::NotEnoughData,
            format!("{needed} deployments over two weeks are needed to tell growth"),
        );
    };
    let is_over = |growth: &&Growth| {
        let beyond = growth.percent_per_week.is_none_or(|percent| percent.value > limit.value());
        growth.is_significant() && growth.seconds_per_week.value > 0.0 && beyond
    };
    let over = growth.iter().flatten().filter(is_over).count();
    let told = match last.percent_per_week {
        Some(percent) => format!("{:+.1}% a week ({:.1} to {:.1})", percent.value, percent.low, percent.high),
        None => format!("{:+.1} s a week", last.seconds_per_week.value),
    };
    let doubt =
        if last.is_significant() { String::new() } else { format!(", not significant (p = {:.2})", last.p_value) };
    if over >= PERSISTENT {
        let many = growth.len();
        return said(
            CheckResult::Over,
            format!("{told}{doubt}; over {limit} as of {over} of the last {many} deployments"),
        );
    }
    let once = if over > 0 { "; over it as of one deployment, which is no alarm yet" } else { "" };
    said(CheckResult::Within, format!("{told}{doubt}; the limit is {limit}{once}"))
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
