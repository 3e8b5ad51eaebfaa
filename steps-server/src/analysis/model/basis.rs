//! How probable explanations of a series are.

use std::f64::consts::PI;

use super::LEAST_VARIANCE;
use super::products::{Coordinates, Orthogonal, Part, Products, Remainder};
use crate::analysis::statistics::whitening::{Noise, Whitening, noises};
use crate::analysis::statistics::{Weighted, probabilities, quantile_of, upper_tail};

/// Growth may begin or stop once a week, but at this many times in a series at most …
const MAX_KNOTS: f64 = 24.0;

/// … and lasts, or is over, for this many weeks at least …
const MIN_WEEKS: f64 = 13.0 / 7.0;

/// … and points.
const MIN_POINTS: usize = 10;

/// How probable it is beforehand that deployments do not depend on each other. Where they do, a few dozen of them outweigh it.
const INDEPENDENT: f64 = 0.9;

/// The slowest noise, as a share of the series' length.
const SLOWEST: f64 = 0.1;

/// A noise that is less probable than this is left out of intervals …
const NEGLIGIBLE: f64 = 1e-3;

/// … and of tests: among hundreds of components, small probabilities count.
const IMPOSSIBLE: f64 = 1e-9;

/// From which knot until which durations grow; until the number of knots where it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ramp {
    pub from: usize,
    pub until: usize,
}

/// Points in order of time, with all that depends on the noise alone.
#[derive(Debug)]
pub struct Basis {
    /// When each point is, in weeks from the first.
    pub times: Vec<f64>,
    /// When growth may begin or stop; the first is 0.
    pub knots: Vec<f64>,
    /// The values around their mean.
    pub values: Vec<f64>,
    noises: Vec<Whitened>,
}

/// Points and knots under one noise.
#[derive(Debug)]
struct Whitened {
    noise: Noise,
    products: Products,
    /// The square of the length of the values without the constant.
    of_values: f64,
    /// The logarithm of what does not depend on the explanation.
    log_weight: f64,
}

/// The basis beside some jumps: for each noise the constant and the jumps, orthogonal to each other.
#[derive(Debug)]
pub struct Beside {
    parts: usize,
    pub per_noise: Vec<Orthogonal>,
}

/// An explanation that was weighed.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// The logarithm of its evidence: how probable the values are by it, whatever its noise and the sizes of its parts.
    pub evidence: f64,
    /// How probable each noise is by it.
    pub noises: Vec<f64>,
    /// For each noise the slope of its growth, in logarithms a week, and the standard error.
    slopes: Vec<(f64, f64)>,
    /// The degrees of freedom that are left.
    pub freedom: f64,
}

impl Basis {
    /// Of the logarithms of durations at times, in weeks from the first of them.
    #[must_use]
    pub fn new(times: Vec<f64>, values: &[f64]) -> Self {
        let span = times.last().copied().unwrap_or_default();
        let after = |knot: f64| times.len() - times.partition_point(|time| *time < knot);
        let apart = (span / MAX_KNOTS).max(1.0);
        let later = (1..).map(|nth| f64::from(nth) * apart);
        let later = later.take_while(|knot| *knot <= span - MIN_WEEKS && after(*knot) >= MIN_POINTS);
        let knots: Vec<f64> = std::iter::once(0.0).chain(later).collect();
        // Products lose fewer digits around 0.
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let values: Vec<f64> = values.iter().map(|value| value - mean).collect();
        let whitened = |noise: Noise| {
            let whitening = Whitening::new(noise, &times);
            let products = Products::new(&whitening, &times, &knots, &values);
            let constant = products.orthogonal([Part::Step(0)]);
            let log_weight = noise.prior.ln() - 0.5 * whitening.log_determinant - constant.first_length().ln();
            Whitened { noise, products, of_values: constant.rest, log_weight }
        };
        let noises = noises(span, INDEPENDENT, SLOWEST).map(whitened).collect();
        Self { times, knots, values, noises }
    }

    pub fn noise(&self, nth: usize) -> Noise {
        self.noises[nth].noise
    }

    /// The products under one noise.
    pub fn products(&self, noise: usize) -> &Products {
        &self.noises[noise].products
    }

    /// The logarithm of the evidence of nothing but independent noise.
    pub fn independent(&self) -> f64 {
        let n = self.len() as f64;
        self.noises.first().map_or(f64::INFINITY, |noise| {
            let squares = noise.of_values + n * LEAST_VARIANCE;
            noise.log_weight - INDEPENDENT.ln() - 0.5 * (n - 1.0) * squares.ln()
        })
    }

