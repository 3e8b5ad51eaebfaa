//! The Mann–Kendall test: whether values rise or fall.

use statrs::function::erf::erfc;

use super::{ties, variance_term};

/// The Mann–Kendall test for a trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannKendall {
    /// The number of pairs that rise minus the number of pairs that fall.
    pub s: f64,
    /// Its variance when there is no trend.
    pub variance: f64,
    /// S in units of its standard deviation, one nearer to 0 for continuity.
    pub z: f64,
    /// How probable an S this far from 0, or further, is when there is no trend.
    pub p_value: f64,
    /// S as a share of all pairs, -1 to 1 (Kendall's tau-a).
    pub tau: f64,
}

/// The test for a trend in values that are in order of time: Mann, "Nonparametric Tests Against Trend" (1945), with the
/// correction of the variance for ties of Kendall, "Rank Correlation Methods" (1975), and p from the normal approximation.
///
/// With fewer than two values, or when all are equal, p is 1. Takes quadratic time.
#[must_use]
pub fn mann_kendall(values: &[f64]) -> MannKendall {
    let n = values.len();
    let rises = |(later, value): (usize, &f64)| {
        let signs = values[..later].iter().map(|earlier| i32::from(value > earlier) - i32::from(value < earlier));
        i64::from(signs.sum::<i32>())
    };
    let s: i64 = values.iter().enumerate().map(rises).sum();
    let s = s as f64;
    let tied: f64 = ties(values).into_iter().map(variance_term).sum();
    let variance = (variance_term(n) - tied) / 18.0;
    let z = if s == 0.0 { 0.0 } else { (s - s.signum()) / variance.sqrt() };
    let pairs = (n * n.saturating_sub(1) / 2).max(1) as f64;
    // erfc keeps its precision where 1 - Φ(z) has none left.
    MannKendall { s, variance, z, p_value: erfc(z.abs() / std::f64::consts::SQRT_2), tau: s / pairs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_be_said_of_nothing() {
        for values in [&[][..], &[1.0], &[5.0, 5.0, 5.0]] {
            let found = mann_kendall(values);
            assert_eq!((found.s, found.z, found.p_value, found.tau), (0.0, 0.0, 1.0, 0.0), "{values:?}");
        }
    }

    #[test]
    fn ten_that_rise_are_significant_and_their_order_alone_matters() {
        let rising: Vec<f64> = (0..10).map(|at| f64::from(at).exp()).collect();
        let found = mann_kendall(&rising);
        assert_eq!((found.s, found.tau), (45.0, 1.0));
        assert!(found.p_value < 1e-4, "{found:?}");
        let falling: Vec<f64> = rising.into_iter().rev().collect();
        assert_eq!(mann_kendall(&falling).z, -found.z);
    }
}
