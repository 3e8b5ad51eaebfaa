//! The clock.

use steps_shared::{TimeError, Timestamp};

/// The time now, by this machine's clock. The one place where the command reads it.
///
/// # Errors
/// A clock that is set outside the years 1970 to 9999.
pub fn now() -> Result<Timestamp, TimeError> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the command reads the clock")]
    let now = chrono::Utc::now();
    now.try_into()
}
