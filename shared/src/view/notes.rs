//! What else is to be known of a deployment, in words: which attempt it is, and what cannot be told of it.

use super::text::{Meaning, Text};
use crate::{Deployment, Retry};

/// Its attempt, whether it is a retry, and what is strange about it, each in a few words.
#[must_use]
pub fn of(deployment: &Deployment) -> Vec<Text> {
    let Deployment { attempt, retry, clocks_differ, looks_concurrent, .. } = deployment;
    let retry = retry.map(|retry| match retry {
        Retry::Whole => Text::new("retry of all", Meaning::Faint),
        Retry::Partial => Text::new("retry of a part, in no figure", Meaning::Warning),
    });
    let warning = |is: bool, words: &str| is.then(|| Text::new(words, Meaning::Warning));
    let notes = [
        attempt.map(|attempt| Text::new(format!("attempt {attempt}"), Meaning::Faint)),
        retry,
        warning(*clocks_differ, "clocks differ"),
        warning(*looks_concurrent, "looks like two at once; --run tells them apart"),
    ];
    notes.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(more: &str) -> Vec<String> {
        let deployment = serde_json::from_str(&format!(
            r#"{{"id":"0197a000-0000-7000-8000-000000000001","component":"checkout","environment":"production",
            "version":"4.2.0","owner":"ann","run":"7","outcome":"succeeded","status":"done",
            "started_at":"2026-01-05T09:30:00Z","ended_at":null,"duration_seconds":null,"steps":3{more}}}"#
        ));
        of(&deployment.unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_strange_is_said_in_words() {
        assert!(notes("").is_empty());
        assert_eq!(notes(r#","attempt":2,"retry":"whole""#), ["attempt 2", "retry of all"]);
        assert_eq!(
            notes(r#","retry":"partial","clocks_differ":true"#),
            ["retry of a part, in no figure", "clocks differ"]
        );
        assert_eq!(notes(r#","looks_concurrent":true"#), ["looks like two at once; --run tells them apart"]);
    }
}
