//! Why an answer is empty: a name under which nothing was ever recorded, or a time before the newest.
//!
//! The server is asked within the sight of the token, and only after an empty answer: what it answers stays as it is.

use std::time::Duration;

use steps_shared::{
    GroupBy, ListFormat, ListQuery, Order, StatsAnswer, StatsQuery, Step, StepColumn, StepFilter, StepQuery, Timestamp,
    nearest,
};
use tokio::time::timeout;

use super::listing;
use crate::client::{Client, Listed};
use crate::error::Error;
use crate::terminal;

/// How long the reason may take to be found out; an answer without it is complete, too.
const PATIENCE: Duration = Duration::from_secs(3);

/// Statuses that are ends, which statistics of steps do not list.
const ENDS: [&str; 5] = ["started", "succeeded", "failed", "cancelled", "deployed"];

/// What was asked for by name.
#[derive(Debug)]
struct Name {
    kind: &'static str,
    value: String,
    by: GroupBy,
    filter: StepFilter,
}

fn names(asked: &StepFilter) -> Vec<Name> {
    let StepFilter { component, environment, owner, status, .. } = asked.clone();
    let only = StepFilter::default;
    let name = |kind, by, value: Option<String>, filter| value.map(|value| Name { kind, value, by, filter });
    [
        name(
            "component",
            GroupBy::Component,
            component.as_ref().map(ToString::to_string),
            StepFilter { component, ..only() },
        ),
        name(
            "environment",
            GroupBy::Environment,
            environment.as_ref().map(ToString::to_string),
            StepFilter { environment, ..only() },
        ),
        name("owner", GroupBy::Owner, owner.as_ref().map(ToString::to_string), StepFilter { owner, ..only() }),
        name("status", GroupBy::Status, status.as_ref().map(ToString::to_string), StepFilter { status, ..only() }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A sentence for each name under which nothing was ever recorded, with the nearest under which something was. Empty where that
/// cannot be found out.
pub async fn never_recorded(client: &Client, asked: &StepFilter) -> Vec<String> {
    let find = async {
        let mut sentences = Vec::new();
        for name in names(asked) {
            if newest_step(client, name.filter.clone()).await?.is_none() {
                sentences.push(sentence(&name, nearest_recorded(client, &name).await?));
            }
        }
        Ok::<_, Error>(sentences)
    };
    timeout(PATIENCE, find).await.ok().and_then(Result::ok).unwrap_or_default()
}

fn sentence(name: &Name, near: Option<String>) -> String {
    let Name { kind, value, .. } = name;
    let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
    format!("nothing was ever recorded under the {kind} {value}{hint}")
}

async fn nearest_recorded(client: &Client, name: &Name) -> Result<Option<String>, Error> {
    let query = StatsQuery { by: vec![name.by], format: Some(ListFormat::Json), ..StatsQuery::default() };
    let answer: StatsAnswer = listing::one(client, client.stats(&query).await?).await?;
    let mut known: Vec<&str> =
        answer.stats.iter().filter_map(|row| row.group.get(name.by.name()).map(String::as_str)).collect();
    let Some(end) = nearest(&name.value, &ENDS).filter(|_| matches!(name.by, GroupBy::Status)) else {
        return Ok(nearest(&name.value, &known).map(str::to_owned));
    };
    let status = end.parse().ok();
    if newest_step(client, StepFilter { status, ..StepFilter::default() }).await?.is_some() {
        known.push(end);
    }
    Ok(nearest(&name.value, &known).map(str::to_owned))
}

async fn newest_step(client: &Client, filter: StepFilter) -> Result<Option<Step>, Error> {
    let (order, format) = (Order::Descending, Some(ListFormat::Jsonl));
    let query = StepQuery { filter, order, limit: Some(1), format, ..StepQuery::default() };
    let response = client.list::<StepFilter, StepColumn>(&query).await?;
    Ok(listing::rows(client, response, 1).await?.pop())
}

/// When the newest began that the filter would find at any time.
async fn newest_at_any_time<F: Listed>(client: &Client, asked: F) -> Option<Timestamp> {
    let (order, format) = (Order::Descending, Some(ListFormat::Jsonl));
    let query = ListQuery { filter: asked.at_any_time(), order, limit: Some(1), format, ..ListQuery::default() };
    let find = async {
        let response = client.list::<F, StepColumn>(&query).await?;
        let newest: Option<serde_json::Value> = listing::rows(client, response, 1).await?.pop();
        Ok::<_, Error>(newest.and_then(|newest| newest.get(F::BEGAN)?.as_str()?.parse().ok()))
    };
    timeout(PATIENCE, find).await.ok().and_then(Result::ok).flatten()
}

/// Tells why nothing was found: names that were never recorded, else when the newest was, and how it is shown. `has_window` says
/// whether only some time was asked for.
pub async fn explain<F: Listed + Clone>(client: &Client, asked: &F, has_window: bool) {
    let names = asked.names();
    let mut reasons = never_recorded(client, &names).await;
    if reasons.is_empty() && has_window {
        let newest = newest_at_any_time(client, asked.clone()).await;
        reasons.extend(newest.and_then(|newest| outside(newest, &names)));
    }
    reasons.iter().for_each(terminal::note);
}

/// The newest, where it is outside the time that was asked for; else the time is not why nothing was found.
fn outside(newest: Timestamp, asked: &StepFilter) -> Option<String> {
    let shown = newest.to_seconds_text();
    let date = shown.get(..10).unwrap_or_default();
    if asked.until.is_some_and(|until| newest > until) {
        return Some(format!("the newest began at {shown} UTC, after --until"));
    }
    let is_before = asked.since.is_some_and(|since| newest < since);
    is_before.then(|| format!("the newest began at {shown} UTC; --since {date} shows it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_told_where_it_is_outside() {
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let told = |since: &str, until: &str| {
            let asked = StepFilter { since: time(since), until: time(until), ..StepFilter::default() };
            outside(time("2026-01-05 09:30:00").unwrap(), &asked)
        };
        let before = told("2026-02-01 00:00:00", "").unwrap();
        assert_eq!(before, "the newest began at 2026-01-05 09:30:00 UTC; --since 2026-01-05 shows it");
        assert!(told("", "2026-01-01 00:00:00").unwrap().contains("after --until"));
        assert_eq!(told("2026-01-01 00:00:00", "2026-02-01 00:00:00"), None);
        assert_eq!(told("", ""), None);
    }
}
