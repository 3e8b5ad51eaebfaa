//! What each status means for a deployment: which words begin, end or hold it up.

use std::collections::HashMap;

use steps_shared::StatusKind;

/// The words of each kind, as a setting gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusWords {
    /// End a deployment well.
    pub success: Vec<String>,
    /// End it badly.
    pub failure: Vec<String>,
    /// End it without saying whether it works.
    pub cancelled: Vec<String>,
    /// Begin one.
    pub start: Vec<String>,
    /// Nobody works.
    pub waiting: Vec<String>,
    /// Are not folded.
    pub ignored: Vec<String>,
}

/// Which statuses are not phases. Case, blanks, `-` and `_` make no difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses {
    kinds: HashMap<String, StatusKind>,
}

/// The documented end words of GitHub, GitLab, Jenkins, Azure DevOps, Buildkite, CircleCI, Argo, Spinnaker, Octopus and
/// TeamCity, and what people write by hand.
pub const SUCCESS: &[&str] = &[
    "succeeded",
    "success",
    "successful",
    "finished",
    "done",
    "completed",
    "complete",
    "deployed",
    "ok",
    "passed",
    "partially_succeeded",
    "succeeded_with_issues",
];

/// See [`SUCCESS`].
pub const FAILURE: &[&str] = &[
    "failed",
    "failure",
    "error",
    "errored",
    "unstable",
    "timeout",
    "timed_out",
    "startup_failure",
    "infrastructure_fail",
    "terminal",
    "failed_continue",
    "killed",
    "crashed",
    "rolled_back",
    "reverted",
];

/// See [`SUCCESS`].
pub const CANCELLED: &[&str] = &[
    "cancelled",
    "canceled",
    "aborted",
    "skipped",
    "omitted",
    "superseded",
    "neutral",
    "stale",
    "not_built",
    "not_run",
    "not_deployed",
    "stopped",
    "terminated",
    "rejected",
    "broken",
    "expired",
];

/// See [`SUCCESS`].
pub const START: &[&str] = &["started", "start", "begin"];

/// The waiting words of the same systems.
pub const WAITING: &[&str] = &[
    "queued",
    "pending",
    "waiting",
    "waiting_for_resource",
    "waiting_for_approval",
    "awaiting_approval",
    "approval",
    "approval_pending",
    "action_required",
    "blocked",
    "manual",
    "paused",
    "suspended",
    "on_hold",
    "scheduled",
    "buffered",
];

/// GitHub says of a deployment that a newer one has taken its place.
pub const IGNORED: &[&str] = &["inactive"];

/// Words of failure that take back a deployment that has ended.
const ROLLED_BACK: [&str; 2] = ["rolledback", "reverted"];

/// A status without what makes no difference: `Timed Out`, `timed-out` and `timed_out` are one word.
#[must_use]
pub fn normalized(status: &str) -> String {
    let kept = status.chars().filter(|character| !character.is_whitespace() && !matches!(character, '-' | '_'));
    kept.flat_map(char::to_lowercase).collect()
}

impl Default for StatusWords {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Self {
            success: words(SUCCESS),
            failure: words(FAILURE),
            cancelled: words(CANCELLED),
            start: words(START),
            waiting: words(WAITING),
            ignored: words(IGNORED),
        }
    }
}

impl Statuses {
    /// The meaning of each of these words. A word that stands in several lists has the first meaning of: ignored, start,
    /// failure, cancelled, success, waiting.
    #[must_use]
    pub fn new(words: &StatusWords) -> Self {
        let StatusWords { success, failure, cancelled, start, waiting, ignored } = words;
        let lists = [
            (waiting, StatusKind::Waiting),
            (success, StatusKind::Success),
            (cancelled, StatusKind::Cancelled),
            (failure, StatusKind::Failure),
            (start, StatusKind::Start),
            (ignored, StatusKind::Ignored),
        ];
        let mut kinds = HashMap::new();
        for (words, kind) in lists {
            kinds.extend(
                words.iter().map(|word| normalized(word)).filter(|word| !word.is_empty()).map(|word| (word, kind)),
            );
        }
        Self { kinds }
    }

    /// What a status means. A span takes time, so that it is never an end.
    #[must_use]
    pub fn kind(&self, status: &str, span: bool) -> StatusKind {
        self.kind_of_word(&normalized(status), span)
    }

    /// The same of a status that is [`normalized`] already.
    #[must_use]
    pub fn kind_of_word(&self, word: &str, span: bool) -> StatusKind {
        match self.kinds.get(word).copied().unwrap_or(StatusKind::Phase) {
            kind if span && kind.outcome().is_some() => StatusKind::Phase,
            kind => kind,
        }
    }

    /// Whether a status takes back a deployment that has ended, rather than ending one of its jobs.
    #[must_use]
    pub fn takes_back(status: &str) -> bool {
        ROLLED_BACK.contains(&normalized(status).as_str())
    }

    /// All of it in one line, the same for the same words.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut words: Vec<String> = self.kinds.iter().map(|(word, kind)| format!("{word}={kind}")).collect();
        words.sort_unstable();
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use steps_shared::DeploymentOutcome;

    use super::*;

    #[test]
    fn the_end_words_of_common_systems() {
        let statuses = Statuses::new(&StatusWords::default());
        let end = |status: &str| statuses.kind(status, false).outcome();
        for status in
            ["SUCCESS", "passed", "complete", "partially succeeded", "succeededWithIssues", "Partially-Succeeded"]
        {
            assert_eq!(end(status), Some(DeploymentOutcome::Succeeded), "{status}");
        }
        for status in
            ["UNSTABLE", "timeout", "Timed Out", "timed-out", "startup_failure", "TERMINAL", "killed", "Error"]
        {
            assert_eq!(end(status), Some(DeploymentOutcome::Failed), "{status}");
        }
        for status in ["cancelled", "Canceled", "skipped", "superseded", "neutral", "NOT_BUILT", "STOPPED", "rejected"]
        {
            assert_eq!(end(status), Some(DeploymentOutcome::Cancelled), "{status}");
        }
        assert_eq!((end("rolled back"), Statuses::takes_back("Rolled-Back")), (Some(DeploymentOutcome::Failed), true));
        assert_eq!(end("building"), None);
        assert_eq!(statuses.kind("Waiting for approval", false), StatusKind::Waiting);
        assert_eq!(statuses.kind("inactive", false), StatusKind::Ignored);
        assert_eq!(statuses.kind("Started", false), StatusKind::Start);
    }

    #[test]
    fn a_span_with_a_terminal_word_is_a_phase() {
        let statuses = Statuses::new(&StatusWords::default());
        assert_eq!(statuses.kind("deployed", true), StatusKind::Phase);
        assert_eq!(statuses.kind("approval", true), StatusKind::Waiting);
    }
}
