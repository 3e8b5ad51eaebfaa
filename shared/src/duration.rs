//! How long something took: whole microseconds, never negative.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

/// A duration in whole microseconds, never negative. On the wire it is a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(i64);

/// What is written with a unit.
const UNITS: [(&str, i64); 6] = [
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

impl Duration {
    /// From microseconds; `None` when negative.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        (micros >= 0).then_some(Self(micros))
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

    /// In the largest unit that divides it, so that it reads as the same again: `90s`, `14d`; else in bare seconds.
    #[must_use]
    pub fn to_exact_text(self) -> String {
        match UNITS.iter().rev().find(|(_, unit)| self.0 > 0 && self.0 % unit == 0) {
            Some((name, unit)) => format!("{}{name}", self.0 / unit),
            None => self.seconds().to_string(),
        }
    }

    /// In seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl FromStr for Duration {
    type Err = String;
    /// Reads `90s`, `15m`, `1h30m`, `500ms`, `7d`, `6w`, or bare seconds: `90`, `12.5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("is not a duration: {text:?}; write 500ms, 90s, 15m, 1h30m, 7d or bare seconds");
        let text = text.trim();
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Self::from_seconds(text.parse().map_err(|_| wrong())?);
        }
        let mut micros = 0_i64;
        let mut rest = text;
        while !rest.is_empty() {
            let (number, after) = split(rest, |character| !character.is_ascii_digit());
            let (unit, after) = split(after, |character| !character.is_ascii_alphabetic());
            let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
            let part = number.parse().ok().and_then(|number: i64| number.checked_mul(*unit));
            micros = part.and_then(|part| micros.checked_add(part)).ok_or_else(wrong)?;
            rest = after.trim_start();
        }
        Ok(Self(micros))
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
        Self::from_seconds(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Option<i64> {
        text.parse::<Duration>().ok().map(Duration::micros)
    }

    #[test]
    fn reads_units_and_bare_seconds() {
        assert_eq!(micros("1h30m"), Some(5_400_000_000));
        assert_eq!(micros("500ms"), Some(500_000));
        assert_eq!(micros("12.5"), Some(12_500_000));
        assert_eq!(micros("0"), Some(0));
        for wrong in ["", ".", "1.2.3", "-1", "5x", "m", "1e3", "9999999999999w", "1.5h"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn writes_what_a_person_reads() {
        let text = |seconds: f64| Duration::from_seconds(seconds).unwrap().to_string();
        let texts = [0.0, 0.354, 0.996, 12.44, 59.96, 370.0, 3599.7, 7500.0, 270_000.0].map(text);
        assert_eq!(texts, ["0.00s", "0.35s", "1.0s", "12.4s", "1m00s", "6m10s", "1h00m", "2h05m", "3d03h"]);
    }
}
