//! Times as people and programs write them, before a zone says which moment each is.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use crate::TimeError;

/// A time as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The date and the time of day.
    pub local: NaiveDateTime,
    /// How far ahead of UTC it is, where that is written.
    pub offset: Option<TimeDelta>,
    /// How many microseconds after `local` it still means: those of the second or minute that is not written out.
    pub width: i64,
}

/// What comes behind the time of day.
enum Zone {
    /// Nothing.
    None,
    /// So far ahead of UTC; `close` where nothing is between the time and it.
    Offset { ahead: TimeDelta, close: bool },
}

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

impl Written {
    /// Reads the forms that `TimeInterval::read` lists.
    pub fn read(text: &str) -> Result<Self, TimeError> {
        let wrong = || TimeError::Malformed(text.to_owned());
        if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return since_1970(text).ok_or_else(wrong);
        }
        let Some((date, rest)) = date(text) else {
            let mail = DateTime::parse_from_rfc2822(text)
                .map_err(|_| if is_ambiguous(text) { TimeError::AmbiguousDate(text.to_owned()) } else { wrong() })?;
            let ahead = TimeDelta::seconds(mail.offset().local_minus_utc().into());
            return Ok(Self { local: mail.naive_local(), offset: Some(ahead), width: SECOND - 1 });
        };
        let t_between = rest.starts_with(['T', 't']);
        let rest = rest.strip_prefix(['T', 't', ' ']).ok_or_else(wrong)?;
        let (time, width, rest) = time_of_day(rest).ok_or_else(wrong)?;
        let (offset, width) = match zone(rest, text)? {
            Zone::None => (None, width),
            // RFC 3339 names an instant.
            Zone::Offset { ahead, close } if close && t_between && width < SECOND => (Some(ahead), 0),
            Zone::Offset { ahead, close: _ } => (Some(ahead), width),
        };
        let local = date.and_time(NaiveTime::MIN).checked_add_signed(time).ok_or_else(wrong)?;
        Ok(Self { local, offset, width })
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970: their digits tell which.
fn since_1970(text: &str) -> Option<Written> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    if whole.starts_with('0') {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let (unit, width) = match whole.len() {
        10 => (SECOND, SECOND - 1),
        13 => (1000, 0),
        16 => (1, 0),
        19 if fraction.is_none() => return written(number / 1000, 0),
        _ => return None,
    };
    match fraction {
        None => written(number * unit, width),
        Some(fraction) if unit > 1 => written(number * unit + part_of_unit(fraction, unit)?, 0),
        Some(_) => None,
    }
}

fn written(micros: i64, width: i64) -> Option<Written> {
    let local = DateTime::from_timestamp_micros(micros)?.naive_utc();
    Some(Written { local, offset: Some(TimeDelta::zero()), width })
}

/// `YYYY-MM-DD` or `YYYY/MM/DD`, and what is behind it.
fn date(text: &str) -> Option<(NaiveDate, &str)> {
    let (year, rest) = number(text, 4)?;
    let separator = rest.chars().next().filter(|character| matches!(character, '-' | '/'))?;
    let (month, rest) = number(&rest[1..], 2)?;
    let (day, rest) = number(rest.strip_prefix(separator)?, 2)?;
    Some((NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?, rest))
}

/// `hh:mm[:ss[.fraction]]` since midnight, the microseconds that are not written out, and what is behind it.
fn time_of_day(text: &str) -> Option<(TimeDelta, i64, &str)> {
    let (hour, rest) = number(text, 2).filter(|(hour, _)| *hour < 24)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2).filter(|(minute, _)| *minute < 60)?;
    let minutes = TimeDelta::minutes((hour * 60 + minute).into());
    let Some(rest) = rest.strip_prefix(':') else { return Some((minutes, MINUTE - 1, rest)) };
    // 60 is a leap second.
    let (second, rest) = number(rest, 2).filter(|(second, _)| *second <= 60)?;
    let time = minutes + TimeDelta::seconds(second.into());
    let Some(rest) = rest.strip_prefix(['.', ',']) else { return Some((time, SECOND - 1, rest)) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, rest) = rest.split_at(digits);
    Some((time + TimeDelta::microseconds(part_of_unit(fraction, SECOND)?), 0, rest))
}

/// One to nine digits after the point, in microseconds; what is below one is cut off.
fn part_of_unit(digits: &str, unit: i64) -> Option<i64> {
    let fits = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let nanos: i64 = format!("{digits:0<9}").parse().ok().filter(|_| fits)?;
    Some(nanos * unit / 1_000_000_000)
}

/// So many digits, and what is behind them.
fn number(text: &str, digits: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    if number.bytes().all(|byte| byte.is_ascii_digit()) { Some((number.parse().ok()?, rest)) } else { None }
}

/// What follows the time of day: nothing, `Z`, `UTC`, `+01:00`, `+0100` or `+01`.
fn zone(rest: &str, text: &str) -> Result<Zone, TimeError> {
    let name = rest.trim_start();
    let close = name.len() == rest.len();
    let utc = ["Z", "UTC", "GMT"].iter().any(|utc| name.eq_ignore_ascii_case(utc));
    if name.is_empty() {
        return Ok(Zone::None);
    }
    if utc {
        return Ok(Zone::Offset { ahead: TimeDelta::zero(), close });
    }
    if let Some(ahead) = offset(name) {
        return Ok(Zone::Offset { ahead, close });
    }
    Err(match name.chars().next() {
        Some('0'..='9') if !close && offset(&format!("+{name}")).is_some() => TimeError::UnescapedPlus(text.to_owned()),
        Some(letter) if letter.is_ascii_alphabetic() && name.len() <= 32 && !name.contains(' ') => {
            TimeError::ZoneName(text.to_owned())
        }
        _ => TimeError::Malformed(text.to_owned()),
    })
}

