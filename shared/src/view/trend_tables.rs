//! The tables of trends: all of them, the steps of one, its changes of the level.

use super::chart::{period_seconds, seconds};
use super::sparkline::levels;
use super::table::{Table, TableCell, TableColumn};
use super::text::{Meaning, Sign, Text};
use super::words::{date, duration, grouped, share, signed_duration, signed_percent};
use crate::trend::GAPS;
use crate::{
    Cause, CauseShare, Duration, Environment, Estimate, LevelChange, Status, StepPresence, Trend, TrendAnswer, Verdict,
};

/// The most weeks or sprints of a sparkline: the newest.
const MAX_PERIODS: f64 = 26.0;

/// A row for each trend, in the order of the answer. Columns without a value are left out.
#[must_use]
pub fn overview(answer: &TrendAnswer) -> Table {
    let periods = if answer.by == "sprint" { "sprints" } else { "weeks" };
    let mut table = Table::new(vec![
        TableColumn::text("component"),
        TableColumn::text("environment"),
        TableColumn::number("deploys").rank(8),
        TableColumn::number("start").rank(4),
        TableColumn::number("now"),
        TableColumn::number("per week"),
        TableColumn::whole("95% within").rank(6),
        TableColumn::whole("verdict"),
        TableColumn::text("cause").rank(1),
        TableColumn::whole(periods).rank(2),
        TableColumn::whole("changed").rank(5),
        TableColumn::text("at version").rank(7),
        TableColumn::whole("level").rank(9),
        TableColumn::text("note").rank(10),
    ]);
    let start = first_period(answer);
    table.rows = answer.trends.iter().map(|trend| overview_row(answer, trend, start)).collect();
    let one_environment = answer.trends.iter().all(|trend| trend.environment == Environment::default());
    table.retain_columns(|at, empty| match at {
        0 => true,
        1 => !one_environment,
        _ => !empty,
    });
    table
}

fn overview_row(answer: &TrendAnswer, trend: &Trend, start: f64) -> Vec<TableCell> {
    let Trend { component, environment, deployments, verdict, start_median, now_median, change_points, .. } = trend;
    let change = change_points.last();
    vec![
        TableCell::of(component.to_string(), Meaning::Component),
        environment.to_string().into(),
        grouped((*deployments).into()).into(),
        start_median.to_string().into(),
        now_median.to_string().into(),
        growth(trend).into(),
        interval(trend).into(),
        TableCell::of(verdict.name(), Meaning::from(*verdict)),
        cause(trend).into(),
        sparkline(answer, trend, start),
        TableCell::known(change.map(|change| date(change.started_at))),
        TableCell::known(change.map(|change| &change.version)),
        change.map(level).unwrap_or_default().into(),
        TableCell::known(change.and_then(|change| trend.note_beside(change)).map(|(_, note)| &note.text)),
    ]
}

impl From<Verdict> for Meaning {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Growing | Verdict::Jumped => Self::Bad,
            Verdict::Shrinking | Verdict::Dropped => Self::Good,
            Verdict::Steady => Self::Plain,
            Verdict::NotEnoughData => Self::Faint,
        }
    }
}

fn growth(trend: &Trend) -> String {
    trend.growth.as_ref().map_or_else(String::new, |growth| match growth.percent_per_week {
        Some(percent) => signed_percent(percent.value),
        None => signed_duration(growth.seconds_per_week.value, "+"),
    })
}

fn interval(trend: &Trend) -> Text {
    let Some(growth) = &trend.growth else { return Text::default() };
    match growth.percent_per_week {
        // A dash before a minus sign would be read as one.
        Some(Estimate { low, high, .. }) if low < 0.0 => format!("{low:.1} to {high:.1}").into(),
        Some(Estimate { low, high, .. }) => {
            let mut text = Text::from(format!("{low:.1}"));
            text.sign(Sign::RangeDash, Meaning::Plain).say(format!("{high:.1}"));
            text
        }
        None => {
            let Estimate { low, high, .. } = growth.seconds_per_week;
            format!("{} to {}", signed_duration(low, ""), signed_duration(high, "")).into()
        }
    }
}

/// The share comes first, because a narrow column is cut at its end.
fn cause(trend: &Trend) -> String {
    let main = trend.main_cause().and_then(|part| Some((part, part.share?)));
    main.map_or_else(String::new, |(part, of)| format!("{} {}", share(of), part_name(part.step.as_ref(), part.waiting)))
}

/// `6m20s → 8m30s`.
fn level(change: &LevelChange) -> Text {
    let mut text = Text::from(format!("{} ", change.before));
    text.sign(Sign::Arrow, Meaning::Plain).say(format!(" {}", change.after));
    text
}

/// When the sparklines begin: with the first period of any trend, but not more than [`MAX_PERIODS`] before the last.
fn first_period(answer: &TrendAnswer) -> f64 {
    let starts = || answer.trends.iter().flat_map(|trend| &trend.periods).map(|period| seconds(period.start));
    let longest = (MAX_PERIODS - 1.0) * period_seconds(answer);
    starts().fold(f64::INFINITY, f64::min).max(starts().fold(0.0, f64::max) - longest)
}

