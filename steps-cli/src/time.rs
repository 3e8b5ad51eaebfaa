//! The clock, and the times people write: moments, dates, and spans back from now.

use std::str::FromStr;
use std::time;

use steps_shared::{Duration, Moment, TimeError, Timestamp};

/// The time now, by this machine's clock. The one place where the command reads it.
///
/// # Errors
/// A clock that is set outside the years 1970 to 9999.
pub fn now() -> Result<Timestamp, TimeError> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the command reads the clock")]
    let now = chrono::Utc::now();
    now.try_into()
}

/// One end of `--since` and `--until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A moment, or a whole second.
    At(Moment),
    /// So long before now.
    Ago(Duration),
}

impl Bound {
    /// The moment from which `--since` reaches.
    pub fn start(self, now: Timestamp) -> Result<Timestamp, TimeError> {
        match self {
            Self::At(moment) => Ok(moment.start),
            Self::Ago(span) => before(now, span),
        }
    }

    /// The last moment that `--until` includes.
    pub fn end(self, now: Timestamp) -> Result<Timestamp, TimeError> {
        match self {
            Self::At(moment) => Ok(moment.end),
            Self::Ago(span) => before(now, span),
        }
    }
}

fn before(now: Timestamp, span: Duration) -> Result<Timestamp, TimeError> {
    Timestamp::from_micros(now.micros().saturating_sub(span.micros()))
}

impl FromStr for Bound {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let moment = if text.len() == 10 { format!("{text} 00:00:00").parse() } else { text.parse() };
        match moment {
            Ok(moment) => Ok(Self::At(moment)),
            Err(error @ TimeError::OutOfRange) => Err(error.to_string()),
            // Bare seconds are refused: 2026 is rather a year.
            Err(_) => {
                text.parse().ok().filter(|_| text.ends_with(char::is_alphabetic)).map(Self::Ago).ok_or_else(|| {
                    "write 2026-01-05T09:30:00Z, \"2026-01-05 09:30:00\" or 2026-01-05 (UTC), \
                 or a span back from now: 90s, 15m, 2h, 7d, 6w, 1h30m"
                        .to_owned()
                })
            }
        }
    }
}

/// Reads a timeout: a span, or bare seconds; from a millisecond to a day.
///
/// # Errors
/// Anything else.
pub fn parse_timeout(text: &str) -> Result<time::Duration, String> {
    let span: Duration =
        text.parse().map_err(|_| format!("is not a span of time: {text:?}; write 5s, 500ms or bare seconds"))?;
    match u64::try_from(span.micros()) {
        Ok(micros @ 1_000..=86_400_000_000) => Ok(time::Duration::from_micros(micros)),
        _ => Err(format!("must be from 1ms to 24h, not {text:?}")),
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
        assert_eq!(start("1h30m"), start("90m"));
        assert_eq!(start(" 1d 4h "), start("28h"));
    }

    #[test]
    fn moments_dates_and_whole_seconds() {
        let end = |text: &str| text.parse::<Bound>().unwrap().end(now()).unwrap().to_string();
        assert_eq!(start("2026-01-05"), "2026-01-05T00:00:00.000000Z");
        assert_eq!(start("2026-01-05T11:30:00+02:00"), "2026-01-05T09:30:00.000000Z");
        assert_eq!(end("2026-01-05T09:30:00Z"), "2026-01-05T09:30:00.000000Z");
        assert_eq!(end("2026-01-05 09:30:00"), "2026-01-05T09:30:00.999999Z");
        assert_eq!(end("1h"), "2026-01-05T08:30:00.000000Z");
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in ["", "now", "yesterday", "5", "5M", "1y", "2 h ago", "-2h", "1.5h", "h", "2026-02-30", "2026-1-5"] {
            assert!(text.parse::<Bound>().is_err(), "{text:?}");
        }
        assert!("2026-01-05T09:30:00".parse::<Bound>().is_err());
        assert!("99999999999999999999w".parse::<Bound>().is_err());
        assert_eq!("99999w".parse::<Bound>().unwrap().start(now()), Err(TimeError::OutOfRange));
        assert!("1969-12-31 00:00:00".parse::<Bound>().unwrap_err().contains("1970"));
    }

    #[test]
    fn timeouts_take_bare_seconds() {
        assert_eq!(parse_timeout("5"), Ok(time::Duration::from_secs(5)));
        assert_eq!(parse_timeout("5s"), Ok(time::Duration::from_secs(5)));
        assert_eq!(parse_timeout("500ms"), Ok(time::Duration::from_millis(500)));
        assert_eq!(parse_timeout("1.5"), Ok(time::Duration::from_millis(1500)));
        for text in ["", "0", "0s", "25h", "5 apples", "-1"] {
            assert!(parse_timeout(text).is_err(), "{text:?}");
        }
    }
}
