//! One end of a time range, as people write it.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, TimeZone, Utc};

use crate::typed_time::{self, start_of_day};
use crate::{Duration, FieldError, TimeError, TimeInterval, Timestamp};

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
            Err(TimeError::Malformed(_)) => text
                .parse()
                .ok()
                .filter(|_| text.ends_with(char::is_alphabetic))
                .map(Self::Ago)
                .ok_or_else(|| format!("is not a time: {text:?}; {}", typed_time::EXAMPLES)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reads what [`Self::read`] does, and what people type: `yesterday`, `2 weeks ago`, `monday 10:30`, `last month`, `2026-11`.
    ///
    /// # Errors
    /// Anything else, and what could mean several times.
    pub fn typed<Z: TimeZone>(text: &str, now: Timestamp, zone: &Z) -> Result<Self, String> {
        Self::read(text, zone).or_else(|error| typed_time::read(text, now, zone).unwrap_or(Err(error)))
    }

    /// The value of `since` or `until` where a person typed it: in a form that programs read. `None` where it is another parameter,
    /// or is read as it stands; days and times of day are those of UTC. The older names, `start_datetime` and `end_datetime`, stay as
    /// strict as their clients know them.
    ///
    /// # Errors
    /// A time that could mean several.
    pub fn parameter(name: &str, value: &str, now: Timestamp) -> Option<Result<String, FieldError>> {
        if !matches!(name, "since" | "until") || value.parse::<Self>().is_ok() {
            return None;
        }
        let bound = typed_time::read(value, now, &Utc)?.map_err(|error| FieldError::wrong(name, error));
        Some(bound.map(|bound| bound.to_string()))
    }
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
            Self::Ago(span) if *span == Duration::default() => f.pad("0s"),
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
            "0s",
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
    fn parameters_are_typed_too() {
        let read = |name, value| Bound::parameter(name, value, now()).map(|read| read.map_err(|error| error.message));
        assert_eq!(read("since", "yesterday"), Some(Ok("2026-01-04 00:00:00".to_owned())));
        assert_eq!(read("until", "2 weeks ago"), Some(Ok("2w".to_owned())));
        assert_eq!(read("until", "yesterday 08:00"), Some(Ok("2026-01-04 08:00".to_owned())));
        for (name, value) in
            [("since", "7d"), ("since", "soon"), ("since", ""), ("component", "yesterday"), ("start_datetime", "2h")]
        {
            assert_eq!(read(name, value), None, "{name}={value}");
        }
        assert!(read("since", "10:30").unwrap().unwrap_err().contains("still to come"));
    }
}
