//! Series that go to and fro between two levels, such as those of a cache that is warm or cold.

use std::f64::consts::TAU;

use super::LEAST_VARIANCE;
use crate::analysis::statistics::median_of;

/// Fewer changes from one level to the other are jumps: up and mended are two.
const MIN_CHANGES: usize = 3;

/// How often the estimates are improved at most …
const ROUNDS: usize = 40;

/// … and by how much of the log-likelihood at least.
const LEAST_IMPROVEMENT: f64 = 0.01;

/// How many numbers are estimated: two levels, a variance, and how long either lasts.
const PARAMETERS: f64 = 5.0;

/// The logarithm of how much less likely one level is than the other, at most.
const MOST_UNLIKE: f64 = -80.0;

/// Two levels between which the values go to and fro: a Markov process with normal noise (Hamilton, "A New Approach to the Economic
/// Analysis of Nonstationary Time Series and the Business Cycle", 1989), estimated by expectation and maximisation (Baum et al.
/// 1970).
#[derive(Debug, Clone)]
pub struct States {
    levels: [f64; 2],
    variance: f64,
    /// How probable it is to leave each level.
    leaves: [f64; 2],
    /// How probable the upper level is at each value.
    upper: Vec<f64>,
    log_likelihood: f64,
}

impl States {
    /// Of values in order; `None` where they do not go to and fro, or where this has less evidence than the least.
    #[must_use]
    pub fn of(values: &[f64], least: f64) -> Option<Self> {
        let middle = f64::midpoint(extreme(values, f64::min)?, extreme(values, f64::max)?);
        let (low, high): (Vec<f64>, Vec<f64>) = values.iter().partition(|value| **value < middle);
        if low.is_empty() || high.is_empty() {
            return None;
        }
        let levels = [median_of(&low), median_of(&high)];
        let nearest =
            |value: &f64| levels.map(|level| (value - level).powi(2)).into_iter().fold(f64::INFINITY, f64::min);
        let variance = values.iter().map(nearest).sum::<f64>() / values.len() as f64 + LEAST_VARIANCE;
        let mut states =
            Self { levels, variance, leaves: [0.1; 2], upper: Vec::new(), log_likelihood: f64::NEG_INFINITY };
        for left in (0..ROUNDS).rev() {
            let before = states.log_likelihood;
            states.improve(values);
            let improvement = states.log_likelihood - before;
            // Each round improves it less than the one before, after the first few.
            if left + 3 < ROUNDS && states.evidence(values) + left as f64 * improvement < least {
                return None;
            }
            if improvement < LEAST_IMPROVEMENT {
                break;
            }
        }
        let changes = states.upper.windows(2).filter(|pair| (pair[0] > 0.5) != (pair[1] > 0.5)).count();
        (changes >= MIN_CHANGES && states.evidence(values) > least).then_some(states)
    }

    /// The logarithm of the evidence, by BIC, above that of independent noise around one level.
    fn evidence(&self, values: &[f64]) -> f64 {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n + LEAST_VARIANCE;
        let one_level = -0.5 * n * ((TAU * variance).ln() + 1.0);
        self.log_likelihood - one_level - 0.5 * (PARAMETERS - 2.0) * n.ln()
    }

    /// The values, all at the lower level.
    #[must_use]
    pub fn removed(&self, values: &[f64]) -> Vec<f64> {
        let [low, high] = self.levels;
        values.iter().zip(&self.upper).map(|(value, upper)| value - upper * (high - low)).collect()
    }

