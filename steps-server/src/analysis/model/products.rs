//! Inner products of the parts of explanations under one noise, without the whitened vectors.
//!
//! From a point on, a whitened step or ramp depends on three numbers only: its input is a constant and a multiple of the time, and the
//! filter expects a level there. The products of what each of the three adds, from each point to the end, are sums that are made once
//! in linear time; every product of two parts is read from them.

use std::iter;

use super::MAX_JUMPS;
use super::basis::Ramp;
use crate::analysis::statistics::whitening::Whitening;

/// The most parts: the constant, the jumps, growth and another pace of it.
const MAX_PARTS: usize = MAX_JUMPS + 3;

/// What is shorter than this lies along other parts.
const SHORTEST: f64 = 1e-9;

/// A level of which the logarithm of what is left is below this counts no more.
const NOTHING_LEFT: f64 = -40.0;

/// By how much of each part something is.
pub type Coordinates = [f64; MAX_PARTS];

/// A part of an explanation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// A step from 0 to 1 at a point; the one at the first is the constant.
    Step(usize),
    /// Growth.
    Ramp(Ramp),
}

/// What the filter makes of values and of parts under one noise.
#[derive(Debug)]
pub struct Products {
    /// From each point to the end.
    sums: Vec<Sums>,
    /// At each point, the level that the filter expects of the constant, and of the time.
    levels: Vec<[f64; 2]>,
    /// The logarithm of how much of a level at the first point is left at each.
    decay: Vec<f64>,
    knots: Vec<Knot>,
    of_hinges: Vec<f64>,
    /// The square of the length of the values.
    of_values: f64,
}

/// A time from which on a hinge rises.
#[derive(Debug, Clone, Copy)]
struct Knot {
    time: f64,
    /// The first point there or later.
    at: usize,
}

/// Sums of products, from a point to the end, of what 1, the time and a level each add to the whitened vector; a level takes away.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    ones: f64,
    one_time: f64,
    times: f64,
    one_level: f64,
    time_level: f64,
    levels: f64,
    /// The product of a step at this point with the values, and of a line through 0.
    step_values: f64,
    line_values: f64,
}

impl Products {
    /// Of values at times under a noise; hinges rise from these times on.
    pub fn new(whitening: &Whitening, times: &[f64], knots: &[f64], values: &[f64]) -> Self {
        let whitened = whitening.apply(values.iter().copied());
        let (mut levels, mut decay) = (Vec::with_capacity(times.len()), Vec::with_capacity(times.len()));
        let (mut level, mut left) = ([0.0; 2], 0.0);
        for (filter, time) in whitening.filters().zip(times) {
            levels.push(level);
            decay.push(left);
            level = [filter.next(level[0], 1.0), filter.next(level[1], *time)];
            left += filter.passes.max(1e-300).ln();
        }
        let mut sums = vec![Sums::default(); times.len()];
        let (mut later, mut adjoint) = (Sums::default(), 0.0);
        for (nth, filter) in whitening.filters().enumerate().rev() {
            let time = times[nth];
            // One point earlier, a level is what is passed on of it, and 1 and the time each add to it.
            let (adds, passes, square) = (filter.adds, filter.passes, filter.scale * filter.scale);
            let (added, added_time) = (adds, adds * time);
            let next = later;
            later = Sums {
                ones: square + next.ones - 2.0 * added * next.one_level + added * added * next.levels,
                one_time: square * time + next.one_time - added_time * next.one_level - added * next.time_level
                    + added * added_time * next.levels,
                times: square * time * time + next.times - 2.0 * added_time * next.time_level
                    + added_time * added_time * next.levels,
                one_level: square + passes * (next.one_level - added * next.levels),
                time_level: square * time + passes * (next.time_level - added_time * next.levels),
                levels: square + passes * passes * next.levels,
                ..next
            };
            // The adjoint of the filter, applied to the whitened values.
            let back = filter.scale * whitened[nth] + adds * adjoint;
            adjoint = passes * adjoint - filter.scale * whitened[nth];
            later.step_values += back;
            later.line_values += time * back;
            sums[nth] = later;
        }
        let knot = |time: &f64| Knot { time: *time, at: times.partition_point(|other| other < time) };
        let mut products = Self {
            sums,
            levels,
            decay,
            knots: knots.iter().map(knot).collect(),
            of_hinges: Vec::new(),
            of_values: whitened.iter().map(|value| value * value).sum(),
        };
        let all = 0..knots.len();
        products.of_hinges = all
            .clone()
            .flat_map(|one| all.clone().map(move |other| (one, other)))
            .map(|(one, other)| products.of_two_hinges(one, other))
            .collect();
        products
    }

    /// The parts, made orthogonal one after the other.
    pub fn orthogonal(&self, parts: impl IntoIterator<Item = Part>) -> Orthogonal {
        let mut orthogonal = Orthogonal { rest: self.of_values, ..Orthogonal::default() };
        parts.into_iter().for_each(|part| orthogonal.push(self, part));
        orthogonal
    }

