//! Whether a series has grown, asked after each deployment.
//!
//! A test that is repeated daily is passed by chance some day. A Bayes factor is not: the probability that it ever reaches 20 without
//! growth is at most 1 in 20, however often it is looked at (Ville 1939; Robbins, "Statistical Methods Related to the Law of the
//! Iterated Logarithm", 1970; Ramdas et al., "Game-Theoretic Statistics and Safe Anytime-Valid Inference", 2023).

use std::f64::consts::LN_2;

use steps_shared::{Estimate, Point};

use super::growth::weeks;
use crate::analysis::statistics::whitening::{Whitening, dot, noises, subtract};
use crate::analysis::statistics::{Weighted, log_sum, quantile_of, upper_tail, without_outliers};

/// How probable it is beforehand that deployments do not depend on each other. A few weeks of them do not tell, and a false alarm
/// is worse than a late one.
const INDEPENDENT: f64 = 0.45;

/// The slowest noise, as a share of the series' length.
const SLOWEST: f64 = 1.0 / 8.0;

/// The growth that is expected where there is some, as a multiple of the limit.
const EXPECTED: f64 = 1.5;

/// Growth is sure where its Bayes factor is this: the chance of that ever happening without growth is at most 1 in 20.
const SURE: f64 = 20.0;

/// See [`super::model`].
const LEAST_VARIANCE: f64 = super::model::LEAST_VARIANCE;

/// What a series says of its growth so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoFar {
    /// Percent more in each week.
    pub percent: Estimate,
    /// At most this probable is it that the evidence is ever so large without growth.
    pub p_value: f64,
}

impl SoFar {
    /// Whether there is growth, however often that is asked.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.p_value * SURE <= 1.0
    }
}

/// The growth of points so far, with the evidence that there is growth beside a limit in percent a week; `None` for fewer than three
/// points, or where all have the same time.
#[must_use]
pub fn so_far(points: &[Point], limit_percent: f64) -> Option<SoFar> {
    let times = weeks(points);
    let span = times.last().copied().filter(|span| *span > 0.0 && points.len() > 2)?;
    let n = points.len() as f64;
    let values = without_outliers(&super::model::logs(points), super::model::LEAST_DEVIATION);
    let expected = (EXPECTED * limit_percent.max(1.0) / 100.0).ln_1p();
    let freedom = n - 2.0;
    let (mut without, mut factors, mut slopes) = (Vec::new(), Vec::new(), Vec::new());
    for noise in noises(span, INDEPENDENT, SLOWEST) {
        let whitening = Whitening::new(noise, &times);
        let constant = whitening.apply(std::iter::repeat_n(1.0, times.len()));
        let length = dot(&constant, &constant);
        let [values, line] = [&values, &times].map(|vector| {
            let mut vector = whitening.apply(vector.iter().copied());
            let along = dot(&vector, &constant) / length;
            subtract(&mut vector, along, &constant);
            vector
        });
        let (squares, along, whole) =
            (dot(&line, &line), dot(&line, &values), dot(&values, &values) + n * LEAST_VARIANCE);
        let rest = (whole - along * along / squares).max(n * LEAST_VARIANCE);
        let (slope, variance) = (along / squares, rest / freedom / squares);
        // The slope has a half-normal prior with the expected growth as its scale.
        let shrunk = 1.0 / (1.0 / variance + 1.0 / (expected * expected));
        let mean = shrunk * slope / variance;
        let positive = upper_tail(-mean / shrunk.sqrt(), freedom).max(f64::MIN_POSITIVE);
        let gain = 0.5 * (n - 1.0) * (mean * mean / shrunk / freedom).ln_1p();
        factors.push(LN_2 + positive.ln() + shrunk.ln() / 2.0 - expected.ln() + gain);
        without.push(noise.prior.ln() - 0.5 * (whitening.log_determinant + length.ln()) - 0.5 * (n - 1.0) * whole.ln());
        slopes.push((slope, variance.sqrt()));
    }
    let all = log_sum(without.iter().copied());
    let with: Vec<f64> = without.iter().zip(&factors).map(|(without, factor)| without - all + factor).collect();
    let factor = log_sum(with.iter().copied());
    let weighted =
        with.iter().zip(slopes).map(|(log, (value, error))| Weighted { value, error, weight: (log - factor).exp() });
    let weighted: Vec<Weighted> = weighted.filter(|one| one.weight > 1e-3).collect();
    let [low, value, high] = [0.025, 0.5, 0.975].map(|share| quantile_of(&weighted, freedom, share).exp_m1() * 100.0);
    Some(SoFar { percent: Estimate { value, low, high }, p_value: (-factor).exp().min(1.0) })
}
