//! Times: UTC, whole microseconds, written and read in few and strict forms.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A time: UTC, microseconds, from 1970 to the end of the year 9999.
///
/// On the wire it is RFC 3339 with six digits: `2026-01-05T09:30:00.000000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// 9999-12-31T23:59:59.999999Z in microseconds since 1970.
const LAST_MICROSECOND: i64 = 253_402_300_799_999_999;

/// Why a text or number is not a time. The message reads on after the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Neither RFC 3339 nor the old service's form.
    #[error("is not a time: {0:?}; write 2026-01-05T09:30:00Z (RFC 3339) or 2026-01-05 09:30:00 (UTC)")]
    Malformed(String),
    /// An RFC 3339 offset whose `+` was decoded as a space.
    #[error("is not a time: {0:?}; a + in a query string is written %2B")]
    UnescapedPlus(String),
    /// Before 1970 or after 9999.
    #[error("is outside the years 1970 to 9999")]
    OutOfRange,
}

/// A time as it was written: either an instant, or (in the old service's form, which has no
/// fractions) a whole second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeInterval {
    /// The instant, or the beginning of the second.
    pub start: Timestamp,
    /// The same instant, or the last microsecond of the second.
    pub end: Timestamp,
}

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Outside the years 1970 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self, TimeError> {
        if (0..=LAST_MICROSECOND).contains(&micros) { Ok(Self(micros)) } else { Err(TimeError::OutOfRange) }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The same time in chrono's terms.
    #[must_use]
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// RFC 3339 with microseconds: `2026-01-05T09:30:00.000000Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.to_datetime().to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// The old service's form, in whole seconds: `2026-01-05 09:30:00`.
    #[must_use]
    pub fn to_seconds_text(self) -> String {
        let mut text = self.to_rfc3339();
        text.truncate(19);
        text.replace('T', " ")
    }
}

impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = TimeError;
    /// Fractions below a microsecond are cut off.
    fn try_from(time: DateTime<Utc>) -> Result<Self, TimeError> {
        Self::from_micros(time.timestamp_micros())
    }
}

impl FromStr for TimeInterval {
    type Err = TimeError;
    /// Reads RFC 3339, or `YYYY-MM-DD hh:mm:ss[.ffffff]` in UTC.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        if is_plain(text) {
            let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f")
                .map_err(|_| TimeError::Malformed(text.to_owned()))?;
            let start = Timestamp::try_from(time.and_utc())?;
            let end = if text.len() == 19 { Timestamp::from_micros(start.0 + 999_999)? } else { start };
            return Ok(Self { start, end });
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => {
                let start = Timestamp::try_from(time.to_utc())?;
                Ok(Self { start, end: start })
            }
            Err(_) if is_unescaped_plus(text) => Err(TimeError::UnescapedPlus(text.to_owned())),
            Err(_) => Err(TimeError::Malformed(text.to_owned())),
        }
    }
}

/// `dddd-dd-dd dd:dd:dd`, perhaps with a fraction. chrono alone is laxer: it takes `2026-1-5 9:3:0`.
fn is_plain(text: &str) -> bool {
    let shape = |text: &str| {
        text.bytes().zip(b"0000-00-00 00:00:00").all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *shape,
        })
    };
    match text.split_at_checked(19) {
        Some((seconds, fraction)) => {
            let digits = fraction.strip_prefix('.').unwrap_or_default();
            let fraction_fits = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            shape(seconds) && (fraction.is_empty() || fraction_fits)
        }
        None => false,
    }
}

fn is_unescaped_plus(text: &str) -> bool {
    text.rfind(' ').is_some_and(|space| {
        let mut restored = text.to_owned();
        restored.replace_range(space..=space, "+");
        DateTime::parse_from_rfc3339(&restored).is_ok()
    })
}

impl FromStr for Timestamp {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        text.parse::<TimeInterval>().map(|time| time.start)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimeError;
    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> String {
        time.to_rfc3339()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Result<i64, TimeError> {
        text.parse::<Timestamp>().map(Timestamp::micros)
    }

    #[test]
    fn reads_both_forms_to_the_microsecond() {
        assert_eq!(micros("1970-01-01 00:00:01"), Ok(1_000_000));
        assert_eq!(micros("1970-01-01 00:00:01.5"), Ok(1_500_000));
        assert_eq!(micros("1970-01-01T02:00:01.000002+02:00"), Ok(1_000_002));
        assert_eq!(micros("1970-01-01T00:00:00.0000019Z"), Ok(1));
    }

    #[test]
    fn a_whole_second_reaches_to_its_last_microsecond() {
        let second: TimeInterval = "2026-01-05 09:30:00".parse().unwrap();
        assert_eq!(second.end.to_rfc3339(), "2026-01-05T09:30:00.999999Z");
        let instant: TimeInterval = "2026-01-05T09:30:00Z".parse().unwrap();
        assert_eq!(instant.start, instant.end);
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in [
            "",
            "now",
            "2015-20-11 13:00:00",
            "2026-1-5 9:3:0",
            "2026-01-05",
            "2026-01-05T09:30:00",
            "12:00",
            "2026-01-05 09:30:00.",
            "2026-01-05 09:30:00.1234567890",
            "2026-02-30 00:00:00",
            "２026-01-05 09:30:00",
        ] {
            assert!(matches!(micros(text), Err(TimeError::Malformed(_))), "{text:?}");
        }
        assert_eq!(micros("1969-12-31 23:59:59"), Err(TimeError::OutOfRange));
        assert!(matches!(micros("2026-01-05T09:30:00 02:00"), Err(TimeError::UnescapedPlus(_))));
    }

    #[test]
    fn writes_both_forms() {
        let time: Timestamp = "2026-01-05T09:30:00.012345Z".parse().unwrap();
        assert_eq!(time.to_rfc3339(), "2026-01-05T09:30:00.012345Z");
        assert_eq!(time.to_seconds_text(), "2026-01-05 09:30:00");
    }
}
