//! Whether the expected time left is what it says: histories are made up, and each deployment is replayed from what was known before it.

use std::collections::BTreeMap;

use steps_server::remaining::{History, Past, Present, Step, left};
use steps_shared::Timestamp;

/// By how many deployments before the server tells it.
const PAST: usize = 50;

/// What ends a deployment of the real data.
const ENDS: [&str; 3] = ["success", "failure", "cancelled"];

/// A step of a made-up deployment: its status, when it began, how long it took, and whether it is a span.
#[derive(Debug, Clone)]
pub struct MadeStep {
    /// The status.
    pub status: String,
    /// When it began, in seconds.
    pub from: f64,
    /// When it ended.
    pub to: f64,
    /// Whether it is a span.
    pub span: bool,
}

/// A deployment that is made up, or read: its steps and how long it took.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// The steps in order.
    pub steps: Vec<MadeStep>,
    /// How long it took, in seconds.
    pub took: f64,
}

/// Makes a deployment: the how manieth of how many it is.
pub type Make = fn(&mut fastrand::Rng, f64) -> Made;

/// The kinds of histories, those first that stay as they are.
pub const KINDS: &[(&str, Make)] = &[
    ("sequential", |rng, _| sequence(rng, 1.0, &SEVEN, 0.25)),
    ("sequential, even", |rng, _| sequence(rng, 1.0, &SEVEN, 0.05)),
    ("slow as a whole", |rng, _| {
        let run = lognormal(rng, 0.3);
        sequence(rng, run, &SEVEN, 0.1)
    }),
    ("one step", |rng, _| sequence(rng, 1.0, &[("started", 60.0)], 0.2)),
    ("two steps", |rng, _| sequence(rng, 1.0, &[("building", 60.0), ("deploying", 200.0)], 0.3)),
    ("heavy tails", |rng, _| {
        let mut steps = SEVEN;
        steps[3].1 *= heavy(rng);
        steps[5].1 *= heavy(rng);
        sequence(rng, 1.0, &steps, 0.1)
    }),
    ("waits for a person", |rng, _| {
        let mut steps = SEVEN;
        steps[4] = ("approval", 600.0 * exponential(rng));
        sequence(rng, 1.0, &steps, 0.15)
    }),
    ("cache hit or miss", |rng, _| {
        let mut steps = SEVEN;
        steps[2].1 *= if rng.f64() < 0.7 { 1.0 } else { 5.0 };
        sequence(rng, 1.0, &steps, 0.1)
    }),
    ("with or without a step", |rng, _| {
        let mut steps = SEVEN.to_vec();
        if rng.f64() < 0.5 {
            steps.remove(4);
        }
        sequence(rng, 1.0, &steps, 0.15)
    }),
    ("retried", |rng, _| {
        let mut steps = SEVEN[..4].to_vec();
        while rng.f64() < 0.25 {
            steps.extend_from_slice(&SEVEN[2..4]);
        }
        steps.extend_from_slice(&SEVEN[4..]);
        sequence(rng, 1.0, &steps, 0.2)
    }),
    ("parallel", |rng, _| parallel(rng, 0.0)),
    ("parallel with gaps", |rng, _| parallel(rng, 8.0)),
    ("parallel chains", |rng, _| chains(rng)),
    ("spans within a start", |rng, _| within(rng)),
    ("gaps", |rng, _| gaps(rng)),
    ("growing", |rng, at| sequence(rng, 1.0 + at, &SEVEN, 0.1)),
    ("jumping", |rng, at| sequence(rng, if at < 0.5 { 1.0 } else { 1.6 }, &SEVEN, 0.1)),
    ("one step jumping", |rng, at| {
        let mut steps = SEVEN;
        steps[3].1 *= if at < 0.5 { 1.0 } else { 3.0 };
        sequence(rng, 1.0, &steps, 0.1)
    }),
];

/// How many of them stay as they are.
pub const STATIONARY: usize = 15;

const SEVEN: [(&str, f64); 7] = [
    ("started", 4.0),
    ("fetching", 15.0),
    ("building", 120.0),
    ("testing", 90.0),
    ("pushing", 30.0),
    ("deploying", 60.0),
    ("checking", 20.0),
];

