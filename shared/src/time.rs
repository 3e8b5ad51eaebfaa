//! Times: UTC, whole microseconds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, MappedLocalTime, TimeZone, Timelike as _, Utc};
use serde::{Deserialize, Serialize};

use crate::written_time::Written;

/// A time: UTC, microseconds, from 1970 to the end of the year 9999.
///
/// On the wire it is RFC 3339 with six digits: `2026-01-05T09:30:00.000000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// 9999-12-31T23:59:59.999999Z in microseconds since 1970.
const LAST_MICROSECOND: i64 = 253_402_300_799_999_999;

/// Why a text is not a time. The message reads on after the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// None of the forms that are read.
    #[error("is not a time: {0:?}; write 2026-01-05T09:30:00Z (RFC 3339) or 2026-01-05 09:30:00 (UTC)")]
    Malformed(String),
    /// An offset whose `+` was decoded as a space.
    #[error("is not a time: {0:?}; a + in a query string is written %2B")]
    UnescapedPlus(String),
    /// The day and the month cannot be told apart.
    #[error("is not a time: in {0:?} nobody can tell the day from the month; write YYYY-MM-DD hh:mm:ss")]
    AmbiguousDate(String),
    /// A name of a zone: some stand for several offsets.
    #[error("is not a time: {0:?} names its zone; write its offset, as in 2026-01-05T09:30:00+01:00")]
    ZoneName(String),
    /// The clocks of the zone were put back over this local time.
    #[error("is there twice, because clocks were put back: {0:?}; add its offset, as in 2026-01-05T09:30:00+01:00")]
    Twice(String),
    /// The clocks of the zone were put forward over this local time.
    #[error("is a time that clocks skipped: {0:?}")]
    Skipped(String),
    /// Before 1970 or after 9999.
    #[error("is outside the years 1970 to 9999")]
    OutOfRange,
}

/// The first and the last microsecond of a time as it was written: both are the same where it is exact, else they are the
/// ends of a whole second or minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeInterval {
    /// The first microsecond.
    pub start: Timestamp,
    /// The last microsecond.
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

    /// The same, with 1970 for what is before it, and the end of 9999 for what is after.
    #[must_use]
    pub fn saturating_from_micros(micros: i64) -> Self {
        Self(micros.clamp(0, LAST_MICROSECOND))
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
        self.rfc3339().map(char::from).iter().collect()
    }

    /// The same as ASCII. Exports write millions of them.
    #[must_use]
    pub fn rfc3339(self) -> [u8; 27] {
        let time = self.to_datetime().naive_utc();
        let (year, micros) = (time.year().unsigned_abs(), time.nanosecond() / 1000);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        write_pair(&mut text, 0, year / 100);
        write_pair(&mut text, 2, year % 100);
        write_pair(&mut text, 5, time.month());
        write_pair(&mut text, 8, time.day());
        write_pair(&mut text, 11, time.hour());
        write_pair(&mut text, 14, time.minute());
        write_pair(&mut text, 17, time.second());
        write_pair(&mut text, 20, micros / 10_000);
        write_pair(&mut text, 22, micros / 100 % 100);
        write_pair(&mut text, 24, micros % 100);
        text
    }

    /// The old service's form, in whole seconds: `2026-01-05 09:30:00`.
    #[must_use]
    pub fn to_seconds_text(self) -> String {
        self.seconds_text().map(char::from).iter().collect()
    }

    /// The same as ASCII.
    #[must_use]
    pub fn seconds_text(self) -> [u8; 19] {
        let whole = self.rfc3339();
        let mut text = [b' '; 19];
        text[..10].copy_from_slice(&whole[..10]);
        text[11..].copy_from_slice(&whole[11..19]);
        text
    }
}

/// Writes the digits of a number below 100.
fn write_pair(text: &mut [u8; 27], at: usize, number: u32) {
    text[at..at + 2].copy_from_slice(&two_digits(number));
}

/// The digits of a number below 100.
pub(crate) fn two_digits(number: u32) -> [u8; 2] {
    const ALL: [[u8; 2]; 100] = {
        let mut all = [[b'0'; 2]; 100];
        let mut at = 0;
        while at < 100 {
            all[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
            at += 1;
        }
        all
    };
    ALL[number as usize % 100]
}

impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = TimeError;
    /// Fractions below a microsecond are cut off.
    fn try_from(time: DateTime<Utc>) -> Result<Self, TimeError> {
        Self::from_micros(time.timestamp_micros())
    }
}

