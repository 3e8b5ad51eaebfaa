//! Values without their outliers.

use std::f64::consts::SQRT_2;

use super::{NORMAL_DEVIATIONS, OUTLIER_DEVIATIONS, median_of};

/// How many values on either side make the running median: a level that lasts longer than this is none of outliers.
const REACH: usize = 2;

/// Values in order of time, with outliers moved to where one begins: further than three robust standard deviations from the
/// running median of five (Hampel, "The Influence Curve and its Role in Robust Estimation", 1974). The deviation is that of
/// successive differences, which levels do not change (von Neumann et al., "The Mean Square Successive Difference", 1941), in its
/// robust form, and taken as at least `least`, so that values that are mostly equal have outliers too.
#[must_use]
pub fn without_outliers(values: &[f64], least: f64) -> Vec<f64> {
    let around = |nth: usize| &values[nth.saturating_sub(REACH)..(nth + REACH + 1).min(values.len())];
    let medians: Vec<f64> = (0..values.len()).map(|nth| median_of(around(nth))).collect();
    let differences: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let deviation = NORMAL_DEVIATIONS * median_of(&differences) / SQRT_2;
    let most = OUTLIER_DEVIATIONS * deviation.max(least);
    values.iter().zip(medians).map(|(value, median)| value.clamp(median - most, median + most)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_are_moved_and_levels_stay() {
        let mut values = [vec![1.0; 20], vec![2.0; 20]].concat();
        assert_eq!(without_outliers(&values, 0.01), values, "a change of the level");
        values[5] = 9.0;
        let calm = without_outliers(&values, 0.01);
        assert!((calm[5] - 1.03).abs() < 1e-12, "{}", calm[5]);
        assert_eq!((&calm[..5], &calm[6..]), (&values[..5], &values[6..]));
        assert!(without_outliers(&[], 0.01).is_empty());
    }
}
