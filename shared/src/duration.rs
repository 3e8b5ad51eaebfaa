//! How long something took: whole microseconds, never negative.

use std::fmt;
use std::str::FromStr;

use compact_str::{CompactString, ToCompactString as _};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;
use crate::time::two_digits;

/// A duration in whole microseconds, never negative.
///
/// In JSON it is a number of seconds. A text such as `1h30m` is read as well, so that settings files use the same type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(i64);

/// Each unit and its microseconds, the smallest first. A year is 365 days.
const UNITS: [(&str, i64); 7] = [
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
    ("y", 365 * 86_400_000_000),
];

/// What an error says would be right.
const EXAMPLES: &str = "write 500ms, 90s, 15m, 1h30m, 7d, 1y or bare seconds";

impl Duration {
    /// From microseconds; `None` when negative.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros >= 0 { Some(Self(micros)) } else { None }
    }

    /// From whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u32) -> Self {
        // `i64::from` is not const; every u32 fits.
        Self(seconds as i64 * 1_000_000)
    }

    /// From seconds, rounded to microseconds.
    ///
    /// # Errors
    /// Not a number, negative, or more than a hundred years.
    pub fn from_seconds(seconds: f64) -> Result<Self, String> {
        if (0.0..=3.2e9).contains(&seconds) {
            Ok(Self((seconds * 1e6).round() as i64))
        } else {
            Err(format!("must be a number of seconds from 0, not {seconds}"))
        }
    }

    /// The time from `start` to `end`; `None` when `end` is earlier.
    #[must_use]
    pub fn between(start: Timestamp, end: Timestamp) -> Option<Self> {
        Self::from_micros(end.micros() - start.micros())
    }

    /// In microseconds.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// [`Self::seconds`] as a text, without zeros behind it: `4.311`. Exports write millions of them.
    #[must_use]
    pub fn to_seconds_text(self) -> CompactString {
        let mut text = (self.0 / 1_000_000).to_compact_string();
        let micros = (self.0 % 1_000_000) as u32;
        if micros > 0 {
            let pairs = [micros / 10_000, micros / 100 % 100, micros % 100].map(two_digits);
            let digits = std::str::from_utf8(pairs.as_flattened()).unwrap_or_default();
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        text
    }

    /// A text that reads as the same duration again: in the largest unit that divides it (`90s`, `2w`), else bare seconds.
    #[must_use]
    pub fn to_exact_text(self) -> String {
        match UNITS.iter().rev().find(|(_, unit)| self.0 > 0 && self.0 % unit == 0) {
            Some((name, unit)) => format!("{}{name}", self.0 / unit),
            None => self.to_seconds_text().into(),
        }
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        Self::from_micros(duration.0.unsigned_abs())
    }
}

// Not humantime's parser: it takes M for months beside m for minutes, a year of 365.25 days, and no bare seconds.
impl FromStr for Duration {
    type Err = String;
    /// Reads whole numbers with units (`500ms`, `90s`, `15m`, `2h`, `7d`, `6w`, `1y`), sums of them (`1h30m`, `1d 4h`), or bare
    /// seconds (`90`, `12.5`).
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            let seconds = text.parse().map_err(|_| format!("is not a duration: {text:?}; {EXAMPLES}"))?;
            return Self::from_seconds(seconds);
        }
        match sum(text) {
            Ok(micros) => Ok(Self(micros)),
            Err(reason) if reason.is_empty() => Err(format!("is not a duration: {text:?}; {EXAMPLES}")),
            Err(reason) => Err(format!("is not a duration: {text:?}: {reason}")),
        }
    }
}

/// The microseconds of numbers with units. The error says what is wrong with which part; it is empty where no part is a
/// number.
fn sum(text: &str) -> Result<i64, String> {
    let mut micros = 0_i64;
    let mut rest = text;
    loop {
        let (number, after) = split(rest, |character| !character.is_ascii_digit());
        let (unit, after) = split(after, |character| !character.is_ascii_alphabetic());
        match (number, unit) {
            ("", _) if rest == text => return Err(String::new()),
            ("", _) => return Err(format!("{rest:?} does not begin with a number; {EXAMPLES}")),
            (_, "") if after.starts_with('.') => {
                return Err("a number with a unit has no fraction; write 90m or 1h30m for 1.5h".to_owned());
            }
            (number, "") => return Err(format!("{number} has no unit directly after it; {EXAMPLES}")),
            _ => {}
        }
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
            format!("there is no unit {unit:?}; the units are ms, s, m, h, d, w and y (365 days), as in 1h30m")
        })?;
        let part = number.parse().ok().and_then(|number: i64| number.checked_mul(*unit));
        micros = part
            .and_then(|part| micros.checked_add(part))
            .ok_or_else(|| "it is too long; the longest is 292,000y".to_owned())?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(micros);
        }
    }
}

