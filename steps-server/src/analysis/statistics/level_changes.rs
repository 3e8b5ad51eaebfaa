//! Where the level of values changes.

use std::ops::Range;

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::{OUTLIER_DEVIATIONS, median_of, robust_deviation};

/// The fewest values between two changes, so that a few outliers in a row do not count as a level.
pub const MIN_SEGMENT: usize = 8;

/// A change is significant when its p-value is below this divided by the number of values, because each place is tested.
/// Tests of neighbouring places are nearly the same, so that fewer than one series without a change in twenty gets one.
const SIGNIFICANCE: f64 = 0.1;

/// A jump must show beside a polynomial of degree 1, and one degree more for each this many values …
const DEGREE_EACH: usize = 60;

/// … up to this degree. A slow bend is no jump.
const MOST_DEGREE: usize = 3;

/// A change of the level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeIndex {
    /// The first value of the new level.
    pub at: usize,
    /// How probable such a jump is at this place when there is none. Because the place was searched for, only a value far below
    /// 0.1 divided by the number of values counts.
    pub p_value: f64,
}

/// Where the level of values changes that are in order of time, the earliest first.
///
/// Places are looked for by E-divisive means (Matteson & James, "A Nonparametric Approach for Multiple Change Point Analysis
/// of Multivariate Data", 2014): a series is divided where the energy statistic of its two sides is largest, and both sides
/// again. They are tested as apache/otava does, by a t-test rather than by permutations, and the weakest is dropped until
/// all that are left are significant between their neighbours. No random numbers are used.
///
/// Unlike otava, the test fits a smooth curve together with the jump and uses the variance of autocorrelated values, so that
/// neither slow growth nor autocorrelated noise is a jump. Outliers are winsorised first.
///
/// Takes quadratic time.
#[must_use]
pub fn level_changes(values: &[f64]) -> Vec<ChangeIndex> {
    let max_p_value = SIGNIFICANCE / values.len() as f64;
    let calm = winsorised(values);
    let mut places: Vec<usize> = Vec::new();
    loop {
        let known = places.len();
        for part in with_ends(&places, values.len()).windows(2) {
            search(values, &calm, part[0]..part[1], max_p_value, &mut places);
        }
        if places.len() == known {
            break;
        }
        places.sort_unstable();
    }
    loop {
        let tested: Vec<ChangeIndex> = with_ends(&places, values.len())
            .windows(3)
            .map(|around| ChangeIndex {
                at: around[1],
                p_value: jump(&values[around[0]..around[2]], around[1] - around[0]),
            })
            .collect();
        let weakest = (0..tested.len()).max_by(|one, other| tested[*one].p_value.total_cmp(&tested[*other].p_value));
        match weakest.filter(|nth| tested[*nth].p_value > max_p_value) {
            Some(nth) => drop(places.remove(nth)),
            None => return tested,
        }
    }
}

/// The places, with the beginning and the end of all values.
fn with_ends(places: &[usize], length: usize) -> Vec<usize> {
    [&[0], places, &[length]].concat()
}

/// Searches a part of the values for a change. When its best place is not significant, both sides are searched alone, because
/// two changes in opposite directions hide each other.
fn search(values: &[f64], calm: &[f64], part: Range<usize>, max_p_value: f64, found: &mut Vec<usize>) {
    let Some(at) = most_different(&calm[part.clone()]) else { return };
    let place = part.start + at;
    if jump(&values[part.clone()], at) <= max_p_value {
        found.push(place);
    } else {
        search(values, calm, part.start..place, max_p_value, found);
        search(values, calm, place..part.end, max_p_value, found);
    }
}