    /// One round: which level each value is of, by the present estimates, and better estimates by that.
    fn improve(&mut self, values: &[f64]) {
        let [low, high] = self.levels;
        let [up, down] = self.leaves;
        // Of either level after a value, how probable each is at the next.
        let next = |[lower, upper]: [f64; 2]| [lower * (1.0 - up) + upper * down, lower * up + upper * (1.0 - down)];
        // Forwards: how probable each level is, given the values so far. Logarithms are of several factors at once.
        let (mut forward, mut before) = (Vec::with_capacity(values.len()), [0.5; 2]);
        let (mut log_likelihood, mut factors) = (-0.5 * values.len() as f64 * (TAU * self.variance).ln(), 1.0);
        for (nth, value) in values.iter().enumerate() {
            let [of_low, of_high] = [low, high].map(|level| -(value - level).powi(2) / (2.0 * self.variance));
            // The likelier level has 1, the other what it is beside that.
            let other = (-(of_low - of_high).abs()).max(MOST_UNLIKE).exp();
            let joint = if of_low > of_high { [before[0], before[1] * other] } else { [before[0] * other, before[1]] };
            let whole = joint[0] + joint[1];
            let now = joint.map(|part| part / whole);
            forward.push(now);
            before = next(now);
            log_likelihood += of_low.max(of_high);
            factors *= whole;
            if nth % 8 == 7 {
                log_likelihood += f64::ln(factors);
                factors = 1.0;
            }
        }
        log_likelihood += f64::ln(factors);
        // Backwards: given all values.
        let mut upper = vec![0.0; values.len()];
        let (mut pairs, mut later) = ([[0.0; 2]; 2], None::<[f64; 2]>);
        for (nth, now) in forward.iter().enumerate().rev() {
            let smooth = match later {
                None => *now,
                Some(later) => {
                    let prior = next(*now);
                    let [to_low, to_high] = [later[0] / prior[0], later[1] / prior[1]];
                    let from_low = [now[0] * (1.0 - up) * to_low, now[0] * up * to_high];
                    let from_high = [now[1] * down * to_low, now[1] * (1.0 - down) * to_high];
                    for (sum, part) in pairs.iter_mut().flatten().zip(from_low.into_iter().chain(from_high)) {
                        *sum += part;
                    }
                    [from_low[0] + from_low[1], from_high[0] + from_high[1]]
                }
            };
            upper[nth] = smooth[1];
            later = Some(smooth);
        }
        let weighed = |state: usize| {
            let weight = |upper: &f64| if state == 1 { *upper } else { 1.0 - upper };
            let whole: f64 = upper.iter().map(weight).sum::<f64>().max(1e-9);
            upper.iter().zip(values).map(|(upper, value)| weight(upper) * value).sum::<f64>() / whole
        };
        self.levels = [weighed(0), weighed(1)];
        let squares = values.iter().zip(&upper).map(|(value, upper)| {
            upper * (value - self.levels[1]).powi(2) + (1.0 - upper) * (value - self.levels[0]).powi(2)
        });
        self.variance = squares.sum::<f64>() / values.len() as f64 + LEAST_VARIANCE;
        // As if each level had been left once more, and kept once more.
        self.leaves = [0, 1].map(|from| (pairs[from][1 - from] + 1.0) / (pairs[from][0] + pairs[from][1] + 2.0));
        self.upper = upper;
        self.log_likelihood = log_likelihood;
    }
}

fn extreme(values: &[f64], of: fn(f64, f64) -> f64) -> Option<f64> {
    values.iter().copied().reduce(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_levels_are_found_and_removed() {
        let noise = |nth: usize| 0.1 * ((nth as f64 * 0.618_034).fract() - 0.5);
        let values: Vec<f64> = (0..120).map(|nth| f64::from(u8::from(nth / 11 % 2 == 1)) + noise(nth)).collect();
        let states = States::of(&values, 0.0).unwrap();
        assert!(states.evidence(&values) > 100.0, "{}", states.evidence(&values));
        let removed = states.removed(&values);
        assert!(removed.iter().enumerate().all(|(nth, value)| (value - noise(nth)).abs() < 0.02), "{removed:?}");
        let jump: Vec<f64> = (0..120).map(|nth| f64::from(u8::from(nth >= 60)) + noise(nth)).collect();
        assert!(States::of(&jump, f64::NEG_INFINITY).is_none());
        assert!(States::of(&[1.0; 20], 0.0).is_none());
    }
}