/// The medians of a trend. Those of all trends begin at the same time, so that they can be compared.
fn sparkline(answer: &TrendAnswer, trend: &Trend, start: f64) -> TableCell {
    let length = period_seconds(answer);
    let mut values = Vec::new();
    for period in trend.periods.iter().filter(|period| seconds(period.start) >= start) {
        let at = ((seconds(period.start) - start) / length).round() as usize;
        values.resize(at.max(values.len()), None);
        values.push(period.median.map(Duration::seconds));
    }
    TableCell::Sparkline(levels(&values))
}

/// A row for each step of the cause, and one for their sum; `None` where there is no cause.
#[must_use]
pub fn cause_table(trend: &Trend) -> Option<Table> {
    let cause = trend.cause.as_ref().filter(|cause| !cause.parts.is_empty())?;
    let mut table = parts_table();
    table.rows = cause.parts.iter().map(cause_row).collect();
    let total = [
        "total".to_owned(),
        cause.before.to_string(),
        cause.after.to_string(),
        signed_duration(cause.change_seconds, "+"),
        if cause.change_seconds == 0.0 { String::new() } else { share(1.0) },
        String::new(),
    ];
    table.rows.push(total_row(total));
    // Shares of a difference that is no growth say nothing.
    let has_shares = trend.explanation().is_some();
    let has_notes = cause.parts.iter().any(|part| part.change.is_some() || !part.replaces.is_empty());
    table.retain_columns(|at, _| match at {
        4 => has_shares,
        5 => has_notes,
        _ => true,
    });
    Some(table)
}

fn cause_row(part: &CauseShare) -> Vec<TableCell> {
    let CauseShare { before_seconds, after_seconds, change_seconds, share: of, change, .. } = part;
    let note = presence(*change);
    let note = match &part.replaces[..] {
        [] => note.to_owned(),
        replaced => format!("was {}", replaced.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    vec![
        part_name(part.step.as_ref(), part.waiting).into(),
        duration(*before_seconds).into(),
        duration(*after_seconds).into(),
        signed_duration(*change_seconds, "+").into(),
        TableCell::known(of.map(share)),
        note.into(),
    ]
}

/// What [`cause_table`] compares.
#[must_use]
pub fn cause_note(trend: &Trend) -> Option<String> {
    let Cause { deployments_before, deployments_after, parts, .. } = trend.cause.as_ref()?;
    (!parts.is_empty()).then(|| {
        format!(
            "means of the first {deployments_before} and the last {deployments_after} deployments, outliers left out; of \
             parallel steps the one that ends last counts, and waiting only where nobody works"
        )
    })
}

/// A row for each change of the level; `None` for fewer than two, because the sentences tell the latest.
#[must_use]
pub fn changes_table(trend: &Trend) -> Option<Table> {
    if trend.change_points.len() < 2 {
        return None;
    }
    let mut table = Table::new(vec![
        TableColumn::whole("changed"),
        TableColumn::text("at version"),
        TableColumn::text("deployed by"),
        TableColumn::number("before"),
        TableColumn::number("after"),
        TableColumn::number("change"),
        TableColumn::text("note"),
    ]);
    let row = |change: &LevelChange| {
        let LevelChange { version, owner, started_at, before, after, change_percent, .. } = change;
        let by = change_percent.map(signed_percent).unwrap_or_default();
        let note = trend.note_beside(change).map(|(number, note)| format!("{number} {}", note.text));
        let words =
            [date(*started_at), version.to_string(), owner.to_string(), before.to_string(), after.to_string(), by];
        words.into_iter().chain([note.unwrap_or_default()]).map(TableCell::from).collect()
    };
    table.rows = trend.change_points.iter().map(row).collect();
    table.retain_columns(|at, empty| at < 6 || !empty);
    Some(table)
}

/// An empty table of parts of a difference.
pub(super) fn parts_table() -> Table {
    Table::new(vec![
        TableColumn::text("step"),
        TableColumn::number("before"),
        TableColumn::number("after"),
        TableColumn::number("change"),
        TableColumn::number("share"),
        TableColumn::whole("note"),
    ])
}

/// The row of their sum.
pub(super) fn total_row(words: [String; 6]) -> Vec<TableCell> {
    words.into_iter().map(|words| TableCell::of(words, Meaning::Strong)).collect()
}

/// The note of a step that only one of two has.
pub(super) fn presence(change: Option<StepPresence>) -> &'static str {
    match change {
        Some(StepPresence::Appeared) => "new",
        Some(StepPresence::Vanished) => "gone",
        None => "",
    }
}

/// The step, and whether nobody works in it; `(gaps)` for the time in which none was open.
pub(super) fn part_name(step: Option<&Status>, waiting: bool) -> String {
    let waiting = if waiting { " (waiting)" } else { "" };
    step.map_or_else(|| GAPS.to_owned(), |step| format!("{step}{waiting}"))
}

#[cfg(test)]
#[path = "trend_tables_tests.rs"]
mod tests;