    fn with_values(&self, part: Part) -> f64 {
        match part {
            Part::Step(at) => self.sums[at].step_values,
            Part::Ramp(ramp) => {
                let hinge = |nth: usize| {
                    let Some(Knot { time, at }) = self.knots.get(nth) else { return 0.0 };
                    self.sums.get(*at).map_or(0.0, |sums| sums.line_values - time * sums.step_values)
                };
                hinge(ramp.from) - hinge(ramp.until)
            }
        }
    }

    fn product(&self, one: Part, other: Part) -> f64 {
        match (one, other) {
            (Part::Step(one), Part::Step(other)) => self.of_steps(one, other),
            (Part::Step(at), Part::Ramp(ramp)) | (Part::Ramp(ramp), Part::Step(at)) => {
                self.of_step_and_hinge(at, ramp.from) - self.of_step_and_hinge(at, ramp.until)
            }
            (Part::Ramp(one), Part::Ramp(other)) => {
                self.of_hinges(one.from, other.from)
                    - self.of_hinges(one.from, other.until)
                    - self.of_hinges(one.until, other.from)
                    + self.of_hinges(one.until, other.until)
            }
        }
    }

    /// What is left of a level at a point at a later one.
    fn left(&self, level: f64, from: usize, to: usize) -> f64 {
        let log = self.decay[to] - self.decay[from];
        if level == 0.0 || log < NOTHING_LEFT { 0.0 } else { level * log.exp() }
    }

    fn of_steps(&self, one: usize, other: usize) -> f64 {
        let (first, second) = (one.min(other), one.max(other));
        let Sums { ones, one_level, .. } = self.sums[second];
        ones - self.level_of_step(first, second) * one_level
    }

    /// The level that the filter expects at a point of a step at an earlier one.
    fn level_of_step(&self, step: usize, at: usize) -> f64 {
        self.levels[at][0] - self.left(self.levels[step][0], step, at)
    }

    /// The same of a hinge.
    fn level_of_hinge(&self, knot: Knot, at: usize) -> f64 {
        let of_line = |at: usize| self.levels[at][1] - knot.time * self.levels[at][0];
        of_line(at) - self.left(of_line(knot.at), knot.at, at)
    }

    fn of_step_and_hinge(&self, step: usize, nth: usize) -> f64 {
        let Some(knot) = self.knots.get(nth).filter(|knot| knot.at < self.sums.len()) else { return 0.0 };
        let sums = &self.sums[step.max(knot.at)];
        let with_ones = sums.one_time - knot.time * sums.ones;
        if step >= knot.at {
            with_ones - self.level_of_hinge(*knot, step) * sums.one_level
        } else {
            with_ones - self.level_of_step(step, knot.at) * (sums.time_level - knot.time * sums.one_level)
        }
    }

    fn of_hinges(&self, one: usize, other: usize) -> f64 {
        let many = self.knots.len();
        if one < many && other < many { self.of_hinges[one * many + other] } else { 0.0 }
    }

    fn of_two_hinges(&self, one: usize, other: usize) -> f64 {
        let (first, second) = (self.knots[one.min(other)], self.knots[one.max(other)]);
        let Some(sums) = self.sums.get(second.at) else { return 0.0 };
        sums.times - (first.time + second.time) * sums.one_time + first.time * second.time * sums.ones
            - self.level_of_hinge(first, second.at) * (sums.time_level - second.time * sums.one_level)
    }
}

/// Parts that were made orthogonal, and of length 1, each to those before it: the rows of Cholesky's decomposition of their products.
#[derive(Debug, Clone, Default)]
pub struct Orthogonal {
    parts: [Option<Part>; MAX_PARTS],
    /// How many they are.
    many: usize,
    /// Of each part, how much of each direction it has.
    rows: [Coordinates; MAX_PARTS],
    /// How much of each direction the values have.
    values: Coordinates,
    /// The square of the length of what is left of the values.
    pub rest: f64,
}

/// What the parts leave of one more.
#[derive(Debug, Clone, Copy)]
pub struct Remainder {
    coordinates: Coordinates,
    /// The square of its length.
    pub square: f64,
    /// Its product with the values.
    pub along: f64,
}

impl Orthogonal {
    /// Adds a part; what lies along those before it has the length 0.
    pub fn push(&mut self, products: &Products, part: Part) {
        let nth = self.many;
        let Remainder { mut coordinates, square, along } = self.remainder(products, part);
        if square > SHORTEST {
            coordinates[nth] = square.sqrt();
            self.values[nth] = along / coordinates[nth];
            self.rest = (self.rest - self.values[nth] * self.values[nth]).max(0.0);
        }
        self.rows[nth] = coordinates;
        self.parts[nth] = Some(part);
        self.many += 1;
    }

    /// How much of each direction a part has.
    fn coordinates(&self, products: &Products, part: Part) -> Coordinates {
        let mut coordinates = Coordinates::default();
        for (nth, other) in self.parts.iter().flatten().enumerate() {
            let row = &self.rows[nth];
            if row[nth] > 0.0 {
                let known: f64 = row.iter().zip(&coordinates).take(nth).map(|(row, own)| row * own).sum();
                coordinates[nth] = (products.product(part, *other) - known) / row[nth];
            }
        }
        coordinates
    }

