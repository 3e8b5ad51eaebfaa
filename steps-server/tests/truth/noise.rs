//! The noise that deploys have, made up: the same each time.

use std::f64::consts::TAU;

/// Numbers that look random: SplitMix64 (Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Of a series in a cell of the table.
    pub fn new(cell: u64, series: u64) -> Self {
        let mut seed = Self((cell << 32) ^ series);
        Self(seed.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of the standard normal distribution, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (TAU * self.uniform()).cos()
    }

    /// Of the exponential distribution with the mean 1.
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// Of the gamma distribution with a shape of more than 1: Marsaglia & Tsang (2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}

/// A kind of noise; coefficients of variation (CV) are those of durations, times are days.
#[derive(Debug, Clone, Copy)]
pub enum Noise {
    /// Independent and lognormal.
    Independent { cv: f64 },
    /// A day of the week takes longer than another.
    Seasonal,
    /// Independent; of a share of the deployments each takes several times as long.
    Outliers { cv: f64, share: f64, times: f64 },
    /// Independent, of one of two modes.
    Mixed,
    /// Autoregressive of order 1, from deployment to deployment.
    Autoregressive { weight: f64 },
    /// A cache that is warm or cold for days.
    Sticky { days: f64, times: f64, cv: f64 },
    /// Deployments come in bursts, which have a level.
    Bursts { size: f64 },
    /// The level wanders within days.
    Waves { days: f64 },
    // Held back: nothing was chosen by them.
    /// Independent, of the gamma distribution.
    Gamma { cv: f64 },
    /// Independent, with heavy tails: Student's distribution with three degrees of freedom.
    Heavy,
    /// A day of the week takes longer than another, and what is left is autoregressive.
    SeasonalAutoregressive,
    /// The same interval between all deployments, day and night.
    Even { weight: f64 },
    /// At random times, with a level that wanders, half of the variance.
    Irregular { days: f64 },
}

/// The standard deviation of the logarithm of a lognormal variable.
fn sigma(cv: f64) -> f64 {
    (cv * cv).ln_1p().sqrt()
}

/// Fifteen deployments a week.
const APART: f64 = 7.0 / 15.0;

impl Noise {
    /// When deployments start, in days, and the noise in the logarithm of the duration of each.
    pub fn series(self, weeks: f64, random: &mut Random) -> (Vec<f64>, Vec<f64>) {
        let times = self.times(weeks * 7.0, random);
        let noise = self.noise(&times, random);
        (times, noise)
    }

    fn times(self, days: f64, random: &mut Random) -> Vec<f64> {
        let mut times = Vec::new();
        match self {
            Self::Even { .. } => times.extend((0..).map(|nth| f64::from(nth) * APART).take_while(|time| *time < days)),
            Self::Irregular { .. } => {
                let mut time = 0.0;
                while time < days {
                    times.push(time);
                    time += APART * random.exponential();
                }
            }
            Self::Bursts { size } => {
                let mut begin = 0.0;
                while begin < days {
                    let many = 1 + (random.uniform() * (2.0 * size - 1.0)) as usize;
                    let mut time = begin;
                    for _ in 0..many {
                        times.push(time);
                        time += 0.02 * random.exponential();
                    }
                    begin += (0.3 + 0.7 * random.exponential()) * APART * size;
                }
                times.sort_by(f64::total_cmp);
            }
            // Three on each working day, between 9 and 18 o'clock.
            _ => {
                let mut day = 0.0;
                while day < days {
                    if day % 7.0 < 5.0 {
                        let mut hours = [0; 3].map(|_| 9.0 + 9.0 * random.uniform());
                        hours.sort_by(f64::total_cmp);
                        times.extend(hours.map(|hour| day + hour / 24.0));
                    }
                    day += 1.0;
                }
            }
        }
        times
    }

    fn noise(self, times: &[f64], random: &mut Random) -> Vec<f64> {
        let weekday = |time: f64, levels: [f64; 7]| levels[time as usize % 7];
        match self {
            Self::Independent { cv } => times.iter().map(|_| sigma(cv) * random.normal()).collect(),
            Self::Seasonal => times
                .iter()
                .map(|time| weekday(*time, [0.25, 0.05, 0.0, -0.05, -0.2, 0.0, 0.0]) + sigma(0.2) * random.normal())
                .collect(),
            Self::Outliers { cv, share, times: longer } => {
                let outlier = |random: &mut Random| if random.uniform() < share { longer.ln() } else { 0.0 };
                times.iter().map(|_| sigma(cv) * random.normal() + outlier(random)).collect()
            }
            Self::Mixed => {
                let mode = |random: &mut Random| if random.uniform() < 0.4 { 1.8_f64.ln() } else { 0.0 };
                times.iter().map(|_| sigma(0.15) * random.normal() + mode(random)).collect()
            }
            Self::Autoregressive { weight } | Self::Even { weight } => {
                wandering(times.iter().map(|_| weight), sigma(0.3), random)
            }
            Self::SeasonalAutoregressive => {
                let rest = wandering(times.iter().map(|_| 0.3), sigma(0.25), random);
                let levels = [-0.15, -0.1, 0.0, 0.05, 0.25, 0.0, 0.0];
                times.iter().zip(rest).map(|(time, rest)| weekday(*time, levels) + rest).collect()
            }
            Self::Sticky { days, times: longer, cv } => {
                let (mut cold, mut changes) = (random.uniform() < 0.5, days * random.exponential());
                let mut of = |time: f64| {
                    while time > changes {
                        cold = !cold;
                        changes += days * random.exponential();
                    }
                    sigma(cv) * random.normal() + if cold { longer.ln() } else { 0.0 }
                };
                times.iter().map(|time| of(*time)).collect()
            }
            Self::Bursts { .. } => {
                let (mut level, mut last) = (0.0, f64::NEG_INFINITY);
                let mut of = |time: f64| {
                    if time - last > 0.25 {
                        level = 0.27 * random.normal();
                    }
                    last = time;
                    level + sigma(0.13) * random.normal()
                };
                times.iter().map(|time| of(*time)).collect()
            }
            Self::Waves { days } => with_level(times, days, (0.25, sigma(0.1)), random),
            Self::Irregular { days } => with_level(times, days, (0.2, sigma(0.2)), random),
            Self::Gamma { cv } => {
                let shape = 1.0 / (cv * cv);
                times.iter().map(|_| (random.gamma(shape) / shape).ln()).collect()
            }
            Self::Heavy => {
                let squares = |random: &mut Random| -> f64 { (0..3).map(|_| random.normal().powi(2)).sum() };
                times.iter().map(|_| 0.2 * random.normal() / (squares(random) / 3.0).sqrt()).collect()
            }
        }
    }
}

/// A level that wanders and returns within days, and independent noise; the standard deviations of both.
fn with_level(times: &[f64], days: f64, (level, rest): (f64, f64), random: &mut Random) -> Vec<f64> {
    let apart = times.windows(2).map(|pair| (-(pair[1] - pair[0]) / days).exp());
    let levels = wandering(std::iter::once(0.0).chain(apart), level, random);
    levels.into_iter().map(|level| level + rest * random.normal()).collect()
}

/// Values of which each keeps a share of the one before.
fn wandering(kept: impl Iterator<Item = f64>, deviation: f64, random: &mut Random) -> Vec<f64> {
    let mut value = random.normal();
    kept.map(|kept| {
        value = kept * value + (1.0 - kept * kept).sqrt() * random.normal();
        deviation * value
    })
    .collect()
}
