//! Prints a deployment history that looks like a real one, as CSV for `steps import`.
//!
//! Work days have several deployments of each component; some fail and are tried again. One step grows
//! from week to week: `migrating` of the first component. Another takes longer from one day on: `testing` of the second.
//! The same arguments give the same history.

use std::io::{BufWriter, Write, stdout};
use std::time::SystemTime;

use chrono::{DateTime, Datelike, Days, NaiveTime, TimeDelta, Utc, Weekday};
use clap::Parser;
use fastrand::Rng;

/// Prints a realistic deployment history as CSV.
#[derive(Debug, Parser)]
struct Args {
    /// How many weeks, the last of them ending now
    #[arg(long, default_value_t = 10)]
    weeks: u64,
    /// What is deployed; the first has the growing step
    #[arg(long, value_delimiter = ',', default_value = "checkout,search,billing")]
    components: Vec<String>,
    /// Deployments of each component on a work day, at most
    #[arg(long, default_value_t = 3)]
    per_day: u32,
    /// End after so many rows
    #[arg(long)]
    rows: Option<usize>,
    /// When the history ends, in RFC 3339 [default: now]
    #[arg(long)]
    end: Option<DateTime<Utc>>,
    /// Another seed gives another history
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

const OWNERS: [&str; 5] = ["ann", "bob", "carmen", "dmitri", "eve"];

/// The steps of a deployment, and about how many seconds each takes.
const PHASES: [(&str, f64); 5] =
    [("started", 4.0), ("building", 150.0), ("testing", 240.0), ("migrating", 25.0), ("deploying", 70.0)];

/// `migrating` of the first component takes so much longer every week.
const WEEKLY_GROWTH: f64 = 1.18;

/// From this week on `testing` of the second component takes so many times as long.
const JUMP: (f64, f64) = (6.0, 1.5);

struct Step {
    component: usize,
    version: String,
    owner: &'static str,
    status: &'static str,
    ts: DateTime<Utc>,
    run: u32,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let end = args.end.unwrap_or_else(|| SystemTime::now().into());
    let steps = history(&args, end);
    let mut out = csv::Writer::from_writer(BufWriter::new(stdout().lock()));
    out.write_record(["component", "version", "owner", "status", "ts", "environment", "run"])?;
    for Step { component, version, owner, status, ts, run } in steps.into_iter().take(args.rows.unwrap_or(usize::MAX)) {
        let (component, ts) = (&args.components[component], ts.format("%Y-%m-%d %H:%M:%S%.6f").to_string());
        out.write_record([component, version.as_str(), owner, status, &ts, "production", &run.to_string()])?;
    }
    out.flush()?;
    out.into_inner().map_err(|error| error.into_error())?.flush()?;
    Ok(())
}

/// All steps that began by `end`, the oldest first.
fn history(args: &Args, end: DateTime<Utc>) -> Vec<Step> {
    let mut rng = Rng::with_seed(args.seed);
    let first = end - TimeDelta::weeks(i64::try_from(args.weeks).unwrap_or_default());
    let mut steps = Vec::new();
    let mut run = 1000;
    for (day, date) in (0..=args.weeks * 7).map(|day| (day, first + Days::new(day))) {
        let weekend = matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        for component in 0..args.components.len() {
            // At a weekend there is a hotfix now and then.
            let deployments = if weekend { u32::from(rng.u8(..) < 12) } else { rng.u32(1..=args.per_day.max(1)) };
            let morning = date.date_naive().and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(8);
            let mut starts: Vec<_> =
                (0..deployments).map(|_| morning + TimeDelta::milliseconds(rng.i64(0..9 * 3_600_000))).collect();
            starts.sort();
            for (nth, start) in starts.into_iter().enumerate() {
                let version = format!("{}.{}.{nth}", component + 2, day);
                let mut begin = start;
                // A deployment that failed is tried again, and then again.
                for _ in 0..3 {
                    run += 1;
                    let week = day as f64 / 7.0;
                    let (end, failed) = deployment(&mut rng, &mut steps, component, &version, begin, run, week);
                    if !failed {
                        break;
                    }
                    begin = end + TimeDelta::seconds(rng.i64(120..900));
                }
            }
        }
    }
    steps.retain(|step| first <= step.ts && step.ts <= end);
    steps.sort_by_key(|step| step.ts);
    steps
}

/// Adds one deployment; when it ended, and whether it failed.
fn deployment(
    rng: &mut Rng,
    steps: &mut Vec<Step>,
    component: usize,
    version: &str,
    begin: DateTime<Utc>,
    run: u32,
    week: f64,
) -> (DateTime<Utc>, bool) {
    let owner = OWNERS[rng.usize(..OWNERS.len())];
    let mut ts = begin;
    let mut add = |status, ts| steps.push(Step { component, version: version.to_owned(), owner, status, ts, run });
    for (status, seconds) in PHASES {
        add(status, ts);
        let growing = component == 0 && status == "migrating";
        let growth = if growing { WEEKLY_GROWTH.powf(week.min(26.0)) } else { 1.0 };
        let jumped = component == 1 && status == "testing" && week >= JUMP.0;
        let jump = if jumped { JUMP.1 } else { 1.0 };
        // Most take about their time, a few much longer.
        let luck = 0.75 + rng.f64() * 0.5 + if rng.u8(..) < 10 { rng.f64() * 2.0 } else { 0.0 };
        ts += TimeDelta::milliseconds((seconds * growth * jump * luck * 1000.0) as i64);
        if ["testing", "deploying"].contains(&status) && rng.u8(..) < 12 {
            add("failed", ts);
            return (ts, true);
        }
    }
    add("succeeded", ts);
    (ts, false)
}
