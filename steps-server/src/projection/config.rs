//! What the fold depends on besides the steps.

use super::fold::FoldRules;
use super::statuses::Statuses;
use crate::store::LAYOUT;

/// The version of the rules in `fold`. A change of them changes it, so that stored deployments are folded again; so
/// does another layout of timelines.
const RULES_VERSION: u32 = 2;

/// What each status means, and how long is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldConfig {
    /// What each status means.
    pub statuses: Statuses,
    /// How long is long.
    pub rules: FoldRules,
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
