//! How fast the present deployment is beside each one before it.

use super::history::History;
use super::replay::Placed;
use super::spread::{Moments, log_of};

/// Of fewer deployments before nothing is told of how the end goes with the beginning.
const ENOUGH: f64 = 8.0;

/// A deployment is no faster or slower than this many times, as a logarithm.
const MOST: f64 = 1.0;

/// Of each plan the logarithm of how many times as long as in it the rest takes, by what the steps took that have ended.
pub fn stretches(history: &History, placed: &[Placed<'_>], rest: &[f64]) -> Vec<f64> {
    let slope = slope(history, placed, rest);
    placed.iter().map(|placed| slope * ratio(placed)).collect()
}

/// The logarithm of how many times as long as in the plan the steps took that have ended.
fn ratio(placed: &Placed<'_>) -> f64 {
    let (here, there) = placed.done();
    if here <= 0.0 || there <= 0.0 { 0.0 } else { (log_of(here) - log_of(there)).clamp(-MOST, MOST) }
}

/// How much longer the rest takes where the beginning took longer: the slope of its logarithm on that of the beginning, in the plans.
/// It is shrunk by what may be chance (James & Stein, "Estimation with Quadratic Loss", 1961).
fn slope(history: &History, placed: &[Placed<'_>], rest: &[f64]) -> f64 {
    let points = placed.iter().zip(rest).zip(&history.plans).filter_map(|((placed, rest), plan)| {
        let (_, done) = placed.done();
        let open = placed.open().map(|(_, took, _)| took).fold(0.0, f64::max);
        (done > 0.0 && rest + open > 0.0).then(|| (log_of(done), log_of(rest + open), plan.weight))
    });
    let points: Vec<(f64, f64, f64)> = points.collect();
    let begin = Moments::of(points.iter().map(|(x, _, weight)| (*x, *weight)));
    let end = Moments::of(points.iter().map(|(_, y, weight)| (*y, *weight)));
    if begin.count < ENOUGH || begin.variance < 1e-6 || end.variance < 1e-6 {
        return 0.0;
    }
    let sum: f64 = points.iter().map(|(_, _, weight)| weight).sum();
    let products = points.iter().map(|(x, y, weight)| weight * (x - begin.mean) * (y - end.mean));
    let covariance = products.sum::<f64>() / sum * begin.count / (begin.count - 1.0);
    let slope = covariance / begin.variance;
    let residual = (end.variance - slope * slope * begin.variance).max(1e-9);
    let t_squared = slope * slope * begin.variance * (begin.count - 2.0) / residual;
    (slope * (1.0 - 2.0 / t_squared.max(2.0))).clamp(0.0, 1.0)
}
