//! One end of a time range, as people write it.

use std::fmt;
use std::str::FromStr;

use crate::{Duration, TimeError, TimeInterval, Timestamp};

/// One end of a time range: a time, or a span back from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A time, or a whole second.
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

impl FromStr for Bound {
    type Err = String;
    /// Reads what [`TimeInterval`] does, a date alone (its midnight, UTC), and spans such as `2h` or `7d`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let time = if text.len() == 10 { format!("{text} 00:00:00").parse() } else { text.parse() };
        match time {
            Ok(time) => Ok(Self::At(time)),
            Err(error @ TimeError::OutOfRange) => Err(error.to_string()),
            // Bare seconds are refused: 2026 is rather a year.
            Err(_) => {
                text.parse().ok().filter(|_| text.ends_with(char::is_alphabetic)).map(Self::Ago).ok_or_else(|| {
                    format!(
                        "is not a time: {text:?}; write 2026-01-05T09:30:00Z, \"2026-01-05 09:30:00\" or 2026-01-05 (UTC), \
                         or a span back from now: 90s, 15m, 2h, 7d, 6w, 1y, 1h30m"
                    )
                })
            }
        }
    }
}

/// As it is read again: RFC 3339, a whole second as `YYYY-MM-DD hh:mm:ss`, a span in microseconds' precision.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) if time.start == time.end => f.pad(&time.start.to_rfc3339()),
            Self::At(time) => f.pad(&time.start.to_seconds_text()),
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
        assert_eq!(end("1h"), "2026-01-05T08:30:00.000000Z");
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in ["", "now", "yesterday", "5", "5M", "2 h ago", "-2h", "1.5h", "h", "2026-02-30", "2026-1-5"] {
            assert!(text.parse::<Bound>().is_err(), "{text:?}");
        }
        assert!("2026-01-05T09:30:00".parse::<Bound>().is_err());
        assert!("99999999999999999999w".parse::<Bound>().is_err());
        assert_eq!("99999w".parse::<Bound>().unwrap().start(now()), Err(TimeError::OutOfRange));
        assert!("1969-12-31 00:00:00".parse::<Bound>().unwrap_err().contains("1970"));
    }

    #[test]
    fn comes_back_from_its_own_text() {
        for text in ["90d", "1h30m", "500ms", "2026-01-05", "2026-01-05 09:30:00", "2026-01-05T09:30:00.25Z"] {
            let bound: Bound = text.parse().unwrap();
            assert_eq!(bound.to_string().parse(), Ok(bound), "{text}");
        }
    }
}
