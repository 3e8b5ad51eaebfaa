//! Numbers, dates, durations and shares in words.

use super::text::{Meaning, Sign, Text};
use crate::{Component, Duration, Environment, Timestamp, Version};

/// `1234567` as `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// `1 deployment`, `1,234 deployments`.
#[must_use]
pub fn deployments(count: u32) -> String {
    let noun = if count == 1 { "deployment" } else { "deployments" };
    format!("{} {noun}", grouped(count.into()))
}

/// `checkout 4.2.0 → production`.
#[must_use]
pub fn deployed(component: &Component, version: &Version, environment: &Environment) -> Text {
    let mut text = Text::new(format!("{component} {version} "), Meaning::Strong);
    text.sign(Sign::Arrow, Meaning::Strong).add(format!(" {environment}"), Meaning::Strong);
    text
}

/// The day, UTC: `2026-01-05`.
#[must_use]
pub fn date(time: Timestamp) -> String {
    let mut text = time.to_seconds_text();
    text.truncate(10);
    text
}

/// The days of a span, UTC: `2026-01-05 to 2026-01-07`, or one day.
#[must_use]
pub fn dates(from: Timestamp, to: Option<Timestamp>) -> String {
    let (first, last) = (date(from), date(to.unwrap_or(from)));
    if first == last { first } else { format!("{first} to {last}") }
}

/// Seconds as a duration: `6m10s`; a negative number as `0.00s`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    Duration::from_seconds(seconds.max(0.0)).unwrap_or_default().to_string()
}

/// A duration in whole seconds, for what is written again each second: `38s`, `6m10s`. What is left of a second is not counted.
#[must_use]
pub fn whole(duration: Duration) -> String {
    match duration.micros() / 1_000_000 {
        seconds @ ..60 => format!("{seconds}s"),
        seconds => Duration::from_micros(seconds * 1_000_000).unwrap_or_default().to_string(),
    }
}

/// A duration as it is said, with a blank between its units: `6m10s` as `6m 10s`, in whole seconds from 10 s on.
#[must_use]
pub fn spoken(duration: Duration) -> String {
    let whole = if duration.seconds() < 10.0 { duration } else { rounded(duration) };
    let text = whole.to_string();
    let mut spoken = String::with_capacity(text.len() + 1);
    for (at, character) in text.char_indices() {
        if character.is_ascii_digit() && text[..at].ends_with(|before: char| before.is_ascii_alphabetic()) {
            spoken.push(' ');
        }
        spoken.push(character);
    }
    spoken.replace(".0s", "s")
}

fn rounded(duration: Duration) -> Duration {
    Duration::from_micros((duration.micros() + 500_000) / 1_000_000 * 1_000_000).unwrap_or(duration)
}

/// Seconds as a duration with a sign: `-12.0s`, and `plus` before a number that is not negative.
#[must_use]
pub fn signed_duration(seconds: f64, plus: &str) -> String {
    // A number that rounds to 0.00s has no sign.
    if seconds.abs() < 0.005 {
        return duration(0.0);
    }
    format!("{}{}", if seconds < 0.0 { "-" } else { plus }, duration(seconds.abs()))
}

/// A percentage with a sign: `+3.8%`.
#[must_use]
pub fn signed_percent(value: f64) -> String {
    // -0.04 would be -0.0.
    let value = if value.abs() < 0.05 { 0.0 } else { value };
    format!("{value:+.1}%")
}

/// A share from 0 to 1 in whole percent: `42%`.
#[must_use]
pub fn share(share: f64) -> String {
    let percent = format!("{:.0}%", share * 100.0);
    if percent == "-0%" { "0%".to_owned() } else { percent }
}

/// A share from 0 to 1 in percent with one decimal: `2.8%`.
#[must_use]
pub fn rate(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A p value: `p < 0.001`, `p = 0.012`, `p = 0.40`.
#[must_use]
pub fn p_value(p: f64) -> String {
    match p {
        ..0.001 => "p < 0.001".to_owned(),
        ..0.1 => format!("p = {p:.3}"),
        _ => format!("p = {p:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(grouped), ["0", "12", "123", "1,234", "1,234,567"]);
    }

    #[test]
    fn a_share_that_is_nearly_nothing_has_no_sign() {
        assert_eq!([-0.004, 0.004, -0.006, 0.42].map(share), ["0%", "0%", "-1%", "42%"]);
    }

    #[test]
    fn whole_seconds() {
        let texts =
            [0.0, 0.9, 9.99, 59.99, 60.7, 3725.0].map(|seconds| whole(Duration::from_seconds(seconds).unwrap()));
        assert_eq!(texts, ["0s", "0s", "9s", "59s", "1m00s", "1h02m"]);
    }

    #[test]
    fn durations_are_said_with_blanks() {
        let spoken = |seconds| spoken(Duration::from_seconds(seconds).unwrap());
        assert_eq!(
            [0.0, 0.25, 4.2, 42.4, 370.0, 7530.0].map(spoken),
            ["0.00s", "0.25s", "4.2s", "42s", "6m 10s", "2h 05m"]
        );
    }

    #[test]
    fn signs_and_rounding() {
        assert_eq!([signed_percent(3.84), signed_percent(-0.04), signed_percent(-2.0)], ["+3.8%", "+0.0%", "-2.0%"]);
        assert_eq!(
            [signed_duration(80.0, "+"), signed_duration(-12.0, "+"), signed_duration(-0.001, "+")],
            ["+1m20s", "-12.0s", "0.00s"]
        );
    }
}
