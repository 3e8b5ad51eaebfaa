//! What the fold depends on besides the steps.

use steps_shared::{Duration, Timestamp};

use super::fold::FoldRules;
use super::statuses::Statuses;
use crate::store::LAYOUT;

/// The version of the rules in `fold`. A change of them changes it, so that stored deployments are folded again; so
/// does another layout of timelines.
const RULES_VERSION: u32 = 2;

/// What each status means, and how long is long.
#[derive(Debug, Clone)]
pub struct FoldConfig {
    /// What each status means.
    pub statuses: Statuses,
    /// How long is long.
    pub rules: FoldRules,
    /// Which events are written of what is folded. No deployment depends on it.
    pub events: EventRules,
}

/// Which events are written.
#[derive(Debug, Clone, Copy)]
pub struct EventRules {
    /// Events are kept for so long, and none are written of what happened longer ago.
    pub keep: Duration,
    /// The clock.
    pub now: fn() -> Timestamp,
}

impl EventRules {
    /// Events are kept at least for so long, so that whoever reads them is not always too late.
    const MIN_KEEP: Duration = Duration::from_secs(60);

    /// What happened before this is not told, and events that were written before it are deleted.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        let keep = self.keep.max(Self::MIN_KEEP);
        Timestamp::saturating_from_micros((self.now)().micros().saturating_sub(keep.micros()))
    }
}

impl FoldConfig {
    /// All of it in one line: stored with the deployments that were folded by it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let FoldRules { abandon_after, settle_after } = self.rules;
        format!(
            "rules {RULES_VERSION}; layout {LAYOUT}; abandon {abandon_after}; settle {settle_after}; {}",
            self.statuses.fingerprint()
        )
    }
}