/// `+01:00`, `+0100`, `+01`, or the same with `-`.
fn offset(text: &str) -> Option<TimeDelta> {
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = number(&text[1..], 2).filter(|(hours, _)| *hours < 24)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" if rest.is_empty() => 0,
        minutes => number(minutes, 2).filter(|(minutes, rest)| *minutes < 60 && rest.is_empty())?.0,
    };
    Some(TimeDelta::minutes(sign * i64::from(hours * 60 + minutes)))
}

/// Whether it begins as a date with the year last does: `03/04/2026`, `3.4.26`, `03-04-2026`.
fn is_ambiguous(text: &str) -> bool {
    let date = text.split([' ', 'T']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split(['/', '.', '-']).collect();
    let digits = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(digits) && parts[0].len() <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let Written { local, offset, width } = Written::read(text).unwrap_or_else(|error| panic!("{text:?} {error}"));
        let offset = offset.map_or_else(String::new, |offset| format!(" {}", offset.num_minutes()));
        format!("{}{offset} {width}", local.format("%Y-%m-%d %H:%M:%S%.f"))
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("2021-12-23 11:26:21 +0100", "2021-12-23 11:26:21 60 999999"),
            ("2016-08-12 15:23:28 UTC", "2016-08-12 15:23:28 0 999999"),
            ("2016-08-12 15:23:28 gmt", "2016-08-12 15:23:28 0 999999"),
            ("2026-11-01T10:00:00+0100", "2026-11-01 10:00:00 60 0"),
            ("2026-11-01T10:00:00-01:30", "2026-11-01 10:00:00 -90 0"),
            ("2026-11-01t10:00:00z", "2026-11-01 10:00:00 0 0"),
            ("2026-11-01 10:00:00+00", "2026-11-01 10:00:00 0 999999"),
            ("2026-11-01 10:00:00.123456+00", "2026-11-01 10:00:00.123456 0 0"),
            ("2026-11-01 10:00:00.1234569-08", "2026-11-01 10:00:00.123456 -480 0"),
            ("2026-11-01 10:00", "2026-11-01 10:00:00 59999999"),
            ("2026-11-01T10:00", "2026-11-01 10:00:00 59999999"),
            ("2026-11-01T10:00Z", "2026-11-01 10:00:00 0 59999999"),
            ("2026-11-01T10:00:00", "2026-11-01 10:00:00 999999"),
            ("2026-11-01 10:00:00,250", "2026-11-01 10:00:00.250 0"),
            ("2026/11/01 10:00:00", "2026-11-01 10:00:00 999999"),
            ("2016-12-31T23:59:60Z", "2017-01-01 00:00:00 0 0"),
            ("Thu, 23 Dec 2021 11:26:21 +0100", "2021-12-23 11:26:21 60 999999"),
            ("1767605400", "2026-01-05 09:30:00 0 999999"),
            ("1767605400.25", "2026-01-05 09:30:00.250 0 0"),
            ("1767605400123", "2026-01-05 09:30:00.123 0 0"),
            ("1767605400123.4567", "2026-01-05 09:30:00.123456 0 0"),
            ("1767605400123456", "2026-01-05 09:30:00.123456 0 0"),
            ("1767605400123456789", "2026-01-05 09:30:00.123456 0 0"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_refused_says_why() {
        let wrong = |text: &str| Written::read(text).unwrap_err();
        for text in ["03/04/2026", "3/4/2026 10:00", "03.04.2026 10:00:00", "03-04-26", "13/04/2026"] {
            assert!(matches!(wrong(text), TimeError::AmbiguousDate(_)), "{text}");
        }
        for text in ["2026-11-01 10:00:00 CET", "2026-11-01T10:00:00EST", "2026-11-01 10:00 Europe/Berlin"] {
            assert!(matches!(wrong(text), TimeError::ZoneName(_)), "{text}");
        }
        for text in ["2021-12-23 11:26:21  0100", "2026-11-01T10:00:00 01:00", "2026-11-01 10:00:00 00"] {
            assert!(matches!(wrong(text), TimeError::UnescapedPlus(_)), "{text}");
        }
        for text in [
            "2026-11-01 24:00",
            "2026-11-01 10:60",
            "2026-11-01 10:00:61",
            "2026-11-31 10:00",
            "2026-11/01 10:00",
            "2026-11-01  10:00",
            "2026-11-01 10:00:00 +25:00",
            "2026-11-01 10:00:00 +01:",
            "2026-11-01 10:00:00 +1",
            "2026-11-01 10:00:00 or so",
            "2026-11-01T10",
            "20261101",
            "0767605400",
            "176760540",
            "1767605400.",
            ".5",
            "1.7676054e9",
            "-1767605400",
            "9999999999999999999",
        ] {
            assert!(matches!(wrong(text), TimeError::Malformed(_)), "{text}");
        }
    }
}
