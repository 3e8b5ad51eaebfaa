//! One end of a time range, as people write it.

use std::fmt;
use std::str::FromStr;

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};

use crate::{Duration, TimeError, TimeInterval, Timestamp};

/// One end of a time range: a time, or a span back from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A time, or a whole second or minute.
    At(TimeInterval),
    /// This long before now; of a check, before each deployment that is judged.
    Ago(Duration),
}

impl Bound {
    /// The first time of the range, where this is its beginning.
    ///
    /// # Errors
    /// Before 1970.
    pub fn start(self, now: Timestamp) -> Result<Timestamp, TimeError> {
        match self {
            Self::At(time) => Ok(time.start),
            Self::Ago(span) => before(now, span),
        }
    }

    /// The last time of the range, where this is its end; included.
    ///
    /// # Errors
    /// Before 1970.
    pub fn end(self, now: Timestamp) -> Result<Timestamp, TimeError> {
        match self {
            Self::At(time) => Ok(time.end),
            Self::Ago(span) => before(now, span),
        }
    }
}

fn before(now: Timestamp, span: Duration) -> Result<Timestamp, TimeError> {
    Timestamp::from_micros(now.micros().saturating_sub(span.micros()))
}

impl Bound {
    /// Reads what [`TimeInterval::read`] does, a date alone (its beginning in `zone`), and spans back from now such as
    /// `2h` or `7d`.
    ///
    /// # Errors
    /// Anything else.
    pub fn read<Z: TimeZone>(text: &str, zone: &Z) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(date) = text.parse::<NaiveDate>()
            && text.len() == 10
        {
            return start_of_day(date, zone).map(Self::At).map_err(|error| error.to_string());
        }
        match TimeInterval::read(text, zone) {
            Ok(time) => Ok(Self::At(time)),
            // Bare seconds are refused: 2026 is rather a year.
            Err(TimeError::Malformed(_)) => {
                text.parse().ok().filter(|_| text.ends_with(char::is_alphabetic)).map(Self::Ago).ok_or_else(|| {
                    format!(
                        "is not a time: {text:?}; write 2026-01-05T09:30:00Z, \"2026-01-05 09:30:00\" or 2026-01-05 (UTC), \
                         or a span back from now: 90s, 15m, 2h, 7d, 6w, 1y, 1h30m"
                    )
                })
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reads what [`Self::read`] does, and what people type: `now`, `today`, `yesterday`, `2h ago`, `2 weeks ago`.
    ///
    /// # Errors
    /// Anything else.
    pub fn typed<Z: TimeZone>(text: &str, now: Timestamp, zone: &Z) -> Result<Self, String> {
        let words = text.trim().to_ascii_lowercase();
        let midnight = |days_ago| {
            let today = now.to_datetime().with_timezone(zone).date_naive();
            let date = today.checked_sub_days(Days::new(days_ago)).unwrap_or_default();
            start_of_day(date, zone).map(Self::At).map_err(|error| error.to_string())
        };
        match words.as_str() {
            "now" => Ok(Self::Ago(Duration::default())),
            "today" => midnight(0),
            "yesterday" => midnight(1),
            words => match words.strip_suffix(" ago").and_then(span_of_words) {
                Some(span) => Ok(Self::Ago(span)),
                None => Self::read(text, zone),
            },
        }
    }
}

/// The first second of a day, which is later than midnight where clocks skip that.
fn start_of_day<Z: TimeZone>(date: NaiveDate, zone: &Z) -> Result<TimeInterval, TimeError> {
    let mut quarters = (0..96).map(|quarter| date.and_time(NaiveTime::MIN) + TimeDelta::minutes(15 * quarter));
    let first = quarters.find_map(|local| zone.from_local_datetime(&local).earliest()).ok_or(TimeError::OutOfRange)?;
    let start = Timestamp::try_from(first.to_utc())?;
    Ok(TimeInterval { start, end: Timestamp::from_micros(start.micros() + 999_999)? })
}

/// `2h`, `1h 30m`, `2 weeks`, `1 day 4 hours`, `a week`.
fn span_of_words(text: &str) -> Option<Duration> {
    let mut short = String::new();
    for word in text.split_whitespace() {
        short.push_str(match word {
            "a" | "an" => "1",
            "second" | "seconds" | "sec" | "secs" => "s",
            "minute" | "minutes" | "min" | "mins" => "m",
            "hour" | "hours" => "h",
            "day" | "days" => "d",
            "week" | "weeks" => "w",
            "year" | "years" => "y",
            other => other,
        });
    }
    short.parse().ok().filter(|_| short.ends_with(char::is_alphabetic))
}

impl FromStr for Bound {
    type Err = String;
    /// As [`Bound::read`], in UTC.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text, &Utc)
    }
}

/// As it is read again: RFC 3339, a whole second as `YYYY-MM-DD hh:mm:ss`, a whole minute without its
/// seconds, a span in microseconds' precision.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) if time.start == time.end => f.pad(&time.start.to_rfc3339()),
            Self::At(time) if time.end.micros() - time.start.micros() < 1_000_000 => {
                f.pad(&time.start.to_seconds_text())
            }
            Self::At(time) => f.pad(time.start.to_seconds_text().get(..16).unwrap_or_default()),
            Self::Ago(span) => f.pad(&span.to_exact_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-05 09:30:00".parse().unwrap()
    }