/// Where the two sides of a division differ most: the largest
/// `Q = mn/(m+n) · (2/(mn) Σ|xᵢ-yⱼ| - 2/(m(m-1)) Σ|xᵢ-xₖ| - 2/(n(n-1)) Σ|yⱼ-yₖ|)`, equations 5 to 7 of the paper with α = 1.
fn most_different(values: &[f64]) -> Option<usize> {
    let n = values.len();
    if n < 2 * MIN_SEGMENT {
        return None;
    }
    let distances = |of: usize, to: &[f64]| to.iter().map(|value| (value - values[of]).abs()).sum::<f64>();
    let (mut left, mut between, mut right) = (0.0, 0.0, 0.0);
    for at in 0..n {
        right += distances(at, &values[at + 1..]);
    }
    let mut best = None;
    for at in 0..n - MIN_SEGMENT {
        // The value at `at` goes from the right side to the left one.
        let (to_left, to_right) = (distances(at, &values[..at]), distances(at, &values[at + 1..]));
        left += to_left;
        between += to_right - to_left;
        right -= to_right;
        let size = at + 1;
        if size >= MIN_SEGMENT {
            let (l, r) = (size as f64, (n - size) as f64);
            let energy = 2.0 / (l * r) * between - 2.0 / (l * (l - 1.0)) * left - 2.0 / (r * (r - 1.0)) * right;
            let q = l * r / (l + r) * energy;
            if best.is_none_or(|(most, _)| q > most) {
                best = Some((q, size));
            }
        }
    }
    best.map(|(_, at)| at)
}

/// The p-value of a jump at `at`: the t-test of a step beside a polynomial, by least squares, with the
/// effective number of values of an autoregressive process of order 1 (Bayley & Hammersley, "The 'Effective' Number of
/// Independent Observations in an Autocorrelated Time Series", 1946).
fn jump(values: &[f64], at: usize) -> f64 {
    let n = values.len() as f64;
    let (left, right) = values.split_at(at);
    let levels = [median_of(left), median_of(right)];
    let own = |nth: usize| usize::from(nth >= at);
    let beside: Vec<f64> = values.iter().enumerate().map(|(nth, value)| value - levels[own(nth)]).collect();
    let most = OUTLIER_DEVIATIONS * robust_deviation(&beside);
    // A value near the other level is no outlier: values that alternate between two levels are evidence against a change.
    let is_outlier = |value: f64| most > 0.0 && levels.iter().all(|level| (value - level).abs() > most);
    let calm = |(nth, value): (usize, &f64)| {
        let level = levels[own(nth)];
        if is_outlier(*value) { value.clamp(level - most, level + most) } else { *value }
    };
    let values: Vec<f64> = values.iter().enumerate().map(calm).collect();
    let degree = (1 + values.len() / DEGREE_EACH).min(MOST_DEGREE);
    let place = |nth: usize| 2.0 * nth as f64 / (n - 1.0) - 1.0;
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for degree in 0..=degree {
        let power = (0..values.len()).map(|nth| place(nth).powi(degree as i32)).collect();
        basis.push(without(power, &basis));
    }
    let step = without((0..values.len()).map(|nth| f64::from(u8::from(nth >= at))).collect(), &basis);
    let rest = without(values, &basis);
    let weight = dot(&step, &step);
    let height = dot(&step, &rest) / weight;
    let residuals: Vec<f64> = rest.iter().zip(&step).map(|(rest, step)| rest - height * step).collect();
    let parameters = degree as f64 + 2.0;
    let squares = dot(&residuals, &residuals);
    // How much more the mean of such values varies than that of independent ones.
    let correlation = (dot(&residuals[1..], &residuals) / squares + parameters / n).clamp(0.0, 0.9);
    let excess = (1.0 + correlation) / (1.0 - correlation);
    let freedom = (n / excess - parameters).max(1.0);
    let t = height / (squares / (n - parameters) * excess / weight).sqrt();
    match StudentsT::new(0.0, 1.0, freedom) {
        Ok(distribution) if t.is_finite() => 2.0 * distribution.sf(t.abs()),
        // Without noise any difference is significant.
        _ if height != 0.0 => 0.0,
        _ => 1.0,
    }
}

/// A vector without its components along other vectors, which are orthogonal to each other.
fn without(mut vector: Vec<f64>, basis: &[Vec<f64>]) -> Vec<f64> {
    for other in basis {
        let along = dot(&vector, other) / dot(other, other);
        vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
    }
    vector
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// The values, with outliers moved to where one begins (Tukey's winsorising). As they are where most are equal.
fn winsorised(values: &[f64]) -> Vec<f64> {
    let (median, deviation) = (median_of(values), robust_deviation(values));
    if deviation == 0.0 {
        return values.to_vec();
    }
    let most = OUTLIER_DEVIATIONS * deviation;
    values.iter().map(|value| value.clamp(median - most, median + most)).collect()
}

#[cfg(test)]
#[path = "level_changes_tests.rs"]
mod tests;