    /// How many points.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// The growth from a knot on that has not stopped.
    pub fn going_on(&self, from: usize) -> Ramp {
        Ramp { from, until: self.knots.len() }
    }

    /// What is left beside jumps at these points.
    pub fn beside(&self, jumps: &[usize]) -> Beside {
        let parts = || [0].iter().chain(jumps).map(|at| Part::Step(*at));
        let per_noise = self.noises.iter().map(|noise| noise.products.orthogonal(parts())).collect();
        Beside { per_noise, parts: jumps.len() }
    }

    /// What is left beside growth, too.
    pub fn beside_growth(&self, beside: &Beside, ramp: Ramp) -> Beside {
        let mut per_noise = beside.per_noise.clone();
        for (noise, left) in self.noises.iter().zip(&mut per_noise) {
            left.push(&noise.products, Part::Ramp(ramp));
        }
        Beside { per_noise, parts: beside.parts + 1 }
    }

    /// Weighs an explanation by jumps and perhaps growth. Each of its parts has the unit-information prior (Liang et al.,
    /// "Mixtures of g Priors for Bayesian Variable Selection", 2008, with g = n), which is near to BIC; the variance has Jeffreys'.
    pub fn weigh(&self, beside: &Beside, ramp: Option<Ramp>) -> Weighed {
        let left = |(noise, left): (&Whitened, &Orthogonal)| {
            ramp.map(|ramp| left.remainder(&noise.products, Part::Ramp(ramp)))
        };
        self.weighed(beside, ramp.is_some(), self.noises.iter().zip(&beside.per_noise).map(left))
    }

    /// The same of each of many ramps.
    pub fn weigh_each(&self, beside: &Beside, ramps: &[Ramp]) -> Vec<Weighed> {
        let noises = || self.noises.iter().map(|noise| &noise.products).zip(&beside.per_noise);
        let hinges: Vec<Vec<Coordinates>> = noises().map(|(products, left)| left.hinges(products)).collect();
        let of_ramp = |ramp: &Ramp| {
            let left = noises().zip(&hinges);
            let left = left.map(|((products, left), hinges)| Some(left.of_ramp(products, hinges, *ramp)));
            self.weighed(beside, true, left)
        };
        ramps.iter().map(of_ramp).collect()
    }

    /// With what is left of growth, for each noise.
    fn weighed(&self, beside: &Beside, grows: bool, growth: impl Iterator<Item = Option<Remainder>>) -> Weighed {
        let n = self.len() as f64;
        let parts = beside.parts as f64 + f64::from(u8::from(grows));
        let freedom = (n - 1.0 - parts).max(1.0);
        let of_parts = 0.5 * parts * n.ln_1p();
        let (mut logs, mut slopes) = (Vec::with_capacity(self.noises.len()), Vec::with_capacity(self.noises.len()));
        for ((noise, left), growth) in self.noises.iter().zip(&beside.per_noise).zip(growth) {
            let growth = growth.filter(|growth| growth.square > 1e-9);
            let rest = left.rest - growth.map_or(0.0, |growth| growth.along * growth.along / growth.square);
            let rest = rest.max(0.0) + n * LEAST_VARIANCE;
            slopes.push(growth.map_or((0.0, f64::INFINITY), |growth| {
                (growth.along / growth.square, (rest / freedom / growth.square).sqrt())
            }));
            let whole = noise.of_values + n * LEAST_VARIANCE;
            let shrunk = (whole + n * rest) / (1.0 + n);
            logs.push(noise.log_weight - of_parts - 0.5 * (n - 1.0) * shrunk.ln());
        }
        let (evidence, noises) = probabilities(logs);
        Weighed { evidence, noises, slopes, freedom }
    }

    /// The ramps that a ramp was chosen among: those that go on by when they began, those that began with the series by when they
    /// stopped, and of others those that stopped at the same time.
    fn family(&self, ramp: Ramp) -> Vec<Ramp> {
        let end = self.knots.len();
        match ramp {
            Ramp { until, .. } if until == end => (0..end).map(|from| self.going_on(from)).collect(),
            Ramp { from: 0, .. } => (1..=end).map(|until| Ramp { from: 0, until }).collect(),
            Ramp { until, .. } => (0..until).map(|from| Ramp { from, until }).collect(),
        }
    }