    fn start(text: &str) -> String {
        text.parse::<Bound>().unwrap().start(now()).unwrap().to_string()
    }

    #[test]
    fn spans_reach_back_from_now() {
        assert_eq!(start("90s"), "2026-01-05T09:28:30.000000Z");
        assert_eq!(start("15m"), "2026-01-05T09:15:00.000000Z");
        assert_eq!(start("2h"), "2026-01-05T07:30:00.000000Z");
        assert_eq!(start("7d"), "2025-12-29T09:30:00.000000Z");
        assert_eq!(start("6w"), "2025-11-24T09:30:00.000000Z");
        assert_eq!(start("1y"), "2025-01-05T09:30:00.000000Z");
        assert_eq!(start("1h30m"), start("90m"));
        assert_eq!(start(" 1d 4h "), start("28h"));
    }

    #[test]
    fn times_dates_and_whole_seconds() {
        let end = |text: &str| text.parse::<Bound>().unwrap().end(now()).unwrap().to_string();
        assert_eq!(start("2026-01-05"), "2026-01-05T00:00:00.000000Z");
        assert_eq!(start("2026-01-05T11:30:00+02:00"), "2026-01-05T09:30:00.000000Z");
        assert_eq!(end("2026-01-05T09:30:00Z"), "2026-01-05T09:30:00.000000Z");
        assert_eq!(end("2026-01-05 09:30:00"), "2026-01-05T09:30:00.999999Z");
        assert_eq!(end("2026-01-05 10:30 +0100"), "2026-01-05T09:30:59.999999Z");
        assert_eq!(end("2026-01-05"), "2026-01-05T00:00:00.999999Z");
        assert_eq!(end("1h"), "2026-01-05T08:30:00.000000Z");
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in ["", "now", "yesterday", "5", "5M", "2 h ago", "-2h", "1.5h", "h", "2026-02-30", "2026-1-5"] {
            assert!(text.parse::<Bound>().is_err(), "{text:?}");
        }
        assert!("99999999999999999999w".parse::<Bound>().is_err());
        assert_eq!("99999w".parse::<Bound>().unwrap().start(now()), Err(TimeError::OutOfRange));
        assert!("1969-12-31 00:00:00".parse::<Bound>().unwrap_err().contains("1970"));
    }

    #[test]
    fn comes_back_from_its_own_text() {
        for text in [
            "90d",
            "1h30m",
            "500ms",
            "2026-01-05",
            "2026-01-05 09:30:00",
            "2026-01-05 09:30",
            "2026-01-05T09:30:00.25Z",
            "2026-01-05 09:30 +0130",
            "1767605400",
            "1767605400123",
        ] {
            let bound: Bound = text.parse().unwrap();
            assert_eq!(bound.to_string().parse(), Ok(bound), "{text}");
        }
    }

    #[test]
    fn what_people_type() {
        let typed = |text: &str| Bound::typed(text, now(), &Utc).unwrap().start(now()).unwrap().to_seconds_text();
        for (text, expected) in [
            ("now", "2026-01-05 09:30:00"),
            ("Today", "2026-01-05 00:00:00"),
            ("yesterday", "2026-01-04 00:00:00"),
            ("2h ago", "2026-01-05 07:30:00"),
            ("2 weeks ago", "2025-12-22 09:30:00"),
            ("a day ago", "2026-01-04 09:30:00"),
            ("an hour ago", "2026-01-05 08:30:00"),
            ("1 day 4 hours ago", "2026-01-04 05:30:00"),
            ("10 mins ago", "2026-01-05 09:20:00"),
            ("7d", "2025-12-29 09:30:00"),
            ("2026-01-03", "2026-01-03 00:00:00"),
        ] {
            assert_eq!(typed(text), expected, "{text}");
        }
        for text in ["ago", "5 ago", "2 months ago", "last week", "tomorrow", "monday", "in 2h", "-2h ago", "weeks ago"]
        {
            assert!(Bound::typed(text, now(), &Utc).is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_begins_at_the_first_moment_of_its_day_in_its_zone() {
        let start =
            |text: &str, zone| Bound::typed(text, now(), &zone).unwrap().start(now()).unwrap().to_seconds_text();
        assert_eq!(start("2026-10-25", chrono_tz::Europe::Berlin), "2026-10-24 22:00:00");
        assert_eq!(start("today", chrono_tz::Europe::Berlin), "2026-01-04 23:00:00");
        // It is 22:30 of the day before there.
        assert_eq!(start("today", chrono_tz::Pacific::Honolulu), "2026-01-04 10:00:00");
        assert_eq!(start("yesterday", chrono_tz::Pacific::Honolulu), "2026-01-03 10:00:00");
        // Clocks went from 0:00 to 1:00.
        assert_eq!(start("2025-03-30", chrono_tz::Asia::Beirut), "2025-03-29 22:00:00");
        // Clocks went from 24:00 back to 23:00.
        assert_eq!(start("2025-10-26", chrono_tz::Asia::Beirut), "2025-10-25 22:00:00");
    }
}
