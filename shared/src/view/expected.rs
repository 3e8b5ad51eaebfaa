//! How much longer a running deployment takes, in words.

use super::text::{Meaning, Text};
use super::words;
use crate::Expected;

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
    use crate::{Duration, StepId, Timestamp};

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
        expected.is_longest = true;
        assert!(left(&expected).to_string().starts_with("longer than all before, about 3m20s left"));
        (expected.median_left, expected.reason) = (None, Some("too few".to_owned()));
        assert_eq!(left(&expected).to_string(), "time left unknown: too few");
    }
}
