//! Budgets: what deployments may take.

use std::fmt;
use std::str::FromStr;

use crate::words::words;
use crate::{Duration, Percent};

/// What deployments may take; at least one limit is given.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// No deployment may take longer than this.
    pub max: Option<Duration>,
    /// None may take less than this.
    pub min: Option<Duration>,
    /// None may take longer than most of those before it.
    pub baseline: Option<Baseline>,
    /// How many of those before make the baseline, 10 to 1,000.
    pub last: u32,
    /// How far above the baseline is still within: a single run is never exactly like others.
    pub margin: Percent,
    /// Whether none may take less than hardly any of those before it, either.
    pub both_ways: bool,
    /// They may not grow faster than this.
    pub max_growth: Option<GrowthLimit>,
    /// The smallest difference from a baseline that matters; by default what fits the series.
    pub min_difference: Option<Duration>,
}

words! {
    /// A limit of a budget, named as the parameter that gives it.
    BudgetKind {
        /// A duration.
        Max = "max",
        /// A duration that is the least.
        Min = "min",
        /// A percentile of the deployments before.
        Baseline = "baseline",
        /// A growth.
        MaxGrowth = "max_growth",
    }
}

/// A percentile of the deployments before, 1 to 100; [`Baseline::lower`] of p100 is the 0th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Baseline(u8);

/// The most growth in a week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GrowthLimit(pub Percent);

impl Budget {
    /// The fewest deployments that make a baseline.
    pub const MIN_BASELINE_WINDOW: u32 = 10;
    /// The most deployments that a baseline is made of.
    pub const MAX_BASELINE_WINDOW: u32 = 1000;

    /// The limits that are given, in the order of their answers.
    pub fn given(&self) -> impl Iterator<Item = BudgetKind> + use<> {
        let Self { max, min, baseline, last: _, margin: _, both_ways: _, max_growth, min_difference: _ } = self;
        let limits = [
            (BudgetKind::Max, max.is_some()),
            (BudgetKind::Min, min.is_some()),
            (BudgetKind::Baseline, baseline.is_some()),
            (BudgetKind::MaxGrowth, max_growth.is_some()),
        ];
        limits.into_iter().filter(|(_, given)| *given).map(|(budget, _)| budget)
    }
}

impl Default for Budget {
    fn default() -> Self {
        const MARGIN: Percent = Percent::new(20.0).expect("a number");
        Self {
            max: None,
            min: None,
            baseline: None,
            last: 30,
            margin: MARGIN,
            both_ways: false,
            max_growth: None,
            min_difference: None,
        }
    }
}

impl Baseline {
    /// The percentile as a share, 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Itself, and [`Baseline::lower`] where both ends count.
    #[must_use]
    pub fn both(self, both_ways: bool) -> (Self, Option<Self>) {
        (self, both_ways.then(|| self.lower()))
    }

    /// The percentile as far from the least as this one is from the greatest: p5 of p95. Of one below the median, itself.
    #[must_use]
    pub fn lower(self) -> Self {
        Self(self.0.min(100 - self.0))
    }
}

impl FromStr for Baseline {
    type Err = String;
    /// Reads `p95`, and `median` for `p50`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        let number = if text == "median" { Some("50") } else { text.strip_prefix('p') };
        let percentile = number.and_then(|number| number.parse().ok()).filter(|number| (1..=100).contains(number));
        percentile.map(Self).ok_or_else(|| format!("must be a percentile such as p95, or median, not {text:?}"))
    }
}

impl FromStr for GrowthLimit {
    type Err = String;
    /// Reads `5%/week`, `5%` and `5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let number = text.strip_suffix("/week").unwrap_or(text);
        number.parse().map(Self).map_err(|_| format!("must be a growth such as 5%/week, not {text:?}"))
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("p{}", self.0))
    }
}

impl fmt::Display for GrowthLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/week", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_growths() {
        let baseline = |text: &str| text.parse::<Baseline>().map(|baseline| baseline.to_string());
        assert_eq!(
            [baseline("p95"), baseline("median"), baseline("P1")],
            ["p95", "p50", "p1"].map(|text| Ok(text.into()))
        );
        let lower = |text: &str| text.parse::<Baseline>().unwrap().lower().to_string();
        assert_eq!([lower("p95"), lower("median"), lower("p100"), lower("p10")], ["p5", "p50", "p0", "p10"]);
        for wrong in ["95", "p0", "p101", "p", "mean", "p9.5"] {
            assert!(baseline(wrong).is_err(), "{wrong}");
        }
        let growth = |text: &str| text.parse::<GrowthLimit>().map(|growth| growth.to_string());
        for text in ["5%/week", "5%", "5", " 5 %/week"] {
            assert_eq!(growth(text).as_deref(), Ok("5%/week"), "{text}");
        }
        for wrong in ["5%/day", "-5%", "", "/week", "10s/week"] {
            assert!(growth(wrong).is_err(), "{wrong}");
        }
    }
}