fn split(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

/// For people, in at most two units: `0.35s`, `12.4s`, `6m10s`, `2h05m`, `3d04h`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.saturating_add(50_000) / 100_000;
        let seconds = self.0.saturating_add(500_000) / 1_000_000;
        let text = match seconds {
            _ if self.0 < 995_000 => format!("{:.2}s", self.seconds()),
            0..60 if tenths < 600 => format!("{}.{}s", tenths / 10, tenths % 10),
            0..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
            3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
            _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
        };
        f.pad(&text)
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.seconds())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecondsOrText)
    }
}

struct SecondsOrText;

impl Visitor<'_> for SecondsOrText {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 1h30m, or a number of seconds")
    }

    fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Duration, E> {
        Duration::from_seconds(seconds).map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Duration, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Duration, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(text: &str) -> Option<i64> {
        text.parse::<Duration>().ok().map(Duration::micros)
    }

    #[test]
    fn reads_units_and_bare_seconds() {
        assert_eq!(micros("1h30m"), Some(5_400_000_000));
        assert_eq!(micros(" 1h 30m "), micros("90m"));
        assert_eq!(micros("500ms"), Some(500_000));
        assert_eq!(micros("1y"), micros("365d"));
        assert_eq!(micros("12.5"), Some(12_500_000));
        assert_eq!([micros("0"), micros("0s")], [Some(0); 2]);
        for wrong in ["", ".", "1.2.3", "-1", "5x", "m", "1e3", "9999999999999w", "1.5h", "5M", "1h30", "2 h"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_error_names_the_part_that_is_wrong() {
        let error = |text: &str| text.parse::<Duration>().unwrap_err();
        let examples = "write 500ms, 90s, 15m, 1h30m, 7d, 1y or bare seconds";
        assert_eq!(error("soon"), format!("is not a duration: \"soon\"; {examples}"));
        assert_eq!(error(""), format!("is not a duration: \"\"; {examples}"));
        assert_eq!(error("1h30"), format!("is not a duration: \"1h30\": 30 has no unit directly after it; {examples}"));
        assert_eq!(
            error("18months"),
            "is not a duration: \"18months\": there is no unit \"months\"; the units are ms, s, m, h, d, w and y (365 days), \
             as in 1h30m"
        );
        assert!(error("1.5h").ends_with("write 90m or 1h30m for 1.5h"), "{}", error("1.5h"));
        assert!(error("1h and 5m").contains("\"and 5m\" does not begin with a number"), "{}", error("1h and 5m"));
    }

    #[test]
    fn settings_and_json_read_texts_and_seconds() {
        let read = |json: &str| serde_json::from_str::<Duration>(json).map_err(|error| error.to_string());
        assert_eq!(read("90"), Ok(Duration::from_secs(90)));
        assert_eq!(read("0.5"), Ok("500ms".parse().unwrap()));
        assert_eq!(read(r#""1m30s""#), read("90.0"));
        assert!(read(r#""5 apples""#).unwrap_err().contains("5 has no unit"));
        assert!(read("-1").is_err() && read("true").is_err());
        assert_eq!(serde_json::to_string(&Duration::from_secs(90)).unwrap(), "90.0");
        assert_eq!(std::time::Duration::from("1500ms".parse::<Duration>().unwrap()).as_millis(), 1500);
    }

    #[test]
    fn an_exact_text_reads_as_the_same() {
        for text in ["500ms", "90s", "13d", "2w", "1y", "0", "12.345678"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_exact_text(), text);
        }
    }

    proptest! {
        /// Of so many digits a float has no other.
        #[test]
        fn seconds_as_a_text_are_those_of_the_number(micros in 0..1_000_000_000_000_000_i64, zeros in 0..7_u32) {
            let micros = micros / 10_i64.pow(zeros) * 10_i64.pow(zeros);
            for micros in [micros, micros % 1_000_000] {
                let duration = Duration::from_micros(micros).unwrap();
                prop_assert_eq!(duration.to_seconds_text(), duration.seconds().to_string());
            }
        }
    }

    #[test]
    fn writes_what_a_person_reads() {
        let text = |seconds: f64| Duration::from_seconds(seconds).unwrap().to_string();
        let texts = [0.0, 0.354, 0.996, 12.44, 59.96, 370.0, 3599.7, 7500.0, 270_000.0].map(text);
        assert_eq!(texts, ["0.00s", "0.35s", "1.0s", "12.4s", "1m00s", "6m10s", "1h00m", "2h05m", "3d03h"]);
    }
}