    /// The slope of growth, with its interval of 95 %: the low end, the middle and the high end. The ends are of all ramps that it was
    /// chosen among, each as far as it is probable: an interval of the chosen one alone would be too short.
    pub fn interval(&self, beside: &Beside, ramp: Ramp, chosen: &Weighed) -> [f64; 3] {
        let family = self.family(ramp);
        let others = (family.len() as f64 - 1.0).max(1.0).ln();
        let all_along = self.going_on(0);
        let weighed = self.weigh_each(beside, &family);
        let prior = |ramp: &Ramp| if *ramp == all_along { 0.0 } else { others };
        let logs = family.iter().zip(&weighed).map(|(ramp, one)| one.evidence - prior(ramp)).collect();
        let (_, probable) = probabilities(logs);
        let of_ramp = |(one, probable): (&Weighed, f64)| {
            one.slopes().into_iter().map(move |slope| Weighted { weight: slope.weight * probable, ..slope })
        };
        let slopes: Vec<Weighted> =
            weighed.iter().zip(probable).flat_map(of_ramp).filter(|one| one.weight >= NEGLIGIBLE).collect();
        let [low, value, high] = chosen.interval();
        let [lowest, highest] = [0.025, 0.975].map(|share| quantile_of(&slopes, chosen.freedom, share));
        [low.min(lowest), value, high.max(highest)]
    }

    /// How probable so much of a slope is without growth, where the ramp was chosen among others: those that go on by when
    /// they began, those that began with the series by when they stopped, and any.
    ///
    /// It is the volume of a tube around the curve that the ramps are (Hotelling, "Tubes and Spheres in n-Spaces", 1939; Knowles &
    /// Siegmund, "On Hotelling's Approach to Testing for a Nonlinear Parameter in Regression", 1989), averaged over the noises.
    pub fn p_value(&self, beside: &Beside, ramp: Ramp, weighed: &Weighed) -> f64 {
        let (end, family) = (self.knots.len(), self.family(ramp));
        let families = if ramp.from > 0 && ramp.until < end { end as f64 } else { 1.0 };
        let (freedom, likeliest) = (weighed.freedom, weighed.noise());
        let unevenness = self.unevenness(&beside.per_noise[likeliest], ramp, likeliest).sqrt();
        let of_noise = |(nth, left): (usize, &Orthogonal)| {
            let weight = weighed.noises[nth];
            if weight < IMPOSSIBLE {
                return weight;
            }
            let products = self.products(nth);
            let remainders: Vec<(Ramp, Remainder)> =
                family.iter().map(|ramp| (*ramp, left.remainder(products, Part::Ramp(*ramp)))).collect();
            let angle = |pair: &[(Ramp, Remainder)]| {
                let product = left.of_remainders(products, (pair[0].0, &pair[0].1), (pair[1].0, &pair[1].1));
                (product / (pair[0].1.square * pair[1].1.square).sqrt()).clamp(-1.0, 1.0).acos()
            };
            let length: f64 = remainders.windows(2).map(angle).sum();
            let (slope, error) = weighed.slopes[nth];
            let t = (slope / error).abs() / unevenness;
            let tube = length / PI * (1.0 + t * t / freedom).powf(-freedom / 2.0);
            weight * (families * (2.0 * upper_tail(t, freedom) + tube)).min(1.0)
        };
        beside.per_noise.iter().enumerate().map(of_noise).sum::<f64>().min(1.0)
    }
}

impl Weighed {
    /// The most probable noise.
    pub fn noise(&self) -> usize {
        (0..self.noises.len()).max_by(|one, other| self.noises[*one].total_cmp(&self.noises[*other])).unwrap_or(0)
    }

    /// The slope, with its interval of 95 %: the low end, the middle and the high end.
    pub fn interval(&self) -> [f64; 3] {
        let slopes = self.slopes();
        [0.025, 0.5, 0.975].map(|share| quantile_of(&slopes, self.freedom, share))
    }

    /// The slope for each noise that is not negligible.
    fn slopes(&self) -> Vec<Weighted> {
        let slopes = self.slopes.iter().zip(&self.noises).filter(|((_, error), _)| error.is_finite());
        let slopes = slopes.map(|((value, error), weight)| Weighted { value: *value, error: *error, weight: *weight });
        slopes.filter(|slope| slope.weight >= NEGLIGIBLE).collect()
    }
}