    /// What is left of a part.
    pub fn remainder(&self, products: &Products, part: Part) -> Remainder {
        self.left(products, part, self.coordinates(products, part))
    }

    /// Of growth that goes on, from each knot on: what [`Self::of_ramp`] needs.
    pub fn hinges(&self, products: &Products) -> Vec<Coordinates> {
        let until = products.knots.len();
        (0..until).map(|from| self.coordinates(products, Part::Ramp(Ramp { from, until }))).collect()
    }

    /// What is left of a ramp, which is the difference of two hinges.
    pub fn of_ramp(&self, products: &Products, hinges: &[Coordinates], ramp: Ramp) -> Remainder {
        let mut coordinates = hinges[ramp.from];
        if let Some(until) = hinges.get(ramp.until) {
            coordinates.iter_mut().zip(until).for_each(|(own, until)| *own -= until);
        }
        self.left(products, Part::Ramp(ramp), coordinates)
    }

    fn left(&self, products: &Products, part: Part, coordinates: Coordinates) -> Remainder {
        let square = products.product(part, part) - dot(&coordinates, &coordinates);
        Remainder { coordinates, square, along: products.with_values(part) - dot(&coordinates, &self.values) }
    }

    /// The product of what is left of two ramps.
    pub fn of_remainders(&self, products: &Products, one: (Ramp, &Remainder), other: (Ramp, &Remainder)) -> f64 {
        products.product(Part::Ramp(one.0), Part::Ramp(other.0)) - dot(&one.1.coordinates, &other.1.coordinates)
    }

    /// By how much of each part the values are fitted, by least squares; 0 of a part that lies along those before it.
    pub fn coefficients(&self) -> Vec<f64> {
        self.solve(&self.values)
    }

    /// By how much of each part another part is fitted.
    pub fn sizes_in(&self, products: &Products, part: Part) -> Vec<f64> {
        self.solve(&self.coordinates(products, part))
    }

    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.parts.iter().flatten().copied()
    }

    fn solve(&self, coordinates: &Coordinates) -> Vec<f64> {
        let many = self.many;
        let mut found = vec![0.0; many];
        for nth in (0..many).rev() {
            let later: f64 = (nth + 1..many).map(|other| self.rows[other][nth] * found[other]).sum();
            let length = self.rows[nth][nth];
            found[nth] = if length > 0.0 { (coordinates[nth] - later) / length } else { 0.0 };
        }
        found
    }

    /// The length of what is left of the first part.
    pub fn first_length(&self) -> f64 {
        self.rows[0][0]
    }
}

fn dot(one: &Coordinates, other: &Coordinates) -> f64 {
    iter::zip(one, other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::statistics::whitening::{self, noises};

    #[test]
    fn products_are_those_of_whitened_vectors() {
        let times: Vec<f64> = (0..60).map(|nth| f64::from(nth) * 0.2 + 0.07 * f64::from(nth * 7 % 3)).collect();
        let values: Vec<f64> = (0..60).map(|nth| f64::from(nth * 37 % 11) / 10.0).collect();
        let knots = [0.0, 1.0, 2.5, 9.0];
        let ramp = |from, until| Part::Ramp(Ramp { from, until });
        let parts = [Part::Step(0), Part::Step(17), Part::Step(40), ramp(0, 4), ramp(1, 3), ramp(2, 4)];
        for noise in noises(12.0, 0.5, 0.1) {
            let whitening = Whitening::new(noise, &times);
            let products = Products::new(&whitening, &times, &knots, &values);
            let vector = |part: &Part| match *part {
                Part::Step(at) => whitening.apply((0..60).map(|nth| f64::from(u8::from(nth >= at)))),
                Part::Ramp(Ramp { from, until }) => {
                    let until = knots.get(until).copied().unwrap_or(f64::INFINITY);
                    whitening.apply(times.iter().map(|time| (time.min(until) - knots[from]).max(0.0)))
                }
            };
            let values = whitening.apply(values.iter().copied());
            for one in &parts {
                let near = |found: f64, other: &[f64]| {
                    let expected = whitening::dot(&vector(one), other);
                    assert!((found - expected).abs() < 1e-9, "{noise:?} {one:?}: {found} {expected}");
                };
                near(products.with_values(*one), &values);
                parts.iter().for_each(|other| near(products.product(*one, *other), &vector(other)));
            }
            // What is fitted leaves what is orthogonal to all parts.
            let fitted = products.orthogonal(parts);
            let mut rest = values.clone();
            iter::zip(&parts, fitted.coefficients())
                .for_each(|(part, of)| whitening::subtract(&mut rest, of, &vector(part)));
            assert!((whitening::dot(&rest, &rest) - fitted.rest).abs() < 1e-9, "{noise:?}");
            assert!(parts.iter().all(|part| whitening::dot(&rest, &vector(part)).abs() < 1e-8), "{noise:?}");
        }
    }
}
