//! Which explanation of a series is chosen.

use std::ops::Range;

use steps_shared::{Growth, Point};

use super::MAX_JUMPS;
use super::basis::{Basis, Beside, Ramp, Weighed};
use super::places::Posterior;
use super::products::Part;
use super::states::States;
use crate::analysis::statistics::{log_sum, median_of, without_outliers};

/// A jump is told where its evidence is at least this, as the logarithm of the Bayes factor: 7 to 1 against the same explanation
/// without it, with its place unknown (Kass & Raftery, "Bayes Factors", 1995).
const LEAST_EVIDENCE: f64 = 2.0;

/// Beside an explanation by growth, a jump is the likelier one where it is larger than this, in logarithms, and growth where it is
/// smaller: what jumps mostly jumps far, and what grows slowly is easily taken for a small jump.
const USUAL_JUMP: f64 = 0.3;

/// By how much the logarithm of the odds rises with the size, …
const ODDS_OF_SIZE: f64 = 15.0;

/// … and between which it is.
const JUMP_ODDS: [f64; 2] = [-3.0, 1.0];

/// The logarithm of the odds of growth that began later, beside growth all along …
const BEGAN_ODDS: f64 = 0.0;

/// … of growth that stopped …
const STOPPED_ODDS: f64 = -0.9;

/// … of growth that began and stopped …
const BOTH_ODDS: f64 = -4.0;

/// … and of growth that goes on at another pace.
const PACE_ODDS: f64 = -0.7;

/// Growth that began and stopped lasts for at least this many knots: what is steeper is a jump.
const MIN_RAMP: usize = 3;

/// A jump of less than this share is not told.
const LEAST_JUMP: f64 = 0.05;

/// Durations are taken as at least this many seconds: the logarithm of nothing is infinite.
const LEAST_SECONDS: f64 = 0.001;

/// The least deviation that makes an outlier, as a share of the duration.
pub const LEAST_DEVIATION: f64 = 0.001;

/// Going to and fro between two levels has to have more evidence by this much than any other explanation.
const STATES_EVIDENCE: f64 = 3.0;

/// How sure the range of a jump's place is.
const RANGE: f64 = 0.9;

/// What has to differ to be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Least {
    /// In seconds.
    pub seconds: f64,
}

/// What explains a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Where the level changed, the oldest first.
    pub jumps: Vec<Jump>,
    /// How it grows beside the jumps; what is not told is the slope of all of it.
    pub slope: Slope,
    /// The durations by this explanation at each point, in seconds.
    pub levels: Vec<f64>,
}

/// A change of the level.
#[derive(Debug, Clone, PartialEq)]
pub struct Jump {
    /// The first point of the new level.
    pub at: usize,
    /// The points that this may be, with a probability of 90 %.
    pub range: Range<usize>,
    /// The logarithm of the ratio of the levels.
    pub size: f64,
    /// How improbable so much evidence is without a jump: the reciprocal of the Bayes factor bounds it (Shafer et al., "Test
    /// Martingales, Bayes Factors and p-Values", 2011), by far; a third of that is taken.
    pub p_value: f64,
}

/// How durations grow, in logarithms a week.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// When growth began, in weeks from the first point.
    pub from: f64,
    /// When it stopped; `None` where it goes on.
    pub until: Option<f64>,
    pub value: f64,
    pub low: f64,
    pub high: f64,
    pub p_value: f64,
    /// Whether it is a part of the explanation.
    pub told: bool,
}

/// An explanation that is tried.
struct Candidate {
    score: f64,
    jumps: Jumps,
    ramp: Option<Ramp>,
    weighed: Weighed,
}

/// Jumps, and what is left beside them.
#[derive(Debug, Clone, Default)]
struct Jumps {
    at: Vec<usize>,
    /// The logarithm of the Bayes factor for each of them.
    evidence: Vec<f64>,
    /// What it costs that their places are not known, and how much likelier than growth they are.
    odds: f64,
}

