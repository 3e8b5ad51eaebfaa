//! A small history that is the same each time, with fixed identities, for snapshots.

use serde_json::{Value, json};
use steps_shared::{StepId, Timestamp};

use crate::Server;
use crate::history::{step, wobble};

const DAY_MICROS: i64 = 86_400_000_000;

/// The identity of the `nth` step of the history, counted from 1.
#[must_use]
pub fn id(nth: usize) -> String {
    format!("0197a000-0000-7000-8000-{nth:012x}")
}

/// Collects the steps of the history.
#[derive(Debug, Default)]
struct Steps(Vec<Value>);

impl Steps {
    /// Adds a deployment that starts `day` days after Monday, 2026-01-05, 09:00; `words` as for [`step`].
    fn deploy(&mut self, day: i64, mut of: Value, words: &str) {
        let first: Timestamp = "2026-01-05 09:00:00".parse().expect("a time");
        let start = Timestamp::from_micros(first.micros() + day * DAY_MICROS).expect("a moment");
        of["owner"] = json!(["ann", "bob", "carmen"][usize::try_from(day).expect("a day") % 3]);
        for word in words.split_whitespace() {
            let mut step = step(start, word, of.clone());
            step["id"] = json!(id(self.0.len() + 1));
            self.0.push(step);
        }
    }
}

/// The steps, in the order in which they are recorded: 90 days of `checkout`, whose `migrating` grows; 60 of `search`,
/// whose `testing` jumps; four deployments of `billing` and its one into `staging`; one that failed, one that was
/// abandoned, one of parallel spans, and one that is still running.
#[must_use]
pub fn steps() -> Vec<Value> {
    let mut steps = Steps::default();
    for day in 0..90 {
        let of = json!({"component": "checkout", "version": format!("4.{day}")});
        let deploying = 150.0 + wobble(day as usize) + 2.0 * day as f64;
        let words = match day {
            40 => "started@0 building@4 failed@95".to_owned(),
            41 => "started@0 building@4 started@300 building@304 migrating@390 deploying@622 succeeded@652".to_owned(),
            60 => "started@0 building@4 migrating@90 deploying@200 succeeded@230 rolled_back@900".to_owned(),
            _ => format!("started@0 building@4 migrating@90 deploying@{deploying} succeeded@{}", deploying + 30.0),
        };
        steps.deploy(day, of, &words);
    }
    for day in 0..60 {
        let of = json!({"component": "search", "version": format!("2.{day}")});
        let testing = if day < 35 { 120.0 } else { 240.0 } + wobble(day as usize);
        steps.deploy(day, of, &format!("building@0 testing@100 succeeded@{}", 100.0 + testing));
    }
    for day in [3, 17, 31, 45] {
        let of = json!({"component": "billing", "version": format!("1.{day}"), "run": format!("run-{day}")});
        steps.deploy(day, of, "started@0 building@1.5 succeeded@61.25");
    }
    let staging = json!({"component": "billing", "version": "1.46", "environment": "staging"});
    steps.deploy(46, staging, "started@0 lint@1+12.5 test@1+40 deploying@50+9.5 succeeded@60");
    let running = json!({"component": "search", "version": "2.61", "environment": "staging"});
    steps.deploy(61, running, "started@0 building@5 migrating@65");
    steps.0
}

impl Server {
    /// Records the history.
    ///
    /// # Panics
    /// Where not all of it is recorded.
    pub async fn record_example(&self) {
        let steps = steps();
        assert_eq!(self.batch(&steps).await.recorded, steps.len() as u64);
    }
}

/// The identity of the first step with these fields, which is that of its deployment.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn deployment(component: &str, version: &str) -> StepId {
    let found = steps().into_iter().find(|step| step["component"] == component && step["version"] == version);
    found.expect("a step")["id"].as_str().expect("an id").parse().expect("a UUID")
}
