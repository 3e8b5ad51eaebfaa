//! What a step usually takes, and from when on it is unusually slow.

use steps_shared::Duration;

use crate::analysis::statistics::{
    Weighted, from_micros, median_of, predicted_quantile, quantile_of, robust_deviation,
};

/// One step in a hundred that is as usual is marked as slow, at most.
const SHARE: f64 = 0.99;

/// Of fewer earlier ones nothing is unusual.
const MIN_EARLIER: usize = 5;

/// From which duration on a step is unusually slow, by what earlier ones took: the quantile that 99 of 100 stay below. Of fewer than
/// a hundred that is the longest, which one in a few dozen exceeds: so it has to exceed as well what their median and deviation let
/// expect of a further one, in logarithms (Hahn & Meeker, "Statistical Intervals", 1991). `None` of too few.
#[must_use]
pub fn slow_from(earlier: &[Duration]) -> Option<Duration> {
    let mut micros: Vec<i64> = earlier.iter().map(|duration| duration.micros()).collect();
    micros.sort_unstable();
    let n = micros.len();
    let longest = predicted_quantile(&micros, SHARE).filter(|_| n >= MIN_EARLIER)?;
    let logs: Vec<f64> = micros.iter().map(|micros| (*micros as f64).max(1000.0).ln()).collect();
    let t = quantile_of(&[Weighted { value: 0.0, error: 1.0, weight: 1.0 }], n as f64 - 1.0, SHARE);
    let expected = (median_of(&logs) + t * robust_deviation(&logs) * (1.0 + 1.0 / n as f64).sqrt()).exp();
    let enough = ((n + 1) as f64 * (1.0 - SHARE)).floor() >= 1.0;
    from_micros(if enough { longest } else { longest.max(expected) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(seconds: impl IntoIterator<Item = u32>) -> Vec<Duration> {
        seconds.into_iter().map(|seconds| Duration::from_seconds(f64::from(seconds)).unwrap()).collect()
    }

    #[test]
    fn it_is_the_longest_of_a_hundred_and_more_of_a_few() {
        assert_eq!(slow_from(&earlier(1..=99)).unwrap().seconds(), 99.0);
        assert_eq!(slow_from(&earlier([10; 20])).unwrap().seconds(), 10.0);
        assert_eq!(slow_from(&earlier([10; 4])), None);
        assert!(slow_from(&earlier([10, 11, 12, 13, 14, 15])).unwrap().seconds() > 15.0);
        let mut one_outlier = earlier([10; 250]);
        one_outlier[7] = Duration::from_seconds(500.0).unwrap();
        assert_eq!(slow_from(&one_outlier).unwrap().seconds(), 10.0);
    }
}
