//! One model that explains a series: the logarithms of its durations are a constant or a line, with zero to a few jumps between, and
//! noise that may wander. Verdict, growth, jumps, and where growth began or stopped are all read from the explanation that is chosen.
//!
//! - [`basis`] weighs explanations: how probable each is, whatever the noise is.
//! - [`states`] takes out that a series goes to and fro between two levels.
//! - [`products`] makes that fast.
//! - [`places`] finds where a jump is, and how sure that is.
//! - [`spread`] tells noise that is larger at some times.
//! - [`choice`] tries explanations and chooses one.
//!
//! The family of explanations is that of Beaulieu & Killick, "Distinguishing Trends and Shifts from Memory in Climate Data" (2018),
//! with noise that is averaged over (Hoeting et al., "Bayesian Model Averaging: A Tutorial", 1999) rather than chosen.

mod basis;
mod choice;
mod places;
mod products;
mod spread;
mod states;

use basis::Basis;
pub use choice::{Explanation, LEAST_DEVIATION, Least, explain, logs};

/// Between two jumps, and before the first and after the last, are at least this many points.
const MIN_BETWEEN: usize = 8;

/// The most jumps.
const MAX_JUMPS: usize = 4;

/// What lies within a thousandth of the explanation is explained: no recorded duration is more exact.
pub const LEAST_VARIANCE: f64 = 1e-6;

/// The logarithm of the evidence of an explanation, and the quantiles of its slope: see [`crate::analysis::truth`].
#[must_use]
pub fn weighed(weeks: &[f64], logs: &[f64], jumps: &[usize], line: bool) -> (f64, [f64; 3]) {
    let basis = Basis::new(weeks.to_vec(), logs);
    let weighed = basis.weigh(&basis.beside(jumps), line.then(|| basis.going_on(0)));
    (weighed.evidence, weighed.interval())
}
