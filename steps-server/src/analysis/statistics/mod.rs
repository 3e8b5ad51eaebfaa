//! Statistics of durations. Pure: slices in, values out; no I/O, no clock. Each says where its definition is from.

mod groups;
mod mann_kendall;
mod outliers;
mod quantile;
mod student;
pub mod whitening;

pub use groups::{Asked, Group, Groups, MAX_NAMED, Names, Parts, Sample, monday};
pub use mann_kendall::{MannKendall, mann_kendall};
pub use outliers::without_outliers;
pub use quantile::{NORMAL_DEVIATIONS, from_micros, median, median_of, predicted_quantile, robust_deviation, rounded};
pub use student::{Weighted, log_sum, probabilities, quantile_of, share_interval, upper_tail};

/// A value is an outlier when it is further than this many robust standard deviations from the median.
pub const OUTLIER_DEVIATIONS: f64 = 3.0;

/// How many values equal each other: the size of each group of equal ones, of those that are more than one.
fn ties(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.chunk_by(|one, other| one == other).map(<[f64]>::len).filter(|size| *size > 1).collect()
}

/// k(k-1)(2k+5): 18 times the variance of Kendall's S of k values, and what ties take from it (Kendall 1975, chapter 4).
fn variance_term(k: usize) -> f64 {
    let k = k as f64;
    k * (k - 1.0) * (2.0 * k + 5.0)
}