/// Explains points, at times in weeks; `None` where they are fewer than two or all at the same time.
#[must_use]
pub fn explain(times: &[f64], points: &[Point], least: Least) -> Option<Explanation> {
    let first = *times.first()?;
    let times: Vec<f64> = times.iter().map(|time| time - first).collect();
    if times.last().is_none_or(|span| *span <= 0.0) {
        return None;
    }
    let values = without_outliers(&logs(points), LEAST_DEVIATION);
    let choice = Choice::new(times, values, least);
    let best = choice.best();
    // What is explained better by going to and fro is explained beside that.
    let least = best.weighed.evidence + STATES_EVIDENCE - choice.basis.independent();
    let states = States::of(&choice.values, least);
    Some(match states {
        Some(states) => {
            let beside = Choice::new(choice.basis.times.clone(), states.removed(&choice.values), choice.least);
            beside.explanation(&beside.best())
        }
        None => choice.explanation(&best),
    })
}

/// The logarithms of the durations of points, in seconds.
#[must_use]
pub fn logs(points: &[Point]) -> Vec<f64> {
    points.iter().map(|point| point.duration.seconds().max(LEAST_SECONDS).ln()).collect()
}

struct Choice {
    basis: Basis,
    /// The logarithms of the durations.
    values: Vec<f64>,
    /// Their mean.
    mean: f64,
    /// A usual duration in seconds.
    level: f64,
    least: Least,
}

impl Choice {
    fn new(times: Vec<f64>, values: Vec<f64>, least: Least) -> Self {
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        Self { basis: Basis::new(times, &values), least, level: median_of(&values).exp(), mean, values }
    }

    /// The most probable of those explanations that are significant.
    fn best(&self) -> Candidate {
        let nothing = self.basis.beside(&[]);
        let null = self.basis.weigh(&nothing, None);
        let mut tried = self.with_growth(&Jumps::default(), &nothing);
        for ramp in [None, Some(self.basis.going_on(0))] {
            self.with_jumps(ramp, &null, &mut tried);
        }
        tried.sort_by(|one, other| other.score.total_cmp(&one.score));
        let is_significant =
            |one: &Candidate| one.ramp.is_none_or(|ramp| self.p_value(one, ramp) < Growth::SIGNIFICANCE);
        tried.into_iter().find(is_significant).unwrap_or_else(|| Candidate {
            score: f64::NEG_INFINITY,
            jumps: Jumps::default(),
            ramp: None,
            weighed: null,
        })
    }

    /// How probable so much growth is by chance.
    fn p_value(&self, candidate: &Candidate, ramp: Ramp) -> f64 {
        self.basis.p_value(&self.basis.beside(&candidate.jumps.at), ramp, &candidate.weighed)
    }

    /// Explanations by growth beside jumps: all along, begun later, stopped, and both; of each kind the best.
    fn with_growth(&self, jumps: &Jumps, beside: &Beside) -> Vec<Candidate> {
        let end = self.basis.knots.len();
        let both = || (1..end).flat_map(|from| (from + MIN_RAMP..end).map(move |until| Ramp { from, until }));
        let kinds: [(Vec<Ramp>, f64); 4] = [
            (vec![self.basis.going_on(0)], 0.0),
            ((1..end).map(|from| self.basis.going_on(from)).collect(), BEGAN_ODDS),
            ((1..end).map(|until| Ramp { from: 0, until }).collect(), STOPPED_ODDS),
            (both().collect(), BOTH_ODDS),
        ];
        let best = |(ramps, odds): (Vec<Ramp>, f64)| {
            let weighed = self.basis.weigh_each(beside, &ramps);
            let all = log_sum(weighed.iter().map(|one| one.evidence)) - (ramps.len() as f64).ln();
            let best = ramps.into_iter().zip(weighed);
            let (ramp, weighed) = best.max_by(|(_, one), (_, other)| one.evidence.total_cmp(&other.evidence))?;
            Some(Candidate { score: all + odds + jumps.odds, jumps: jumps.clone(), ramp: Some(ramp), weighed })
        };
        let mut found: Vec<Candidate> = kinds.into_iter().filter_map(best).collect();
        found.extend(self.with_pace(jumps, beside));
        found
    }