fn normal(rng: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
}

fn lognormal(rng: &mut fastrand::Rng, deviation: f64) -> f64 {
    (normal(rng) * deviation).exp()
}

fn exponential(rng: &mut fastrand::Rng) -> f64 {
    -(1.0 - rng.f64()).ln()
}

/// Pareto with the shape 1.5: its variance is infinite.
fn heavy(rng: &mut fastrand::Rng) -> f64 {
    (1.0 - rng.f64()).powf(-1.0 / 1.5)
}

fn sequence(rng: &mut fastrand::Rng, scale: f64, steps: &[(&str, f64)], deviation: f64) -> Made {
    let mut made = Made::default();
    for (status, seconds) in steps {
        let took = seconds * scale * lognormal(rng, deviation);
        made.push(status, made.took, took, false);
        made.took += took;
    }
    made
}

/// A build, three spans beside each other, and a span after them; between them at most so many seconds.
fn parallel(rng: &mut fastrand::Rng, gap: f64) -> Made {
    let mut made = Made::default();
    let wait = |rng: &mut fastrand::Rng| gap * exponential(rng) + 0.01;
    let build = 100.0 * lognormal(rng, 0.2);
    made.push("build", 0.0, build, true);
    let mut end = build;
    for (status, seconds) in [("unit", 90.0), ("lint", 40.0), ("end-to-end", 100.0)] {
        let (from, took) = (build + wait(rng), seconds * lognormal(rng, 0.25));
        made.push(status, from, took, true);
        end = f64::max(end, from + took);
    }
    let (from, took) = (end + wait(rng), 60.0 * lognormal(rng, 0.2));
    made.push("deploy", from, took, true);
    made.took = from + took;
    made.sorted()
}

/// Two chains of spans beside each other.
fn chains(rng: &mut fastrand::Rng) -> Made {
    let mut made = Made::default();
    for chain in [
        [("a-build", 60.0), ("a-test", 80.0), ("a-push", 20.0)],
        [("b-build", 90.0), ("b-test", 50.0), ("b-push", 30.0)],
    ] {
        let mut at = 0.0;
        for (status, seconds) in chain {
            let took = seconds * lognormal(rng, 0.3);
            made.push(status, at + 0.05, took, true);
            at += took + 0.05;
        }
        made.took = made.took.max(at);
    }
    made.sorted()
}

/// Spans within a status that goes on.
fn within(rng: &mut fastrand::Rng) -> Made {
    let mut made = Made::default();
    let mut at = 0.5;
    for (status, seconds) in [("build", 100.0), ("test", 80.0), ("deploy", 50.0)] {
        let took = seconds * lognormal(rng, 0.2);
        made.push(status, at, took, true);
        at += took + 0.1 + rng.f64();
    }
    made.push("started", 0.0, at, false);
    made.took = at;
    made.sorted()
}

/// Spans with long times between them.
fn gaps(rng: &mut fastrand::Rng) -> Made {
    let mut made = Made::default();
    let mut at = 0.0;
    for (status, seconds) in [("build", 60.0), ("test", 50.0), ("deploy", 30.0), ("verify", 20.0)] {
        let took = seconds * lognormal(rng, 0.2);
        made.push(status, at, took, true);
        at += took;
        made.took = at;
        at += 45.0 * lognormal(rng, 0.5);
    }
    made
}

impl Made {
    fn push(&mut self, status: &str, from: f64, took: f64, span: bool) {
        self.steps.push(MadeStep { status: status.to_owned(), from, to: from + took, span });
    }

    fn sorted(mut self) -> Self {
        self.steps.sort_by(|one, other| one.from.total_cmp(&other.from));
        self
    }

    fn past(&self) -> Past<'_> {
        Past { steps: self.at(f64::MAX), took: self.took }
    }

    fn at(&self, now: f64) -> Vec<Step<'_>> {
        let begun = self.steps.iter().filter(|step| step.from <= now);
        let step = |step: &'_ MadeStep| (step.from, Some(step.to).filter(|to| *to <= now), step.span);
        begun
            .map(|made| {
                let (from, to, span) = step(made);
                Step { status: &made.status, from, to, span }
            })
            .collect()
    }
}

