//! Noise that wanders, and how it is taken out.

use std::iter;

/// The shares of the noise's variance that wander.
const SHARES: [f64; 5] = [0.15, 0.35, 0.6, 0.85, 0.97];

/// How many time scales are considered, each half of the one before.
const SCALES: i32 = 5;

/// How noise is correlated: a part of it is a level that wanders and returns (Uhlenbeck & Ornstein, "On the Theory of the Brownian
/// Motion", 1930), the rest is independent.
///
/// A cache that is warm for days, a burst of deployments that share a runner and an autoregressive process of order 1 are all
/// near to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The share of the variance that wanders, 0 to 1.
    pub share: f64,
    /// After this long a correlation has fallen to 1/e.
    pub scale: f64,
    /// How probable it is before anything was seen.
    pub prior: f64,
}

/// Takes the correlation out of values that have this noise: what is left of the noise is independent, each with the same
/// variance. It is the filter of Kalman, "A New Approach to Linear Filtering and Prediction Problems" (1960), whose innovations
/// give the exact likelihood (Schweppe, "Evaluation of Likelihood Functions for Gaussian Signals", 1965).
#[derive(Debug, Clone)]
pub struct Whitening {
    filters: Vec<Filter>,
    /// The logarithm of the determinant of the covariance matrix.
    pub log_determinant: f64,
}

/// What the filter does at one value, where it expects a level: the whitened value is the difference, scaled, and at the next value it
/// expects a part of the level and a part of the value.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// 1 / standard deviation of the difference.
    pub scale: f64,
    /// How much of the value is in the next level.
    pub adds: f64,
    /// How much of the level is in the next level.
    pub passes: f64,
}

/// The noises that are considered of values within a span: independent with a probability of `independent`, else any. Nothing slower
/// than a share `slowest` of the span is noise: it could not be told from growth.
pub fn noises(span: f64, independent: f64, slowest: f64) -> impl Iterator<Item = Noise> {
    let prior = (1.0 - independent) / (SHARES.len() as f64 * f64::from(SCALES));
    let wandering = SHARES.into_iter().flat_map(move |share| {
        (0..SCALES).map(move |nth| Noise { share, scale: span * slowest / f64::from(1 << nth), prior })
    });
    iter::once(Noise { share: 0.0, scale: span, prior: independent }).chain(wandering)
}

impl Whitening {
    /// For values at these times, in order.
    #[must_use]
    pub fn new(noise: Noise, times: &[f64]) -> Self {
        let Noise { share, scale, .. } = noise;
        let mut whitening = Self { filters: Vec::with_capacity(times.len()), log_determinant: 0.0 };
        // A logarithm of several factors at once: each is at least a few hundredths.
        let (mut variance, mut factors) = (share, 1.0);
        for (nth, time) in times.iter().enumerate() {
            let whole = variance + 1.0 - share;
            let gain = variance / whole;
            let kept = match times.get(nth + 1) {
                Some(next) if share > 0.0 => (-(next - time) / scale).exp(),
                _ => 0.0,
            };
            whitening.filters.push(Filter {
                scale: whole.sqrt().recip(),
                adds: kept * gain,
                passes: kept * (1.0 - gain),
            });
            factors *= whole;
            if nth % 16 == 15 {
                whitening.log_determinant += f64::ln(factors);
                factors = 1.0;
            }
            variance = kept * kept * variance * (1.0 - gain) + share * (1.0 - kept * kept);
        }
        whitening.log_determinant += factors.ln();
        whitening
    }

    /// What is done at each value.
    pub fn filters(&self) -> impl DoubleEndedIterator<Item = &Filter> + ExactSizeIterator {
        self.filters.iter()
    }

    /// The values without their correlation.
    #[must_use]
    pub fn apply(&self, values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let whitened = self.filters.iter().zip(values).scan(0.0, |level, (filter, value)| {
            let innovation = (value - *level) * filter.scale;
            *level = filter.next(*level, value);
            Some(innovation)
        });
        whitened.collect()
    }
}

impl Filter {
    /// The level that is expected at the next value.
    #[must_use]
    pub fn next(&self, level: f64, value: f64) -> f64 {
        self.passes * level + self.adds * value
    }
}

/// The sum of the products.
#[must_use]
pub fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Takes a multiple of another vector away.
pub fn subtract(from: &mut [f64], times: f64, other: &[f64]) {
    from.iter_mut().zip(other).for_each(|(value, other)| *value -= times * other);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whitened_has_the_inverse_covariance() {
        // Σ⁻¹ of three values by hand: the whitened products are those of the inverse.
        let times = [0.0, 1.0, 3.0];
        let noise = Noise { share: 0.6, scale: 2.0, prior: 1.0 };
        let whitening = Whitening::new(noise, &times);
        let covariance = |one: usize, other: usize| {
            let wandering = 0.6 * (-f64::abs(times[one] - times[other]) / 2.0).exp();
            wandering + if one == other { 0.4 } else { 0.0 }
        };
        // W Σ Wᵀ is the identity, where the columns of W are whitened unit vectors.
        let unit = |at: usize| (0..3).map(move |nth| f64::from(u8::from(nth == at)));
        let w: Vec<Vec<f64>> = (0..3).map(|at| whitening.apply(unit(at))).collect();
        for row in 0..3 {
            for column in 0..3 {
                let sum: f64 = (0..3)
                    .flat_map(|one| (0..3).map(move |other| (one, other)))
                    .map(|(one, other)| w[one][row] * covariance(one, other) * w[other][column])
                    .sum();
                assert!((sum - f64::from(u8::from(row == column))).abs() < 1e-12, "{row} {column}: {sum}");
            }
        }
        let c = |one, other| covariance(one, other);
        let determinant = c(0, 0) * (c(1, 1) * c(2, 2) - c(1, 2) * c(1, 2))
            - c(0, 1) * (c(0, 1) * c(2, 2) - c(1, 2) * c(0, 2))
            + c(0, 2) * (c(0, 1) * c(1, 2) - c(1, 1) * c(0, 2));
        assert!((whitening.log_determinant - determinant.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_probabilities_of_all_noises_add_up() {
        let all: Vec<Noise> = noises(10.0, 0.5, 0.1).collect();
        assert!((all.iter().map(|noise| noise.prior).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(all[1..].iter().all(|noise| noise.scale <= 1.0 && noise.share > 0.0));
        assert_eq!(all[0].share, 0.0);
    }
}