    /// Growth that goes on all along, at another pace from some time on: as much more each week is ever less in percent. It is told as
    /// growth, and keeps it from being told as growth that stopped.
    fn with_pace(&self, jumps: &Jumps, beside: &Beside) -> Option<Candidate> {
        let all_along = self.basis.going_on(0);
        let bends: Vec<Ramp> = (1..self.basis.knots.len()).map(|from| self.basis.going_on(from)).collect();
        let with_growth = self.basis.beside_growth(beside, all_along);
        let weighed = self.basis.weigh_each(&with_growth, &bends);
        let all = log_sum(weighed.iter().map(|one| one.evidence)) - (bends.len() as f64).ln();
        let (bend, best) =
            bends.iter().zip(&weighed).max_by(|(_, one), (_, other)| one.evidence.total_cmp(&other.evidence))?;
        let noise = best.noise();
        let mut fitted = with_growth.per_noise[noise].clone();
        fitted.push(self.basis.products(noise), Part::Ramp(*bend));
        let [.., before, change] = fitted.coefficients()[..] else { return None };
        let goes_on = before * (before + change) > 0.0;
        goes_on.then(|| Candidate {
            score: all + PACE_ODDS + jumps.odds,
            jumps: jumps.clone(),
            ramp: Some(all_along),
            weighed: self.basis.weigh(beside, Some(all_along)),
        })
    }

    /// Adds one jump after the other beside growth or none, and tries what is significant.
    fn with_jumps(&self, ramp: Option<Ramp>, null: &Weighed, tried: &mut Vec<Candidate>) {
        let mut at: Vec<usize> = Vec::new();
        for _ in 0..MAX_JUMPS {
            let Some(more) = self.one_more(&at, ramp) else { return };
            at = more;
            let (settled, weighed, jumps) = self.settle(at, ramp);
            at = settled;
            let weakest = jumps.evidence.iter().copied().fold(f64::INFINITY, f64::min);
            let places: f64 = weighed.evidence + jumps.odds;
            if weakest < LEAST_EVIDENCE && at.len() > 1 {
                return;
            }
            if weakest < LEAST_EVIDENCE || places - null.evidence < LEAST_EVIDENCE {
                continue;
            }
            let smallest = self.smallest(&at, ramp, weighed.noise());
            if smallest < LEAST_JUMP.ln_1p() || smallest.exp_m1() * self.level < self.least.seconds {
                continue;
            }
            let [least, most] = JUMP_ODDS;
            // Growth and a jump are two explanations, where one may do.
            let most = if ramp.is_some() { least } else { most };
            let odds = at.len() as f64 * (ODDS_OF_SIZE * (smallest - USUAL_JUMP)).clamp(least, most);
            let jumps = Jumps { odds: jumps.odds + odds, ..jumps };
            let beside = self.basis.beside(&at);
            if ramp.is_none() {
                tried.extend(self.with_growth(&jumps, &beside));
            }
            tried.push(Candidate { score: weighed.evidence + jumps.odds, jumps, ramp, weighed });
        }
    }

