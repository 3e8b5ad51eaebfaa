//! How times are spread, in logarithms, and what is left of one that has lasted so long already.

use std::f64::consts::PI;

/// Shorter times are as long as this, in seconds: what a machine does by chance.
const SHORTEST: f64 = 0.05;

/// The variance that is added for what is not known of the distribution, in terms of the variance: this many times, by the number n of
/// values that it is known from, and as many times by n². The quantiles of a normal distribution that is estimated from n values are
/// those of Student's t with (1 + 1/n) times the variance: for the 10th and 90th percentiles that is 3/n to 4/n more. The rest makes
/// up for deployments that are slow as a whole while they are too few to tell so; both were chosen so that simulations hold.
const ADDED: f64 = 4.0;
const ADDED_OF_FEW: f64 = 14.0;

/// Times are never more certain than this, in logarithms.
const LEAST: f64 = 0.01;

/// Nor less certain than this, about a factor of two either way.
const MOST: f64 = 0.8;

/// Of fewer values nothing is told of their kinds.
const ENOUGH: f64 = 10.0;

/// How far from most values of a standard normal distribution a quarter of all is: the median over all of them.
const QUARTER: f64 = 0.40;

/// Beyond the longest time, how long it goes on is of the order of how long it is beyond.
const BEYOND: f64 = 0.5;

/// However long it is beyond, in one of ten cases it goes on for more than four times what it has lasted.
const MOST_BEYOND: f64 = 0.7;

/// The logarithm of a time in seconds.
pub fn log_of(seconds: f64) -> f64 {
    seconds.max(SHORTEST).ln()
}

/// What is known of a distribution of logarithms.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    /// How many values that are as good as independent.
    pub count: f64,
    pub mean: f64,
    pub variance: f64,
    pub longest: f64,
    /// The standard deviation near most values: less than that of all, where they are of several kinds.
    pub local: f64,
}

/// Nothing is known: it may last twice as long, or half.
pub const UNKNOWN: Moments = Moments { count: 1.0, mean: 0.0, variance: 0.25, longest: f64::INFINITY, local: 0.46 };

impl Moments {
    /// Of values with their weights.
    pub fn of(values: impl Iterator<Item = (f64, f64)> + Clone) -> Self {
        let (mut sum, mut squares, mut mean, mut longest) = (0.0, 0.0, 0.0, f64::NEG_INFINITY);
        for (value, weight) in values.clone() {
            sum += weight;
            squares += weight * weight;
            mean += weight * value;
            longest = f64::max(longest, value);
        }
        if sum <= 0.0 {
            return Self::default();
        }
        let (count, mean) = (sum * sum / squares, mean / sum);
        let variance = values.clone().map(|(value, weight)| weight * (value - mean).powi(2)).sum::<f64>() / sum;
        let variance = if count > 1.01 { variance * count / (count - 1.0) } else { variance };
        let local = local(values.map(|(value, _)| value).collect()).filter(|_| count >= ENOUGH);
        let whole = variance.sqrt();
        Self { count, mean, variance, longest, local: local.map_or(whole, |local| local.min(whole)) }
    }

    /// The standard deviation of the kernel around each value.
    pub fn kernel(&self) -> f64 {
        let count = self.count.max(1.0);
        (self.local * (ADDED / count + ADDED_OF_FEW / (count * count)).sqrt()).clamp(LEAST, MOST)
    }
}

/// The standard deviation near most values, by the distance to the neighbour beyond a quarter of all.
fn local(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let many = values.len().div_ceil(4);
    let distance = |at: usize| {
        let first = at.saturating_sub(many);
        let windows = (first..=at)
            .filter_map(|first| Some((*values.get(first + many)? - values[at]).max(values[at] - values[first])));
        windows.min_by(f64::total_cmp)
    };
    let distances: Option<Vec<f64>> = (0..values.len()).map(distance).collect();
    let mut distances = distances?;
    distances.sort_unstable_by(f64::total_cmp);
    Some(distances.get(distances.len() / 2)? / QUARTER)
}

/// A log-logistic distribution around a time: its tails are those of things that last the longer, the longer they have lasted.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    log: f64,
    /// 1 / shape.
    scale: f64,
    /// The same, beyond the longest time.
    beyond: f64,
}

impl Kernel {
    /// Around a time in seconds that is stretched, with the moments of stretched times like it.
    pub fn new(seconds: f64, moments: &Moments, elapsed: f64, stretch: f64) -> Self {
        let scale = moments.kernel() * 3.0_f64.sqrt() / PI;
        let over = (log_of(elapsed) - moments.longest).max(0.0);
        Self { log: log_of(seconds) + stretch, scale, beyond: scale.max((BEYOND * over).min(MOST_BEYOND)) }
    }

    /// The logarithm of the probability that it lasts longer than this.
    pub fn log_survival(&self, elapsed: f64) -> f64 {
        if elapsed <= 0.0 {
            return 0.0;
        }
        -softplus((elapsed.ln() - self.log) / self.scale)
    }

    /// The time that it takes in all, given that it has lasted so long: the quantile `u` of that.
    pub fn quantile_beyond(&self, elapsed: f64, u: f64) -> f64 {
        let survival = if elapsed > 0.0 { -softplus((elapsed.ln() - self.log) / self.beyond) } else { 0.0 };
        let exponent = -(survival + (1.0 - u).ln());
        (self.log + self.beyond * (exponent + (-(-exponent).exp()).ln_1p())).exp().max(elapsed)
    }
}

fn softplus(x: f64) -> f64 {
    if x > 30.0 { x } else { x.exp().ln_1p() }
}

/// The logarithm of a quantile of the standard log-logistic distribution with a standard deviation of 1.
pub fn logistic(u: f64) -> f64 {
    (u / (1.0 - u)).ln() * 3.0_f64.sqrt() / PI
}

/// Quantiles of weighted values, which are sorted.
pub fn quantiles<const N: usize>(values: &mut [(f64, f64)], at: [f64; N]) -> [f64; N] {
    values.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let whole: f64 = values.iter().map(|(_, weight)| weight).sum();
    at.map(|at| {
        let mut sum = 0.0;
        let found = values.iter().find(|(_, weight)| {
            sum += weight;
            sum >= at * whole
        });
        found.or(values.last()).map_or(0.0, |(value, _)| *value)
    })
}
