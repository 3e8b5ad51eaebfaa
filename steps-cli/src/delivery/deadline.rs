//! How long recording may take.

use std::time::Duration;

use tokio::time::Instant;

/// What keeping a step has at most, at the end of the time-out.
const MAX_KEEPING: Duration = Duration::from_millis(250);

/// Until when the server is asked, and until when everything is done: what the server has not taken is kept in between.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub asking: Instant,
    pub end: Instant,
}

impl Deadline {
    /// For what began at `begun`, and may take `timeout` altogether.
    pub fn new(begun: Instant, timeout: Duration) -> Self {
        let end = begun + timeout;
        Self { asking: end - MAX_KEEPING.min(timeout / 10), end }
    }
}
