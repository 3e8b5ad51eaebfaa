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

/// A duration as pages write it, with a blank between its units that breaks no line: `42.4s`, `6m 10s`.
#[must_use]
pub fn spoken(duration: Duration) -> String {
    spaced(&duration.to_string())
}

/// The same in whole seconds, as [`whole`], for what is written again each second.
#[must_use]
pub fn spoken_whole(duration: Duration) -> String {
    spaced(&whole(duration))
}

/// A blank that breaks no line.
const NO_BREAK: char = '\u{a0}';

/// A text in which durations are written as pages write them: `took 6m10s` as `took 6m 10s`, with a blank that breaks no line.
#[must_use]
pub fn spaced(text: &str) -> String {
    const BEFORE: [char; 4] = ['(', '+', '-', '±'];
    const BEHIND: [char; 5] = [')', ',', '.', ';', ':'];
    let mut spaced = String::with_capacity(text.len() + 8);
    for word in text.split_inclusive(' ') {
        let core = word.trim_end().trim_start_matches(BEFORE).trim_end_matches(BEHIND);
        if !is_written_duration(core) {
            spaced.push_str(word);
            continue;
        }
        let mut last = ' ';
        for character in word.chars() {
            if character.is_ascii_digit() && last.is_ascii_alphabetic() {
                spaced.push(NO_BREAK);
            }
            spaced.push(character);
            last = character;
        }
    }
    spaced
}

/// Whether it is a duration of several units, as [`Duration`] writes it, or with all of its units: `1h02m03.5s`.
fn is_written_duration(word: &str) -> bool {
    let units: String = word.chars().filter(char::is_ascii_alphabetic).collect();
    let numbers = word.split(|character: char| character.is_ascii_alphabetic());
    let is_number = |number: &str| {
        let mut parts = number.splitn(2, '.');
        parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut numbers: Vec<&str> = numbers.collect();
    ["dh", "hm", "ms", "hms"].contains(&&*units)
        && numbers.pop() == Some("")
        && numbers.len() == units.len()
        && numbers.iter().all(|number| is_number(number))
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
    fn durations_are_written_with_blanks_on_pages() {
        let of = |seconds| Duration::from_seconds(seconds).unwrap();
        assert_eq!(
            [0.0, 0.25, 4.2, 42.4, 370.0, 7530.0].map(|seconds| spoken(of(seconds)).replace(NO_BREAK, " ")),
            ["0.00s", "0.25s", "4.2s", "42.4s", "6m 10s", "2h 05m"]
        );
        assert_eq!([42.4, 370.7].map(|seconds| spoken_whole(of(seconds))), ["42s", "6m\u{a0}10s"]);
        let spaced = |text: &str| spaced(text).replace(NO_BREAK, "_");
        assert_eq!(
            spaced("took 1m57.1s more (+20.0s, -5m00s): 1h02m03s instead of 2d04h."),
            "took 1m_57.1s more (+20.0s, -5m_00s): 1h_02m_03s instead of 2d_04h."
        );
        for name in ["v1m30s", "1m30s-rc", "m30s", "5m30h", "12s", "1.2.3", "ms", "1m.5s", "x 5mm", ""] {
            assert_eq!(spaced(name), name);
        }
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
