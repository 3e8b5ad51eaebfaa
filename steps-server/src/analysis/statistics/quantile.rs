//! Order statistics.

use steps_shared::Duration;

/// How many standard deviations of a normal distribution a median absolute deviation is: 1/Φ⁻¹(3/4).
pub const NORMAL_DEVIATIONS: f64 = 1.482_602_218_505_602;

/// The value below which a share `q` of the sorted values lies, by linear interpolation between order statistics: type 7
/// of Hyndman & Fan, "Sample Quantiles in Statistical Packages" (1996), which is NumPy's default and SQL's
/// `PERCENTILE_CONT`. `None` when there are no values.
#[must_use]
pub fn quantile(sorted: &[i64], q: f64) -> Option<f64> {
    let at = q * sorted.len().checked_sub(1)? as f64;
    let low = *sorted.get(at.floor() as usize)? as f64;
    let high = *sorted.get(at.ceil() as usize)? as f64;
    Some(low + (high - low) * at.fract())
}

/// The value that one more value of the same kind stays below with a probability `q`: type 6 of Hyndman & Fan, whose order
/// statistics divide what is to come into equal parts (Weibull 1939). Of few values it is the largest. `None` when there are none.
#[must_use]
pub fn predicted_quantile(sorted: &[i64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)? as f64;
    let at = (q * (last + 2.0) - 1.0).clamp(0.0, last);
    quantile(sorted, if last > 0.0 { at / last } else { 0.0 })
}

/// The median of durations, rounded to microseconds.
#[must_use]
pub fn median(durations: &[Duration]) -> Option<Duration> {
    let mut micros: Vec<i64> = durations.iter().map(|duration| duration.micros()).collect();
    micros.sort_unstable();
    quantile(&micros, 0.5).and_then(from_micros)
}

/// Microseconds, rounded to whole ones; `None` when they are negative.
#[must_use]
pub fn from_micros(micros: f64) -> Option<Duration> {
    Duration::from_micros(micros.round() as i64)
}

/// A number to nine significant digits. What follows depends on the machine's exponential and logarithm, and says nothing.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

/// The median of numbers in any order: of an even number, the mean of the middle two; of none, 0.
#[must_use]
pub fn median_of(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    if values.is_empty() {
        return 0.0;
    }
    let (below, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    match below.iter().copied().max_by(f64::total_cmp) {
        Some(lower) if even => lower + (upper - lower) / 2.0,
        _ => upper,
    }
}

/// A standard deviation that outliers do not change: the median absolute deviation from the median, in units of a
/// normal distribution's standard deviation (Hampel, "The Influence Curve and its Role in Robust Estimation", 1974).
#[must_use]
pub fn robust_deviation(values: &[f64]) -> f64 {
    let median = median_of(values);
    let deviations: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    NORMAL_DEVIATIONS * median_of(&deviations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolates_as_numpy_does() {
        // numpy.percentile([15, 20, 35, 40, 50], [5, 30, 40, 50, 95, 100])
        let values = [15, 20, 35, 40, 50];
        let found = [0.05, 0.3, 0.4, 0.5, 0.95, 1.0].map(|q| quantile(&values, q).unwrap());
        for (found, expected) in found.into_iter().zip([16.0, 23.0, 29.0, 35.0, 48.0, 50.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[7], 0.99), Some(7.0));
    }

    #[test]
    fn predicts_as_weibull_does() {
        // numpy.percentile([15, 20, 35, 40, 50], [5, 30, 40, 50, 95], method="weibull")
        let values = [15, 20, 35, 40, 50];
        let found = [0.05, 0.3, 0.4, 0.5, 0.95].map(|q| predicted_quantile(&values, q).unwrap());
        for (found, expected) in found.into_iter().zip([15.0, 19.0, 26.0, 35.0, 50.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
        assert_eq!((predicted_quantile(&[], 0.5), predicted_quantile(&[7], 0.99)), (None, Some(7.0)));
    }

    #[test]
    fn medians_of_numbers() {
        assert_eq!([median_of(&[3.0, 1.0, 2.0]), median_of(&[4.0, 1.0, 2.0, 3.0]), median_of(&[])], [2.0, 2.5, 0.0]);
        assert_eq!(median_of(&[5.0, 5.0]), 5.0);
    }

    #[test]
    fn nine_digits_are_kept() {
        assert_eq!(
            [1.0 / 3.0, 2e-9 / 3.0, 123_456_789_012.0, 0.0].map(rounded),
            [0.333_333_333, 6.666_666_67e-10, 123_456_789_000.0, 0.0]
        );
        assert!(rounded(f64::INFINITY).is_infinite() && rounded(f64::NAN).is_nan());
    }

    #[test]
    fn an_outlier_does_not_change_the_deviation() {
        // Absolute deviations from the median 3: 2, 1, 0, 1, and the outlier's.
        let deviation = robust_deviation(&[1.0, 2.0, 3.0, 4.0, 1e9]);
        assert!((deviation - 1.4826).abs() < 1e-4, "{deviation}");
    }
}