    /// The jumps with the best further one. Places are looked for under the noise that is most probable without it, and under
    /// independent noise: what seems to wander may be the jump.
    fn one_more(&self, at: &[usize], ramp: Option<Ramp>) -> Option<Vec<usize>> {
        let beside = self.basis.beside(at);
        let noise = self.basis.weigh(&beside, ramp).noise();
        let noises = [Some(noise), (noise != 0).then_some(0)].into_iter().flatten();
        let mut places: Vec<usize> =
            noises.filter_map(|noise| Some(self.basis.best_place(at, &beside, ramp, noise)?.at)).collect();
        places.dedup();
        let with = places.into_iter().map(|place| {
            let more = including(at, place);
            (self.basis.weigh(&self.basis.beside(&more), ramp).evidence, more)
        });
        with.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, more)| more)
    }

    /// Moves each jump to its best place beside the others, twice at most, and weighs each.
    fn settle(&self, mut at: Vec<usize>, ramp: Option<Ramp>) -> (Vec<usize>, Weighed, Jumps) {
        let mut weighed = self.basis.weigh(&self.basis.beside(&at), ramp);
        for last in [at.len() == 1, true] {
            let (mut jumps, mut moved) = (Jumps { at: at.clone(), ..Jumps::default() }, false);
            for nth in 0..at.len() {
                let others = excluding(&at, nth);
                let beside = self.basis.beside(&others);
                let without = self.basis.weigh(&beside, ramp);
                let Some(place) = self.basis.best_place(&others, &beside, ramp, weighed.noise()) else { continue };
                jumps.evidence.push(weighed.evidence + place.width - without.evidence);
                jumps.odds += place.width;
                if place.at == at[nth] || last {
                    continue;
                }
                let other = including(&others, place.at);
                let better = self.basis.weigh(&self.basis.beside(&other), ramp);
                if better.evidence > weighed.evidence {
                    (at, weighed, moved) = (other, better, true);
                }
            }
            if last || !moved {
                return (at, weighed, jumps);
            }
        }
        (at, weighed, Jumps::default())
    }

    /// The size of the smallest jump.
    fn smallest(&self, at: &[usize], ramp: Option<Ramp>, noise: usize) -> f64 {
        let sizes = self.sizes(at, ramp, noise).into_iter().skip(1 + usize::from(ramp.is_some()));
        sizes.map(f64::abs).fold(f64::INFINITY, f64::min)
    }

    /// By least squares under one noise: the logarithm of the first level, the slope of the growth, where there is some, and the size
    /// of each jump.
    fn sizes(&self, at: &[usize], ramp: Option<Ramp>, noise: usize) -> Vec<f64> {
        let jumps = at.iter().map(|at| Part::Step(*at));
        let parts = [Part::Step(0)].into_iter().chain(ramp.map(Part::Ramp)).chain(jumps);
        self.basis.products(noise).orthogonal(parts).coefficients()
    }

    /// What is told of the explanation that was chosen.
    fn explanation(&self, chosen: &Candidate) -> Explanation {
        let Candidate { jumps, ramp, weighed, .. } = chosen;
        let noise = weighed.noise();
        let places: Vec<Posterior> = (0..jumps.at.len())
            .map(|nth| self.basis.posterior(&excluding(&jumps.at, nth), jumps.at[nth], *ramp, weighed))
            .collect();
        let at: Vec<usize> = places.iter().map(Posterior::place).collect();
        let sizes = self.sizes(&at, *ramp, noise);
        let told = 1 + usize::from(ramp.is_some());
        let jump = |nth: usize| {
            let (at, range) = (at[nth], places[nth].range(at[nth], RANGE));
            Jump { at, range, size: sizes[told + nth], p_value: (-1.0 - jumps.evidence[nth]).exp().min(1.0) }
        };
        let told_jumps: Vec<Jump> = (0..jumps.at.len()).map(jump).collect();
        let beside = self.basis.beside(&jumps.at);
        let slope = match ramp {
            Some(ramp) => {
                let interval = self.basis.interval(&beside, *ramp, weighed);
                self.slope(*ramp, interval, self.p_value(chosen, *ramp), true)
            }
            None => {
                let all = self.basis.going_on(0);
                let weighed = self.basis.weigh(&beside, Some(all));
                self.slope(all, weighed.interval(), self.basis.p_value(&beside, all, &weighed), false)
            }
        };
        Explanation { levels: self.levels(&told_jumps, *ramp, &sizes), jumps: told_jumps, slope }
    }

    fn slope(&self, ramp: Ramp, [low, value, high]: [f64; 3], p_value: f64, told: bool) -> Slope {
        let knots = &self.basis.knots;
        Slope { from: knots[ramp.from], until: knots.get(ramp.until).copied(), value, low, high, p_value, told }
    }

    /// The durations at each point.
    fn levels(&self, jumps: &[Jump], ramp: Option<Ramp>, sizes: &[f64]) -> Vec<f64> {
        let knot = |nth: usize| self.basis.knots.get(nth).copied().unwrap_or(f64::INFINITY);
        let start = self.mean + sizes.first().copied().unwrap_or_default();
        let level = |(nth, time): (usize, &f64)| {
            let grown = match (ramp, sizes.get(1)) {
                (Some(ramp), Some(slope)) => slope * (time.min(knot(ramp.until)) - knot(ramp.from)).max(0.0),
                _ => 0.0,
            };
            let jumped: f64 = jumps.iter().filter(|jump| jump.at <= nth).map(|jump| jump.size).sum();
            (start + grown + jumped).exp()
        };
        self.basis.times.iter().enumerate().map(level).collect()
    }
}

fn including(at: &[usize], place: usize) -> Vec<usize> {
    let mut with = [at, &[place]].concat();
    with.sort_unstable();
    with
}

fn excluding(at: &[usize], nth: usize) -> Vec<usize> {
    at.iter().enumerate().filter(|(other, _)| *other != nth).map(|(_, at)| *at).collect()
}
