//! Histories of deployments that are the same each time, and what is said of them: trends and budgets.

use serde_json::{Value, json};
use steps_shared::{CheckAnswer, StepId, Timestamp, Trend, TrendAnswer};

use crate::Server;

const HOUR_MICROS: f64 = 3.6e9;

/// Deployments of one component, one after the other: the versions `1.0`, `1.1`, `1.2` and so on.
#[derive(Debug, Clone)]
pub struct History {
    component: String,
    environment: String,
    owner: String,
    start: Timestamp,
    hours: f64,
    first: usize,
}

impl History {
    /// Of this component into production by ann: one every eight hours, from 09:00 on Monday, 2026-01-05, on.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn of(component: &str) -> Self {
        Self {
            component: component.to_owned(),
            environment: "production".to_owned(),
            owner: "ann".to_owned(),
            start: "2026-01-05 09:00:00".parse().expect("a time"),
            hours: 8.0,
            first: 0,
        }
    }

    /// Into another environment.
    #[must_use]
    pub fn to(self, environment: &str) -> Self {
        Self { environment: environment.to_owned(), ..self }
    }

    /// By somebody else.
    #[must_use]
    pub fn by(self, owner: &str) -> Self {
        Self { owner: owner.to_owned(), ..self }
    }

    /// From another moment on.
    #[must_use]
    pub fn starting(self, start: Timestamp) -> Self {
        Self { start, ..self }
    }

    /// One every so many hours.
    #[must_use]
    pub fn every_hours(self, hours: f64) -> Self {
        Self { hours, ..self }
    }

    /// Goes on with this one, counted from 0.
    #[must_use]
    pub fn going_on_at(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// When a deployment starts, counted from 0.
    ///
    /// # Panics
    /// Where that is after the year 9999.
    #[must_use]
    pub fn start(&self, nth: usize) -> Timestamp {
        let micros = (nth as f64 * self.hours * HOUR_MICROS).round() as i64;
        Timestamp::from_micros(self.start.micros() + micros).expect("a moment")
    }

    /// Records deployments; each is its steps as `STATUS@SECOND`, and spans as `STATUS@SECOND+DURATION`.
    ///
    /// # Panics
    /// Where not all of it is recorded.
    pub async fn record(&self, server: &Server, deployments: impl IntoIterator<Item = impl AsRef<str>>) {
        let steps: Vec<Value> = deployments
            .into_iter()
            .enumerate()
            .flat_map(|(nth, steps)| {
                let read = |word: &str| self.step(self.first + nth, word);
                steps.as_ref().split_whitespace().map(read).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(server.batch(&steps).await.recorded, steps.len() as u64);
    }

    fn step(&self, nth: usize, word: &str) -> Value {
        let Self { component, environment, owner, .. } = self;
        let of = json!({
            "component": component, "environment": environment, "owner": owner, "version": format!("1.{nth}"),
        });
        step(self.start(nth), word, of)
    }
}

/// A step of a deployment that began at `start`, as `STATUS@SECOND`, or a span, as `STATUS@SECOND+DURATION`; `of` are its
/// other fields. Its identity is made now.
///
/// # Panics
/// Where the word is none of these.
#[must_use]
pub fn step(start: Timestamp, word: &str, mut of: Value) -> Value {
    let (status, when) = word.split_once('@').expect("STATUS@SECOND");
    let (second, took) = when.split_once('+').map_or((when, None), |(second, took)| (second, Some(took)));
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let ts = Timestamp::from_micros(start.micros() + (number(second) * 1e6).round() as i64);
    of["id"] = json!(StepId::generate());
    of["status"] = json!(status);
    of["ts"] = json!(ts.expect("a moment"));
    if let Some(took) = took {
        of["span"] = json!(true);
        of["outcome"] = json!("succeeded");
        of["duration"] = json!(number(took));
    }
    of
}

/// The steps of a deployment that took so many seconds.
#[must_use]
pub fn lasting(seconds: f64) -> String {
    format!("building@0 succeeded@{seconds}")
}

/// Noise of a few seconds, which is the same each time; its median is 0.
#[must_use]
pub fn wobble(nth: usize) -> f64 {
    [0.0, 6.0, -6.0, 3.0, -3.0][nth % 5]
}

impl Server {
    /// The trends for this query string.
    ///
    /// # Panics
    /// Where the answer is none.
    pub async fn trends(&self, query: &str) -> TrendAnswer {
        let answer = self.get(&format!("/v1/trend?{query}")).await;
        serde_json::from_str(answer.ok()).expect("the answer is trends")
    }

    /// The one trend for this query string.
    ///
    /// # Panics
    /// Where there are none, or several.
    pub async fn trend(&self, query: &str) -> Trend {
        let answer = self.trends(query).await;
        let [trend] = <[Trend; 1]>::try_from(answer.trends).unwrap_or_else(|trends| panic!("{query}: {trends:#?}"));
        trend
    }

    /// What is said of a deployment, for this query string.
    ///
    /// # Panics
    /// Where nothing is.
    pub async fn check(&self, query: &str) -> CheckAnswer {
        let answer = self.get(&format!("/v1/check?{query}")).await;
        serde_json::from_str(answer.ok()).expect("the answer to a check")
    }
}

/// Steps of the component `c`, which began at `start`, as `STATUS@SECOND`; `of` are other fields.
pub async fn deploy(server: &Server, start: &str, steps: &str, of: Value) {
    let mut fields = json!({"component": "c", "version": "1", "owner": "ann"});
    fields.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
    let start = start.parse().unwrap();
    let steps: Vec<Value> = steps.split_whitespace().map(|word| step(start, word, fields.clone())).collect();
    assert_eq!(server.batch(&steps).await.recorded, steps.len() as u64);
}
