//! Made-up inputs for whole minutes: `make security` runs these. No parser may panic, and what one has read it reads again.

use std::borrow::Cow;
use std::fmt::Debug;
use std::time::{Duration as StdDuration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{
    Bound, CheckQuery, DeploymentFilter, DeploymentQuery, Duration, Filter, Glob, JsonFields, NewFinish, NewStep,
    NewToken, Scopes, StatsQuery, StepQuery, TimeInterval, Timestamp, TokenSecret, TrendQuery, neutralized, original,
};

/// Tries inputs until the time is over that `STEPS_CAMPAIGN_SECONDS` gives.
fn campaign<S: Strategy>(name: &str, inputs: S, check: impl Fn(S::Value))
where
    S::Value: Debug,
{
    let seconds = std::env::var("STEPS_CAMPAIGN_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(5);
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < StdDuration::from_secs(seconds) {
        let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
        let tried = TestRunner::new(config).run(&inputs, |input| {
            check(input);
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{name}: {error}"));
        count += 2000;
    }
    println!("campaign: {count} {name}");
}

/// Texts that are nearly times, and any others.
fn times() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,4}[-/][0-9]{1,2}[-/][0-9]{1,2}[T ]?[0-9:.,]{0,16} ?(Z|UTC|[+-][0-9:]{0,5})?",
        "[0-9.]{1,24}",
        "([0-9]{1,20} ?(ms|s|m|h|d|w|y|M)? ?){0,4}",
        "(Mon|Tue|Sun), [0-9]{1,2} (Jan|Feb|Dec) [0-9]{1,6} [0-9:]{1,9} ([+-][0-9]{4}|GMT|EST)",
        "(last |this )?(mon|tuesday|week|month|year|yesterday|today|now)( [0-9:]{1,8})?",
        "([0-9]{1,12} (sec|minutes|hours|days|weeks|months|years) ?){1,3}(ago)?",
        "([0-9]{1,2} )?(Jan|february|Dec) ([0-9]{1,2}[, ]+)?[0-9]{1,6}( [0-9:]{1,8})?",
        "[0-9]{1,6}-[0-9]{1,3}",
        "\\PC{0,40}",
        any::<String>(),
    ]
}

#[test]
#[ignore = "takes minutes"]
fn campaign_of_times() {
    campaign("times", times(), |text| {
        if let Ok(time) = text.parse::<Timestamp>() {
            assert_eq!(time.to_rfc3339().parse::<Timestamp>(), Ok(time), "{text:?}");
        }
        if let Ok(duration) = text.parse::<Duration>() {
            assert_eq!(
                duration.to_exact_text().parse::<Duration>().map(|again| again.micros() / 1000),
                Ok(duration.micros() / 1000),
                "{text:?}"
            );
        }
        let now = "2026-01-05T09:30:00Z".parse().unwrap();
        if let Ok(bound) = text.parse::<Bound>() {
            let _ = (bound.start(now), bound.end(now), bound.to_string());
        }
        for zone in [chrono_tz::Tz::UTC, chrono_tz::Africa::Cairo] {
            if let Ok(bound) = Bound::typed(&text, now, &zone) {
                let _ = (bound.start(now), bound.end(now), bound.to_string());
            }
        }
        if let Some(Ok(read)) = Bound::parameter("since", &text, now) {
            assert!(read.parse::<Bound>().is_ok(), "{text:?} is {read:?}");
        }
        if let Ok(interval) = text.parse::<TimeInterval>() {
            assert!(interval.start <= interval.end, "{text:?}");
        }
    });
}

/// Names of parameters that are known, and others.
fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
    let known: Vec<&'static str> = DeploymentFilter::PARAMETERS
        .iter()
        .copied()
        .chain(StepQuery::OWN_PARAMETERS)
        .chain(StatsQuery::OWN_PARAMETERS)
        .chain(TrendQuery::PARAMETERS)
        .chain(CheckQuery::PARAMETERS)
        .chain(NewStep::FIELDS)
        .chain(NewFinish::FIELDS)
        .collect();
    let name = prop_oneof![4 => proptest::sample::select(known).prop_map(str::to_owned), 1 => any::<String>()];
    let value = prop_oneof![
        times(),
        "(csv|json|xlsx|asc|desc|true|false|p95|median|5%/week|day,week|ts,id|succeeded|UTC)",
        any::<String>(),
    ];
    proptest::collection::vec((name, value), 0..12)
}

#[test]
#[ignore = "takes minutes"]
fn campaign_of_query_strings() {
    campaign("query strings and fields", parameters(), |given| {
        let pairs = || given.iter().map(|(name, value)| (Cow::from(name), Cow::from(value)));
        macro_rules! again {
            ($($Query:ty),*) => {$(
                if let Ok(query) = <$Query>::from_parameters(pairs()) {
                    let parameters = query.to_parameters();
                    let read = <$Query>::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), value.into())));
                    assert!(read.is_ok(), "{given:?}: {parameters:?}: {read:?}");
                }
            )*};
        }
        again!(StepQuery, DeploymentQuery, TrendQuery, CheckQuery, StatsQuery);
        let now = "2026-01-05T09:30:00Z".parse::<Timestamp>().unwrap();
        let fields = || given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let _ = NewStep::from_fields(fields()).and_then(|step| step.into_step(now));
        let _ = NewFinish::from_fields(fields()).and_then(|finish| finish.into_finish(now, now));
    });
}

#[test]
#[ignore = "takes minutes"]
fn campaign_of_tokens() {
    let json = prop_oneof![
        "\\{(\"(name|scopes|components|environments|owner|expires_in|x)\":(\"[a-z*,]{0,8}\"|\\[(\"[a-z*]{0,4}\",?){0,3}\\]|[0-9.e-]{1,8}|null),?){0,6}\\}",
        any::<String>(),
    ];
    let texts = (prop_oneof!["steps_[0-9A-Za-z]{40,52}", any::<String>()], json, any::<String>());
    campaign("tokens", texts, |(secret, json, text)| {
        if let Ok(read) = secret.parse::<TokenSecret>() {
            assert_eq!(read.expose(), secret);
        }
        if let Ok(members) = serde_json::from_str::<JsonFields>(&json)
            && let Ok(token) = NewToken::from_json(members)
        {
            let again = serde_json::from_str(&serde_json::to_string(&token).unwrap()).unwrap();
            assert_eq!(NewToken::from_json(again), Ok(token), "{json}");
        }
        let _ = text.parse::<Scopes>();
        if let Ok(glob) = secret.parse::<Glob>() {
            let _ = glob.matches(&text);
        }
        assert_eq!(original(&neutralized(&text)), text);
    });
}
