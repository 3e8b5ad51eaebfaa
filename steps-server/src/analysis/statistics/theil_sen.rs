//! A slope through points that outliers do not change.

use super::{median_of, ties, variance_term};

/// A straight line through points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TheilSen {
    /// The median of the slopes between any two points, in units of y per unit of x.
    pub slope: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Where the line is at x = 0: the median of y less the slope times the median of x.
    pub intercept: f64,
}

/// The quantile of the normal distribution for an interval of 95 %: Φ⁻¹(0.975).
const Z: f64 = 1.959_963_984_540_054;

/// The Theil–Sen slope with its interval of 95 %, and the intercept.
///
/// Theil, "A Rank-Invariant Method of Linear and Polynomial Regression Analysis" (1950); the interval is that of Sen,
/// "Estimates of the Regression Coefficient Based on Kendall's Tau" (1968), whose ranks are rounded, and whose variance
/// takes ties of x and of y into account, as SciPy's `theilslopes` does.
///
/// `None` when no two points differ in x. When there are so many ties that no variance is left, the interval is the slope
/// alone. Takes quadratic time and memory.
#[must_use]
pub fn theil_sen(x: &[f64], y: &[f64]) -> Option<TheilSen> {
    let n = x.len().min(y.len());
    let (x, y) = (&x[..n], &y[..n]);
    let mut slopes = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for later in 1..n {
        for earlier in 0..later {
            let (dx, dy) = (x[later] - x[earlier], y[later] - y[earlier]);
            if dx != 0.0 {
                slopes.push(dy / dx);
            }
        }
    }
    let last = slopes.len().checked_sub(1)?;
    let tied: f64 = ties(x).into_iter().chain(ties(y)).map(variance_term).sum();
    let sigma = ((variance_term(n) - tied) / 18.0).max(0.0).sqrt();
    let count = slopes.len() as f64;
    let upper = ((count + Z * sigma) / 2.0).round_ties_even().min(last as f64) as usize;
    // The cast turns negative numbers into 0.
    let lower = (((count - Z * sigma) / 2.0).round_ties_even() - 1.0) as usize;

    let (middle, even) = (slopes.len() / 2, slopes.len().is_multiple_of(2));
    let mut ranks = [lower, middle.saturating_sub(usize::from(even)), middle, upper];
    ranks.sort_unstable();
    let sorted = at_ranks(&mut slopes, &ranks);
    let at = |rank: usize| sorted[ranks.iter().position(|known| *known == rank).unwrap_or(0)];
    let slope = if even { f64::midpoint(at(middle - 1), at(middle)) } else { at(middle) };
    let intercept = median_of(y) - slope * median_of(x);
    Some(TheilSen { slope, low: at(lower), high: at(upper), intercept })
}

/// The values at these ranks, which are sorted, without sorting all values.
fn at_ranks<const N: usize>(values: &mut [f64], ranks: &[usize; N]) -> [f64; N] {
    let mut begin = 0;
    ranks.map(|rank| {
        let rank = rank.min(values.len() - 1);
        if rank >= begin {
            values[begin..].select_nth_unstable_by(rank - begin, f64::total_cmp);
            begin = rank + 1;
        }
        values[rank]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_and_an_outlier_does_not_move_it() {
        let x: Vec<f64> = (0..21).map(f64::from).collect();
        let mut y: Vec<f64> = x.iter().map(|x| 300.0 + 2.0 * x).collect();
        y[20] = 1e6;
        let line = theil_sen(&x, &y).unwrap();
        assert_eq!((line.slope, line.intercept), (2.0, 300.0));
    }

    #[test]
    fn there_is_none_through_one_moment() {
        assert_eq!(theil_sen(&[], &[]), None);
        assert_eq!(theil_sen(&[1.0], &[5.0]), None);
        assert_eq!(theil_sen(&[1.0, 1.0], &[5.0, 6.0]), None);
    }

    #[test]
    fn selecting_is_like_sorting() {
        let mut values = [9.0, 3.0, 7.0, 1.0, 5.0, 3.0];
        assert_eq!(at_ranks(&mut values, &[0, 2, 2, 5]), [1.0, 3.0, 3.0, 9.0]);
    }
}
