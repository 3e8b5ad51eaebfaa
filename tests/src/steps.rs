//! Steps to record, and lists to read them from.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::Value;
use steps_shared::{BatchAnswer, StatsAnswer, StatsRow, Step, Timestamp};

use crate::{Answer, Server, repository};

/// A row of a CSV list, by column.
pub type Row = HashMap<String, String>;

/// What time it is.
#[must_use]
pub fn now() -> Timestamp {
    DateTime::<Utc>::from(SystemTime::now()).try_into().expect("it is neither before 1970 nor after 9999")
}

/// The rows of a CSV text.
#[must_use]
#[track_caller]
pub fn rows(csv: &str) -> Vec<Row> {
    csv::Reader::from_reader(csv.as_bytes()).deserialize().map(|row| row.expect("a row of the CSV")).collect()
}

/// One column of a CSV text.
#[must_use]
#[track_caller]
pub fn column(csv: &str, name: &str) -> Vec<String> {
    let value = |mut row: Row| row.remove(name).unwrap_or_else(|| panic!("no column {name} in {csv}"));
    rows(csv).into_iter().map(value).collect()
}

/// Some columns of a CSV text, row by row.
#[must_use]
#[track_caller]
pub fn columns<const N: usize>(csv: &str, names: [&str; N]) -> Vec<[String; N]> {
    rows(csv).iter().map(|row| names.map(|name| row[name].clone())).collect()
}

/// A step as it was recorded, without what is derived of it when more is recorded.
#[must_use]
pub fn as_recorded(step: &Step) -> Step {
    Step { ended_at: step.finish().map(|finish| finish.ended_at), deployment_id: None, ..step.clone() }
}

/// The folder with real histories: `STEPS_TEST_DATA`, else `../shared/data` beside the repository. `None` where it is
/// not there, as in a plain checkout.
#[must_use]
pub fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("STEPS_TEST_DATA").map_or_else(|| repository().join("../shared/data"), PathBuf::from);
    if !folder.is_dir() {
        println!("not run: {} is not there; STEPS_TEST_DATA says where else", folder.display());
        return None;
    }
    Some(folder)
}

/// A text as it is written in a query string.
#[must_use]
pub fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl Server {
    /// Lists with this query string, as CSV.
    pub async fn list(&self, query: &str) -> String {
        self.get(&format!("/v1/steps?{query}")).await.ok().to_owned()
    }

    /// Records one step from `name=value` pairs; the answer.
    pub async fn record(&self, fields: &[(&str, &str)]) -> Answer {
        Answer::of(self.request(Method::POST, "/v1/steps").query(fields)).await
    }

    /// Posts a batch as a JSON array; what became of it.
    pub async fn batch(&self, steps: &[Value]) -> BatchAnswer {
        let body = Value::from(steps.to_vec()).to_string();
        let answer = self.post_body("/v1/steps/batch", "application/json", body).await;
        serde_json::from_str(answer.ok()).expect("the answer to a batch")
    }

    /// Lists deployments with this query string, as CSV.
    pub async fn deployments(&self, query: &str) -> String {
        self.get(&format!("/v1/deployments?{query}")).await.ok().to_owned()
    }

    /// The statistics for this query string.
    ///
    /// # Panics
    /// Where the answer is none.
    pub async fn stats(&self, query: &str) -> Vec<StatsRow> {
        let answer = self.get(&format!("/v1/stats?{query}")).await;
        let answer: StatsAnswer = serde_json::from_str(answer.ok()).expect("the answer is statistics");
        answer.stats
    }

    /// Tells a span that it has ended, with `name=value` pairs; the answer.
    pub async fn finish(&self, id: impl fmt::Display, fields: &[(&str, &str)]) -> Answer {
        Answer::of(self.request(Method::POST, &format!("/v1/steps/{id}/finish")).query(fields)).await
    }

    /// How many steps this server counts.
    pub async fn count(&self, query: &str) -> u64 {
        let answer = self.get(&format!("/v1/steps/count?{query}")).await.json();
        answer["count"].as_u64().unwrap_or_else(|| panic!("no count in {answer}"))
    }
}