/// A history: of each deployment, what it will have been.
pub fn history(make: Make, many: usize, seed: u64) -> Vec<Made> {
    let mut rng = fastrand::Rng::with_seed(seed * 7919 + 17);
    (0..many).map(|nth| make(&mut rng, nth as f64 / many as f64)).collect()
}

/// How often the time left was within its range.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// How often it was asked.
    pub asked: u64,
    /// How often less was left than the range says.
    pub below: u64,
    /// How often more was left.
    pub above: u64,
    errors: f64,
    widths: f64,
    left: f64,
}

impl Tally {
    /// The percentage of answers whose range held.
    pub fn percent(&self) -> f64 {
        100.0 * (self.asked - self.below - self.above) as f64 / self.asked.max(1) as f64
    }

    /// The mean absolute error of the median, by the mean time left.
    pub fn error(&self) -> f64 {
        self.errors / self.left
    }

    /// The mean width of the range, by the mean time left.
    pub fn width(&self) -> f64 {
        self.widths / self.left
    }

    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.asked += other.asked;
        self.below += other.below;
        self.above += other.above;
        self.errors += other.errors;
        self.widths += other.widths;
        self.left += other.left;
    }
}

/// Asks in each deployment of a history at each moment that something is recorded, and at moments between that depend on the time
/// alone, from what was known before it; of so many moments only at one.
pub fn replay(history: &[Made], every: usize) -> Tally {
    let mut tally = Tally::default();
    for (nth, made) in history.iter().enumerate() {
        let pasts: Vec<Past<'_>> = history[nth.saturating_sub(PAST)..nth].iter().map(Made::past).collect();
        let known = History::new(&pasts);
        let mut moments: Vec<f64> = made.steps.iter().flat_map(|step| [step.from, step.to]).collect();
        let longest = pasts.iter().map(|past| past.took).fold(0.0, f64::max);
        moments.extend((1..1000).map(|tick| f64::from(tick) * longest / 16.0).take_while(|moment| *moment < made.took));
        moments.sort_by(f64::total_cmp);
        moments.dedup_by(|one, other| (*one - *other).abs() < 0.02);
        moments.retain(|moment| *moment < made.took);
        for now in moments.into_iter().skip(nth % every).step_by(every) {
            let Some(range) = left(&known, &Present { steps: made.at(now), elapsed: now }).left else { break };
            let truth = made.took - now;
            tally.asked += 1;
            tally.below += u64::from(truth < range.low - 1e-6);
            tally.above += u64::from(truth > range.high + 1e-6);
            tally.errors += (truth - range.median).abs();
            tally.widths += range.high - range.low;
            tally.left += truth;
        }
    }
    tally
}

/// The successful deployments of each component of an export of steps, in order.
pub fn recorded(csv: &str) -> Vec<Vec<Made>> {
    let mut streams: BTreeMap<(&str, &str), Vec<(f64, &str)>> = BTreeMap::new();
    for row in csv.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let [component, version, _, status, ts] = cells[..] else { continue };
        let Ok(ts) = ts.parse::<Timestamp>() else { continue };
        streams.entry((component, version)).or_default().push((ts.micros() as f64 / 1e6, status));
    }
    let mut found: BTreeMap<&str, Vec<(f64, Made)>> = BTreeMap::new();
    for ((component, _), steps) in streams {
        for deployment in steps.split_inclusive(|(_, status)| ENDS.contains(status)) {
            let (Some((start, _)), Some((end, "success"))) = (deployment.first(), deployment.last()) else { continue };
            let mut made = Made { steps: Vec::new(), took: end - start };
            for pair in deployment.windows(2) {
                let [(from, status), (to, _)] = pair else { continue };
                made.push(status, from - start, to - from, false);
            }
            found.entry(component).or_default().push((*start, made));
        }
    }
    let in_order = |mut deployments: Vec<(f64, Made)>| {
        deployments.sort_by(|one, other| one.0.total_cmp(&other.0));
        deployments.into_iter().map(|(_, made)| made).collect()
    };
    found.into_values().map(in_order).collect()
}
