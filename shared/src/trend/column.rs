//! The columns of a list of trends.

use crate::column::columns;

columns! {
    /// A column of a list of trends.
    TrendColumn {
        /// What was deployed.
        Component = "component",
        /// Where to.
        Environment = "environment",
        /// Which step the durations are of; empty where they are of the whole.
        Step = "step",
        /// How many deployments.
        Deployments = "deployments",
        /// When the first of them started.
        FirstStartedAt = "first_started_at",
        /// When the last of them started.
        LastStartedAt = "last_started_at",
        /// What is to be thought of it.
        Verdict = "verdict",
        /// The median at its beginning.
        StartMedianSeconds = "start_median_seconds",
        /// The median at its end.
        NowMedianSeconds = "now_median_seconds",
        /// The growth in percent a week.
        PercentPerWeek = "percent_per_week",
        /// The lower end of its interval.
        PercentPerWeekLow = "percent_per_week_low",
        /// The upper end.
        PercentPerWeekHigh = "percent_per_week_high",
        /// The growth in seconds a week.
        SecondsPerWeek = "seconds_per_week",
        /// The lower end of its interval.
        SecondsPerWeekLow = "seconds_per_week_low",
        /// The upper end.
        SecondsPerWeekHigh = "seconds_per_week_high",
        /// The growth in percent a sprint.
        PercentPerSprint = "percent_per_sprint",
        /// The growth in seconds a sprint.
        SecondsPerSprint = "seconds_per_sprint",
        /// Of the test of Mann and Kendall.
        PValue = "p_value",
        /// The step that contributes most; `(waiting)` for the time in which none was open.
        Cause = "cause",
        /// Its share, 0 to 1 and more.
        CauseShare = "cause_share",
        /// How many changes of the level.
        ChangePoints = "change_points",
        /// When the latest began.
        ChangedAt = "changed_at",
        /// With which version.
        ChangedVersion = "changed_version",
        /// By whom.
        ChangedOwner = "changed_owner",
        /// The median before it.
        ChangedFromSeconds = "changed_from_seconds",
        /// The median after it.
        ChangedToSeconds = "changed_to_seconds",
    }
}
