//! How often limits would have been exceeded in the past, in words.

use super::check::label;
use super::text::{Meaning, Text};
use super::words::{deployments, grouped, rate};
use crate::{CheckQuery, Duration, Firing, Judged, Replay, ReplayedBudget};

const DAY_SECONDS: f64 = 86_400.0;

/// A replay, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaySummary {
    /// Since when the limits are taken to hold.
    pub since: String,
    /// Each limit.
    pub limits: Vec<ReplayedLimit>,
    /// How often any of several limits would have fired.
    pub together: Option<Text>,
}

/// What one limit would have said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedLimit {
    /// The limit, as a flag gives it.
    pub label: String,
    /// How often it would have fired.
    pub fired: Text,
    /// For how many deployments there was not enough data; empty for none.
    pub unknown: String,
    /// How many of the latest firings are listed, where they are not all.
    pub latest: Option<usize>,
    /// The deployments at which it would have fired, the oldest first.
    pub firings: Vec<FiringLine>,
}

/// A deployment at which a limit would have fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiringLine {
    /// When it started, UTC.
    pub started: String,
    /// Its version.
    pub version: String,
    /// Why.
    pub reason: String,
}

/// Tells a replay.
#[must_use]
pub fn replay(replay: &Replay, query: &CheckQuery) -> ReplaySummary {
    let Replay { since, until, first_started_at, deployments, over, budgets } = replay;
    // Time before the first deployment does not count for a rate.
    let span = Duration::between(first_started_at.unwrap_or(*since), *until).unwrap_or_default();
    let times = |over| {
        let meaning = if over > 0 { Meaning::Warning } else { Meaning::Good };
        Text::new(fired(over, *deployments, span), meaning)
    };
    let limit = |limit: &ReplayedBudget| {
        let ReplayedBudget { budget, over, not_enough_data, firings } = limit;
        let listed = firings.len();
        ReplayedLimit {
            label: label(*budget, &query.budget),
            fired: times(*over),
            unknown: unknown(*not_enough_data),
            latest: (listed > 0 && (listed as u64) < u64::from(*over)).then_some(listed),
            firings: firings.iter().map(line).collect(),
        }
    };
    ReplaySummary {
        since: format!("Had this been the budget since {} UTC", since.to_seconds_text()),
        limits: budgets.iter().map(limit).collect(),
        together: (budgets.len() > 1).then(|| times(*over)),
    }
}

/// `would have fired 3 times in 120 deployments (2.5%), about once in 30 days`.
fn fired(over: u32, count: u32, span: Duration) -> String {
    let all = deployments(count);
    let times = match over {
        0 if count == 0 => return "there were no deployments".to_owned(),
        0 => return format!("would never have fired in {all}"),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", grouped(u64::from(over))),
    };
    let share = f64::from(over) / f64::from(count.max(1));
    // Once is no rate.
    let often = if over > 1 { often(span, over) } else { String::new() };
    format!("would have fired {times} in {all} ({}){often}", rate(share))
}

/// The mean time between firings, in words.
fn often(span: Duration, over: u32) -> String {
    let days = span.seconds() / DAY_SECONDS / f64::from(over);
    match days {
        1.5.. => format!(", about once in {days:.0} days"),
        0.67..1.5 => ", about once a day".to_owned(),
        _ if days > 0.0 => format!(", about {:.0} times a day", 1.0 / days),
        _ => String::new(),
    }
}

fn unknown(deployments: u32) -> String {
    match deployments {
        0 => String::new(),
        1 => "; for one of them there was not enough data".to_owned(),
        more => format!("; for {} of them there was not enough data", grouped(u64::from(more))),
    }
}

fn line(Firing { deployment, reason }: &Firing) -> FiringLine {
    let Judged { version, started_at, .. } = deployment;
    FiringLine { started: started_at.to_seconds_text(), version: version.to_string(), reason: reason.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_in_words() {
        let days = |days: &str| days.parse().unwrap();
        assert_eq!(fired(0, 1, days("90d")), "would never have fired in 1 deployment");
        assert_eq!(fired(0, 0, days("90d")), "there were no deployments");
        assert_eq!(fired(1, 1200, days("90d")), "would have fired once in 1,200 deployments (0.1%)");
        assert_eq!(fired(2, 4, days("7d")), "would have fired twice in 4 deployments (50.0%), about once in 4 days");
        assert!(fired(7, 100, days("7d")).ends_with(", about once a day"));
        assert!(fired(70, 100, days("7d")).ends_with(", about 10 times a day"));
    }

    #[test]
    fn a_list_that_is_not_complete_says_so() {
        let query = [("component", "c"), ("max", "10m"), ("baseline", "p95"), ("replay", "90d")];
        let query = CheckQuery::from_parameters(query.map(|(name, value)| (name.into(), value.into()))).unwrap();
        let told = |over: u32| {
            let answer = format!(
                r#"{{"since":"2026-01-04T09:30:00Z","until":"2026-10-02T09:30:00Z","first_started_at":null,
                "deployments":120,"over":{over},"budgets":[{{"budget":"max","over":{over},"not_enough_data":1,"firings":[
                {{"id":"0197a000-0000-7000-8000-000000000001","version":"4.9","owner":"ann",
                "started_at":"2026-09-29T08:00:00Z","duration_seconds":720,"reason":"longer than 10m00s"}}]}}]}}"#
            );
            replay(&serde_json::from_str(&answer).unwrap(), &query)
        };
        assert_eq!(told(1).limits[0].latest, None);
        let told = told(3);
        assert_eq!(told.since, "Had this been the budget since 2026-01-04 09:30:00 UTC");
        assert_eq!((told.limits[0].label.as_str(), told.limits[0].latest), ("max 10m00s", Some(1)));
        assert_eq!(told.limits[0].unknown, "; for one of them there was not enough data");
        assert_eq!((told.limits[0].firings[0].started.as_str(), told.together), ("2026-09-29 08:00:00", None));
    }
}
