//! How much longer a running deployment takes, in words.

use super::text::{Meaning, Text};
use super::words::{self, whole};
use crate::{Duration, Expected, Timestamp};

/// How much longer it takes, counted down since that was told; never less than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedDown {
    /// The median; `None` where it is not known.
    pub median: Option<Duration>,
    /// The 10th percentile.
    pub low: Option<Duration>,
    /// The 90th percentile.
    pub high: Option<Duration>,
}

/// How much longer it takes at a later moment, by the clock of the server.
#[must_use]
pub fn counted_down(expected: &Expected, now: Timestamp) -> CountedDown {
    let passed = Duration::between(expected.at, now).unwrap_or_default();
    let less = |left: Option<Duration>| {
        left.map(|left| Duration::from_micros(left.micros() - passed.micros()).unwrap_or_default())
    };
    CountedDown { median: less(expected.median_left), low: less(expected.low_left), high: less(expected.high_left) }
}

/// What [`left`] says, at a later moment and in whole seconds.
#[must_use]
pub fn left_at(expected: &Expected, now: Timestamp) -> Text {
    let CountedDown { median, low, high } = counted_down(expected, now);
    let (Some(median), Some(low), Some(high)) = (median, low, high) else { return left(expected) };
    let about =
        if median.seconds() < 1.0 { "about to end".to_owned() } else { format!("about {} left", whole(median)) };
    let mut text = match expected.is_longest {
        true => Text::new(format!("longer than all before, {about}"), Meaning::Warning),
        false => Text::new(about, Meaning::Running),
    };
    match (low.seconds() < 1.0, high.seconds() < 1.0) {
        (_, true) => {}
        (true, false) => {
            text.say(format!(", most likely within {}", whole(high)));
        }
        (false, false) => {
            text.say(format!(", most likely {} to {}", whole(low), whole(high)));
        }
    }
    text.say(format!("; by {} before", words::deployments(expected.past_deployments)));
    text
}

/// `about 3m20s left, most likely 2m00s to 6m00s; by 38 deployments before`, or why that is not known.
#[must_use]
pub fn left(expected: &Expected) -> Text {
    let Some(median) = expected.median_left else {
        let reason = expected.reason.as_deref().unwrap_or("the server does not say why");
        return Text::from(format!("time left unknown: {reason}"));
    };
    let (said, meaning) = match expected.is_longest {
        true => ("longer than all before, ", Meaning::Warning),
        false => ("", Meaning::Running),
    };
    let mut text = Text::new(format!("{said}about {median} left"), meaning);
    text.say(", ").append(range(expected));
    text
}

/// `most likely 2m00s to 6m00s; by 38 deployments before`; empty where that is not known.
#[must_use]
pub fn range(expected: &Expected) -> Text {
    let (Some(low), Some(high)) = (expected.low_left, expected.high_left) else { return Text::default() };
    let by = words::deployments(expected.past_deployments);
    Text::from(format!("most likely {low} to {high}; by {by} before"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StepId;

    #[test]
    fn it_says_how_long_or_why_not() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let mut expected = Expected {
            deployment_id: StepId::generate(),
            at: Timestamp::default(),
            elapsed: seconds(60),
            median_left: seconds(200),
            low_left: seconds(120),
            high_left: seconds(360),
            expected_end: None,
            past_deployments: 38,
            is_longest: false,
            reason: None,
            steps: Vec::new(),
        };
        assert_eq!(
            left(&expected).to_string(),
            "about 3m20s left, most likely 2m00s to 6m00s; by 38 deployments before"
        );
        let later = |seconds: i64| Timestamp::saturating_from_micros(expected.at.micros() + seconds * 1_000_000);
        let said = |seconds| left_at(&expected, later(seconds)).to_string();
        assert_eq!(said(30), "about 2m50s left, most likely 1m30s to 5m30s; by 38 deployments before");
        assert_eq!(said(150), "about 50s left, most likely within 3m30s; by 38 deployments before");
        assert_eq!(said(3600), "about to end; by 38 deployments before");
        expected.is_longest = true;
        assert!(left(&expected).to_string().starts_with("longer than all before, about 3m20s left"));
        (expected.median_left, expected.reason) = (None, Some("too few".to_owned()));
        assert_eq!(left(&expected).to_string(), "time left unknown: too few");
    }
}
