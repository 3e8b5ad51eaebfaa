//! The clock, and how long to wait for the server.

use std::time;

use steps_shared::{Duration, TimeError, Timestamp};

/// The time now, by this machine's clock. The one place where the command reads it.
///
/// # Errors
/// A clock that is set outside the years 1970 to 9999.
pub fn now() -> Result<Timestamp, TimeError> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the command reads the clock")]
    let now = chrono::Utc::now();
    now.try_into()
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