impl TimeInterval {
    /// Reads a time: of what has no offset, `zone` says which instant it is.
    ///
    /// - RFC 3339, and the same with `+0100` or `+01`: exact.
    /// - `2026-01-05 09:30:00`, with `T` or with `/` in the date, without the seconds, with a fraction of up to nine digits,
    ///   and with an offset or `UTC` behind it; and RFC 2822.
    /// - The time since 1970 in seconds (10 digits), milliseconds (13), microseconds (16) or nanoseconds (19): from
    ///   September 2001 to November 2286. Seconds and milliseconds may have a fraction.
    ///
    /// What has neither a fraction nor an offset as in RFC 3339 is the whole second, and without seconds the whole minute.
    ///
    /// # Errors
    /// Anything else, a local time that the zone's clocks showed twice or not at all, and what is before 1970 or after 9999.
    pub fn read<Z: TimeZone>(text: &str, zone: &Z) -> Result<Self, TimeError> {
        let text = text.trim();
        let written = Written::read(text)?;
        let utc = match written.offset {
            Some(offset) => written.local - offset,
            None => match zone.from_local_datetime(&written.local) {
                MappedLocalTime::Single(time) => time.naive_utc(),
                MappedLocalTime::Ambiguous(..) => return Err(TimeError::Twice(text.to_owned())),
                MappedLocalTime::None => return Err(TimeError::Skipped(text.to_owned())),
            },
        };
        let start = Timestamp::try_from(utc.and_utc())?;
        Ok(Self { start, end: Timestamp::from_micros(start.0 + written.width)? })
    }
}

impl FromStr for TimeInterval {
    type Err = TimeError;
    /// As [`TimeInterval::read`], in UTC.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::read(text, &Utc)
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;
    /// The beginning of what [`TimeInterval`] reads.
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn is_written_as_chrono_writes_it(micros in 0..=LAST_MICROSECOND) {
            let time = Timestamp::from_micros(micros).unwrap();
            let chronos = |format| time.to_datetime().format(format).to_string();
            prop_assert_eq!(time.to_rfc3339(), chronos("%Y-%m-%dT%H:%M:%S%.6fZ"));
            prop_assert_eq!(time.to_seconds_text(), chronos("%Y-%m-%d %H:%M:%S"));
        }
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
    fn a_zone_says_which_moment_a_local_time_is() {
        let berlin =
            |text: &str| TimeInterval::read(text, &chrono_tz::Europe::Berlin).map(|time| time.start.to_rfc3339());
        assert_eq!(berlin("2026-07-01 12:00:00").unwrap(), "2026-07-01T10:00:00.000000Z");
        assert_eq!(berlin("2026-12-01 12:00").unwrap(), "2026-12-01T11:00:00.000000Z");
        assert_eq!(berlin("2026-12-01 12:00 UTC").unwrap(), "2026-12-01T12:00:00.000000Z");
        assert_eq!(berlin("1767605400").unwrap(), "2026-01-05T09:30:00.000000Z");
        assert!(matches!(berlin("2026-03-29 02:30:00"), Err(TimeError::Skipped(_))));
        assert!(matches!(berlin("2026-10-25 02:30"), Err(TimeError::Twice(_))));
    }

    #[test]
    fn a_minute_reaches_to_its_last_microsecond() {
        let minute: TimeInterval = "2026-01-05 09:30".parse().unwrap();
        assert_eq!(minute.end.to_rfc3339(), "2026-01-05T09:30:59.999999Z");
        assert_eq!("9999-12-31 23:59".parse::<TimeInterval>().unwrap().end.micros(), LAST_MICROSECOND);
    }

    #[test]
    fn writes_both_forms() {
        let time: Timestamp = "2026-01-05T09:30:00.012345Z".parse().unwrap();
        assert_eq!(time.to_rfc3339(), "2026-01-05T09:30:00.012345Z");
        assert_eq!(time.to_seconds_text(), "2026-01-05 09:30:00");
    }
}
