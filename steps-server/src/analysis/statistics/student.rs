//! Estimates whose error has Student's distribution.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// An estimate and its standard error, one of several that are weighted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighted {
    pub value: f64,
    pub error: f64,
    /// How probable it is that this is the one.
    pub weight: f64,
}

/// How probable a value above `t` is.
#[must_use]
pub fn upper_tail(t: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom.max(1.0)).map_or(0.5, |distribution| distribution.sf(t))
}

/// The value below which a share of the weighted distributions lies.
#[must_use]
pub fn quantile_of(estimates: &[Weighted], freedom: f64, share: f64) -> f64 {
    let whole: f64 = estimates.iter().map(|one| one.weight).sum();
    let below = |value: f64| -> f64 {
        let part = |one: &Weighted| one.weight * upper_tail((one.value - value) / one.error, freedom);
        estimates.iter().map(part).sum::<f64>() / whole
    };
    let bounds = |side: f64| estimates.iter().map(move |one| one.value + side * one.error);
    let (mut low, mut high) =
        (bounds(-20.0).fold(f64::INFINITY, f64::min), bounds(20.0).fold(f64::NEG_INFINITY, f64::max));
    let exact = 1e-12 * (high - low);
    let (mut below_low, mut below_high, mut kept) = (below(low) - share, below(high) - share, 0);
    // Regula falsi, where an end that is kept twice counts half (Dowell & Jarratt, "A Modified Regula Falsi Method", 1971).
    for _ in 0..60 {
        let chord = (low * below_high - high * below_low) / (below_high - below_low);
        let next = if chord > low && chord < high { chord } else { f64::midpoint(low, high) };
        let found = below(next) - share;
        if found < 0.0 {
            if kept == 1 {
                below_high /= 2.0;
            }
            (low, below_low, kept) = (next, found, 1);
        } else {
            if kept == -1 {
                below_low /= 2.0;
            }
            (high, below_high, kept) = (next, found, -1);
        }
        if found == 0.0 || high - low < exact {
            return next;
        }
    }
    f64::midpoint(low, high)
}

/// Between which values a part's share of the difference between the means of two sides lies, with a confidence of 95 %: Fieller,
/// "Some Problems in Interval Estimation" (1954). `None` where the whole does not differ surely: then any share is possible.
#[must_use]
pub fn share_interval(part: [&[f64]; 2], whole: [&[f64]; 2]) -> Option<[f64; 2]> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let difference = |of: [&[f64]; 2]| mean(of[1]) - mean(of[0]);
    let covariance = |one: [&[f64]; 2], other: [&[f64]; 2]| -> f64 {
        let of = |side: usize| {
            let (mean_one, mean_other, n) = (mean(one[side]), mean(other[side]), one[side].len() as f64);
            let products =
                one[side].iter().zip(other[side]).map(|(one, other)| (one - mean_one) * (other - mean_other));
            products.sum::<f64>() / (n - 1.0).max(1.0) / n
        };
        of(0) + of(1)
    };
    let freedom = (part[0].len() + part[1].len()).checked_sub(2).filter(|freedom| *freedom > 0)? as f64;
    let t = quantile_of(&[Weighted { value: 0.0, error: 1.0, weight: 1.0 }], freedom, 0.975);
    let (d, whole_d) = (difference(part), difference(whole));
    let a = whole_d * whole_d - t * t * covariance(whole, whole);
    let b = d * whole_d - t * t * covariance(part, whole);
    let c = d * d - t * t * covariance(part, part);
    let root = (b * b - a * c).max(0.0).sqrt();
    (a > 0.0).then(|| [(b - root) / a, (b + root) / a])
}

/// The logarithm of a sum of numbers, from their logarithms.
#[must_use]
pub fn log_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let most = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY { most } else { most + logs.map(|log| (log - most).exp()).sum::<f64>().ln() }
}

/// The logarithm of a sum of numbers, from their logarithms, and the share of each.
#[must_use]
pub fn probabilities(mut logs: Vec<f64>) -> (f64, Vec<f64>) {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // e⁻⁴⁰ is nothing beside 1.
    logs.iter_mut().for_each(|log| *log = if *log - most > -40.0 { (*log - most).exp() } else { 0.0 });
    let whole: f64 = logs.iter().sum();
    logs.iter_mut().for_each(|part| *part /= whole);
    (most + whole.ln(), logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_one_are_students() {
        let one = [Weighted { value: 3.0, error: 2.0, weight: 1.0 }];
        // The table of Student: 2.228 at 10 degrees of freedom.
        assert!((quantile_of(&one, 10.0, 0.975) - (3.0 + 2.0 * 2.228_138_852)).abs() < 1e-6);
        assert!((quantile_of(&one, 10.0, 0.5) - 3.0).abs() < 1e-6);
    }

    #[test]
    fn a_share_is_uncertain_where_the_whole_is() {
        let (before, after) = ([10.0, 11.0, 9.0, 10.0], [20.0, 21.0, 19.0, 20.0]);
        let [low, high] = share_interval([&before, &after], [&before, &after]).unwrap();
        assert!((low - 1.0).abs() < 1e-9 && (high - 1.0).abs() < 1e-9, "all of it is all of it");
        let noisy = [[5.0, 30.0, 10.0, 20.0], [30.0, 5.0, 20.0, 12.0]];
        assert_eq!(share_interval([&before, &after], [&noisy[0], &noisy[1]]), None);
        let [low, high] = share_interval([&[1.0, 1.5, 0.5, 1.0], &[6.0, 5.5, 6.5, 6.0]], [&before, &after]).unwrap();
        assert!(low < 0.5 && 0.5 < high && high - low < 0.4, "{low} {high}");
        assert!((log_sum([2_f64.ln(), 3_f64.ln()].into_iter()) - 5_f64.ln()).abs() < 1e-12);
    }
}
