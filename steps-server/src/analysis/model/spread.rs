//! Noise that is larger at some times than at others.

use super::basis::{Basis, Ramp};
use super::products::{Orthogonal, Part};
use crate::analysis::statistics::whitening::Whitening;

/// A spread that is uneven by chance is within this many standard errors of an even one.
const CHANCE: f64 = 1.645;

impl Basis {
    /// How many times as large the variance of a slope is, because noise is larger where the slope is told: the ratio of the variance
    /// that does not assume an even spread (White, "A Heteroskedasticity-Consistent Covariance Matrix Estimator", 1980) to the one
    /// that does, less what may be so by chance; at least 1.
    pub fn unevenness(&self, left: &Orthogonal, ramp: Ramp, noise: usize) -> f64 {
        let products = self.products(noise);
        let whitening = Whitening::new(self.noise(noise), &self.times);
        let without = |values: &dyn Fn(usize) -> f64, parts: &Orthogonal, sizes: &[f64]| {
            let rest = |nth: usize| {
                values(nth) - parts.parts().zip(sizes).map(|(part, size)| size * self.at(part, nth)).sum::<f64>()
            };
            whitening.apply((0..self.len()).map(rest))
        };
        let growth = Part::Ramp(ramp);
        let line = without(&|nth| self.at(growth, nth), left, &left.sizes_in(products, growth));
        let mut all = left.clone();
        all.push(products, growth);
        let rest = without(&|nth| self.values[nth], &all, &all.coefficients());
        let squares = || line.iter().map(|value| value * value);
        let whole: f64 = squares().sum();
        let variance = rest.iter().map(|value| value * value).sum::<f64>() / self.len() as f64;
        let uneven = squares().zip(&rest).map(|(square, rest)| square * rest * rest).sum::<f64>() / (whole * variance);
        let error = (2.0 * squares().map(|square| square * square).sum::<f64>()).sqrt() / whole;
        (uneven / (1.0 + CHANCE * error)).max(1.0)
    }

    /// How much of a part is at a point.
    fn at(&self, part: Part, nth: usize) -> f64 {
        match part {
            Part::Step(at) => f64::from(u8::from(nth >= at)),
            Part::Ramp(ramp) => {
                let until = self.knots.get(ramp.until).copied().unwrap_or(f64::INFINITY);
                (self.times[nth].min(until) - self.knots[ramp.from]).max(0.0)
            }
        }
    }
}
