//! How fast a client must read a list: while it does not, others wait for the connection to the database.

use std::time::Duration;

/// The least speed of a client, in bytes a second (32 KiB).
const LEAST_SPEED: f64 = 32.0 * 1024.0;

/// How far a client is behind the least speed.
#[derive(Debug, Default)]
pub struct Pace {
    behind: Duration,
}

impl Pace {
    /// How much longer the client may keep the sender waiting, when it may be behind by `patience`.
    pub fn left(&self, patience: Duration) -> Duration {
        patience.saturating_sub(self.behind)
    }

    /// The client has taken so many bytes, for which the sender had to wait so long.
    pub fn taken(&mut self, bytes: usize, waited: Duration) {
        self.behind = (self.behind + waited).saturating_sub(Duration::from_secs_f64(bytes as f64 / LEAST_SPEED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_at_the_least_speed_is_never_behind_and_a_slower_one_soon_is() {
        let patience = Duration::from_secs(30);
        let left = |bytes: usize| {
            let mut pace = Pace::default();
            (0..100).for_each(|_| pace.taken(bytes, Duration::from_secs(1)));
            pace.left(patience)
        };
        assert_eq!((left(32 * 1024), left(1024)), (patience, Duration::ZERO));
        assert_eq!(left(24 * 1024), Duration::from_secs(5));
    }
}
