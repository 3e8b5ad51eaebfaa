//! Where a jump is.

use std::ops::Range;

use super::basis::{Basis, Beside, Ramp, Weighed};
use super::products::Part;
use super::{LEAST_VARIANCE, MIN_BETWEEN};
use crate::analysis::statistics::probabilities;

/// A place is wrong where it is further than this many points from the true one; the chosen one is most probably not.
const NEAR: usize = 2;

/// A noise that is less probable says nothing of a place.
const LEAST_WEIGHT: f64 = 0.02;

/// Where a further jump fits best.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub at: usize,
    /// The logarithm of the share of all places that are as good as this one: what it costs that the place is not known.
    pub width: f64,
}

/// How probable each place of a jump is.
#[derive(Debug)]
pub struct Posterior {
    /// The first place.
    first: usize,
    probabilities: Vec<f64>,
}

impl Basis {
    /// The best place for a further jump beside others and perhaps growth, under one noise. `None` where none fits in.
    pub fn best_place(&self, jumps: &[usize], beside: &Beside, ramp: Option<Ramp>, noise: usize) -> Option<Place> {
        let ends = [&[0], jumps, &[self.len()]].concat();
        let between = ends.windows(2).filter(|ends| ends[1] - ends[0] >= 2 * MIN_BETWEEN);
        let mut likelihoods: Vec<(usize, f64)> = Vec::new();
        for ends in between {
            let places = ends[0] + MIN_BETWEEN..ends[1] - MIN_BETWEEN + 1;
            likelihoods.extend(places.clone().zip(self.likelihoods(beside, ramp, noise, places)));
        }
        let best = likelihoods.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1))?;
        let (all, _) = probabilities(likelihoods.iter().map(|place| place.1).collect());
        Some(Place { at: best.0, width: all - best.1 - (self.len() as f64).ln() })
    }

    /// How probable each place between the neighbours of a jump is, over all noises that are probable.
    pub fn posterior(&self, others: &[usize], at: usize, ramp: Option<Ramp>, weighed: &Weighed) -> Posterior {
        let first = others.iter().copied().filter(|other| *other < at).max().unwrap_or(0) + 1;
        let end = others.iter().copied().filter(|other| *other > at).min().unwrap_or(self.len());
        let beside = self.beside(others);
        let mut sums = vec![0.0; end - first];
        for (noise, weight) in weighed.noises.iter().enumerate().filter(|(_, weight)| **weight >= LEAST_WEIGHT) {
            let (_, of_noise) = probabilities(self.likelihoods(&beside, ramp, noise, first..end));
            sums.iter_mut().zip(of_noise).for_each(|(sum, probability)| *sum += weight * probability);
        }
        let whole: f64 = sums.iter().sum();
        sums.iter_mut().for_each(|sum| *sum /= whole);
        Posterior { first, probabilities: sums }
    }

    /// By how much a jump at each of these places raises the logarithm of the likelihood, whatever the variance is.
    fn likelihoods(&self, beside: &Beside, ramp: Option<Ramp>, noise: usize, places: Range<usize>) -> Vec<f64> {
        let products = self.products(noise);
        let mut known = beside.per_noise[noise].clone();
        if let Some(ramp) = ramp {
            known.push(products, Part::Ramp(ramp));
        }
        let n = self.len() as f64;
        let squares = known.rest + n * LEAST_VARIANCE;
        let likelihood = |at: usize| {
            let left = known.remainder(products, Part::Step(at));
            if left.square < 1e-9 {
                return 0.0;
            }
            let explained = (left.along * left.along / left.square / squares).min(1.0 - f64::EPSILON);
            -0.5 * (n - 1.0) * (1.0 - explained).ln()
        };
        places.map(likelihood).collect()
    }
}

impl Posterior {
    /// The place that is most probably not further than [`NEAR`] from the true one.
    pub fn place(&self) -> usize {
        let near = |at: usize| -> f64 {
            self.probabilities[at.saturating_sub(NEAR)..(at + NEAR + 1).min(self.probabilities.len())].iter().sum()
        };
        // Where the place is sure, those near it are as good: its own probability decides.
        let score = |at: usize| near(at) + 0.01 * self.probabilities[at];
        let best = (0..self.probabilities.len()).max_by(|one, other| score(*one).total_cmp(&score(*other)));
        self.first + best.unwrap_or(0)
    }

    /// The shortest range of places around one that holds the true one with a probability.
    pub fn range(&self, around: usize, probability: f64) -> Range<usize> {
        let at = around - self.first;
        let (mut from, mut until, mut sum) = (at, at + 1, self.probabilities.get(at).copied().unwrap_or(0.0));
        while sum < probability {
            let before = from.checked_sub(1).map(|at| self.probabilities[at]);
            let after = self.probabilities.get(until).copied();
            match (before, after) {
                (None, None) => break,
                (Some(before), after) if after.is_none_or(|after| before >= after) => {
                    sum += before;
                    from -= 1;
                }
                (_, after) => {
                    sum += after.unwrap_or(0.0);
                    until += 1;
                }
            }
        }
        self.first + from..self.first + until
    }
}
