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
    /// 1 / standard deviation of each innovation.
    scale: Vec<f64>,
    /// How much of each innovation is the level.
    gain: Vec<f64>,
    /// How much of the level is left at the next value.
    kept: Vec<f64>,
    /// The logarithm of the determinant of the covariance matrix.
    pub log_determinant: f64,
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
        let mut whitening = Self { scale: Vec::new(), gain: Vec::new(), kept: Vec::new(), log_determinant: 0.0 };
        let mut variance = share;
        for (nth, time) in times.iter().enumerate() {
            let whole = variance + 1.0 - share;
            let gain = variance / whole;
            let kept = match times.get(nth + 1) {
                Some(next) if share > 0.0 => (-(next - time) / scale).exp(),
                _ => 0.0,
            };
            whitening.scale.push(whole.sqrt().recip());
            whitening.gain.push(gain);
            whitening.kept.push(kept);
            whitening.log_determinant += whole.ln();
            variance = kept * kept * variance * (1.0 - gain) + share * (1.0 - kept * kept);
        }
        whitening
    }

    /// The values without their correlation.
    #[must_use]
    pub fn apply(&self, values: impl IntoIterator<Item = f64>) -> Vec<f64> {
        self.from(0, values).collect()
    }

    /// A step from 0 to 1 at a value, from there on; before it there is nothing.
    pub fn step(&self, at: usize) -> impl Iterator<Item = f64> {
        self.from(at, iter::repeat(1.0))
    }

    fn from(&self, at: usize, values: impl IntoIterator<Item = f64>) -> impl Iterator<Item = f64> {
        let filter = self.scale[at..].iter().zip(&self.gain[at..]).zip(&self.kept[at..]);
        filter.zip(values).scan(0.0, |level, (((scale, gain), kept), value)| {
            let innovation = value - *level;
            *level = kept * (*level + gain * innovation);
            Some(innovation * scale)
        })
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

/// Takes what lies along the others away, which are orthogonal and of length 1, and makes its length 1; `None` where nothing is left.
#[must_use]
pub fn orthonormal(mut vector: Vec<f64>, others: &[&[f64]]) -> Option<Vec<f64>> {
    for other in others {
        let along = dot(&vector, other);
        subtract(&mut vector, along, other);
    }
    let length = dot(&vector, &vector).sqrt();
    (length > 1e-6).then(|| {
        vector.iter_mut().for_each(|value| *value /= length);
        vector
    })
}

/// By how much of each part the values are fitted, by least squares; 0 of a part that lies along those before it.
#[must_use]
pub fn solve(parts: &[Vec<f64>], values: &[f64]) -> Vec<f64> {
    let mut known: Vec<Vec<f64>> = Vec::new();
    // Of each part, how much of those before it is in it, and how much of it is in the values.
    let mut rows: Vec<(Vec<f64>, f64, f64)> = Vec::new();
    for part in parts {
        let within: Vec<f64> = known.iter().map(|other| dot(part, other)).collect();
        let mut own = part.clone();
        known.iter().zip(&within).for_each(|(other, times)| subtract(&mut own, *times, other));
        let length = dot(&own, &own).sqrt();
        own.iter_mut().for_each(|value| *value = if length > 1e-6 { *value / length } else { 0.0 });
        rows.push((within, length, dot(&own, values)));
        known.push(own);
    }
    let mut found = vec![0.0; parts.len()];
    for nth in (0..parts.len()).rev() {
        let later: f64 = (nth + 1..parts.len()).map(|other| rows[other].0[nth] * found[other]).sum();
        let (_, length, along) = &rows[nth];
        found[nth] = if *length > 1e-6 { (along - later) / length } else { 0.0 };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_again() {
        let parts = [vec![1.0, 1.0, 1.0, 1.0], vec![0.0, 1.0, 2.0, 3.0], vec![0.0, 0.0, 1.0, 1.0]];
        let values: Vec<f64> = (0..4).map(|nth| 2.0 * parts[0][nth] - parts[1][nth] + 5.0 * parts[2][nth]).collect();
        let found = solve(&parts, &values);
        assert!(found.iter().zip([2.0, -1.0, 5.0]).all(|(found, known)| (found - known).abs() < 1e-12), "{found:?}");
    }

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
        let step: Vec<f64> = whitening.step(1).collect();
        assert_eq!(step, whitening.apply([0.0, 1.0, 1.0])[1..]);
    }

    #[test]
    fn the_probabilities_of_all_noises_add_up() {
        let all: Vec<Noise> = noises(10.0, 0.5, 0.1).collect();
        assert!((all.iter().map(|noise| noise.prior).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(all[1..].iter().all(|noise| noise.scale <= 1.0 && noise.share > 0.0));
        assert_eq!(all[0].share, 0.0);
    }
}
