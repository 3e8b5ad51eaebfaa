//! Trends as rows of a list.

use super::{CauseShare, Estimate, Trend};
use crate::resource::columns;
use crate::{Cell, Resource, Status};

/// What tables and CSV call the time in which no step was open.
pub const GAPS: &str = "(gaps)";

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
        /// How it is judged.
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
        /// How probable so much growth is where there is none.
        PValue = "p_value",
        /// The step that contributes most; `(gaps)` for the time in which none was open.
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

impl Resource for Trend {
    type Column = TrendColumn;
    const NAME: &'static str = "trends";

    fn cell(&self, column: TrendColumn) -> Cell<'_> {
        let growth = self.growth.as_ref();
        let seconds = |of: fn(&Estimate) -> f64| Cell::from(growth.map(|growth| of(&growth.seconds_per_week)));
        let percent = growth.and_then(|growth| growth.percent_per_week.as_ref());
        let percent = |of: fn(&Estimate) -> f64| Cell::from(percent.map(of));
        let change = self.change_points.last();
        match column {
            TrendColumn::Component => self.component.as_str().into(),
            TrendColumn::Environment => self.environment.as_str().into(),
            TrendColumn::Step => self.step.as_ref().map(Status::as_str).into(),
            TrendColumn::Deployments => self.deployments.into(),
            TrendColumn::FirstStartedAt => self.first_started_at.into(),
            TrendColumn::LastStartedAt => self.last_started_at.into(),
            TrendColumn::Verdict => self.verdict.name().into(),
            TrendColumn::StartMedianSeconds => self.start_median.into(),
            TrendColumn::NowMedianSeconds => self.now_median.into(),
            TrendColumn::PercentPerWeek => percent(|estimate| estimate.value),
            TrendColumn::PercentPerWeekLow => percent(|estimate| estimate.low),
            TrendColumn::PercentPerWeekHigh => percent(|estimate| estimate.high),
            TrendColumn::SecondsPerWeek => seconds(|estimate| estimate.value),
            TrendColumn::SecondsPerWeekLow => seconds(|estimate| estimate.low),
            TrendColumn::SecondsPerWeekHigh => seconds(|estimate| estimate.high),
            TrendColumn::PercentPerSprint => {
                growth.and_then(|growth| growth.percent_per_sprint).map(|estimate| estimate.value).into()
            }
            TrendColumn::SecondsPerSprint => growth.map(|growth| growth.seconds_per_sprint.value).into(),
            TrendColumn::PValue => growth.map(|growth| growth.p_value).into(),
            TrendColumn::Cause => self.main_cause().map(name).into(),
            TrendColumn::CauseShare => self.main_cause().and_then(|cause| cause.share).into(),
            TrendColumn::ChangePoints => Cell::count(self.change_points.len() as u64),
            TrendColumn::ChangedAt => change.map(|change| change.started_at).into(),
            TrendColumn::ChangedVersion => change.map(|change| change.version.as_str()).into(),
            TrendColumn::ChangedOwner => change.map(|change| change.owner.as_str()).into(),
            TrendColumn::ChangedFromSeconds => change.map(|change| change.before).into(),
            TrendColumn::ChangedToSeconds => change.map(|change| change.after).into(),
        }
    }
}

fn name(cause: &CauseShare) -> &str {
    cause.step.as_ref().map_or(GAPS, Status::as_str)
}
