//! The tables of trends. Pure but for the place that they are written to, which is handed in.

use comfy_table::{Attribute, Cell, Color};
use steps_shared::{Cause, CauseShare, Environment, Estimate, LevelChange, StepPresence, Trend, TrendAnswer, Verdict};

use super::plot::{period_seconds, seconds};
use super::sentences::{date, length, percent, signed};
use crate::output::canvas::{Canvas, Glyphs};
use crate::output::grouped;
use crate::output::sparkline::sparkline;
use crate::output::table::{Head, lay_out_within};

/// The most weeks or sprints of a sparkline: the newest.
const MOST_SPARKS: f64 = 26.0;

/// Where tables are written, and how wide it is where they are to fit.
#[derive(Debug, Clone, Copy)]
pub struct Paper {
    /// Its characters and colours.
    pub canvas: Canvas,
    /// How wide it is, if anything needs to fit.
    pub width: Option<u16>,
}

/// A column, and what a trend has in it.
type Column<'a> = (Head, Box<dyn Fn(&Trend) -> Cell + 'a>);

/// A line for each trend, the most alarming first.
pub fn overview(answer: &TrendAnswer, paper: Paper) -> String {
    let glyphs = paper.canvas.glyphs;
    let text = |text: String| Cell::new_owned(text);
    let start = spark_start(answer);
    let weeks = if answer.by == "sprint" { "sprints" } else { "weeks" };
    let mut columns: Vec<Column<'_>> =
        vec![(Head::text("component"), Box::new(move |trend| text(trend.component.to_string())))];
    if answer.trends.iter().any(|trend| trend.environment != Environment::default()) {
        columns.push((Head::text("environment"), Box::new(move |trend| text(trend.environment.to_string()))));
    }
    let rest: [Column<'_>; 11] = [
        (Head::number("deploys").rank(8), Box::new(move |trend| text(grouped(trend.deployments.into())))),
        (Head::number("start").rank(4), Box::new(move |trend| text(trend.start_median.to_string()))),
        (Head::number("now"), Box::new(move |trend| text(trend.now_median.to_string()))),
        (Head::number("per week"), Box::new(move |trend| text(growth(trend)))),
        (Head::whole("95% within").rank(6), Box::new(move |trend| text(interval(trend, glyphs)))),
        (Head::whole("verdict"), Box::new(move |trend| verdict(trend.verdict, paper.canvas.colours))),
        (Head::text("cause").rank(1), Box::new(move |trend| text(cause(trend)))),
        (Head::whole(weeks).rank(2), Box::new(move |trend| text(spark(answer, trend, start, glyphs)))),
        (Head::whole("changed").rank(5), Box::new(move |trend| text(latest(trend, |change| date(change.started_at))))),
        (
            Head::text("at version").rank(7),
            Box::new(move |trend| text(latest(trend, |change| change.version.to_string()))),
        ),
        (
            Head::whole("level").rank(9),
            Box::new(move |trend| {
                let arrow = glyphs.pick("→", "->");
                text(latest(trend, |change| format!("{} {arrow} {}", change.before, change.after)))
            }),
        ),
    ];
    columns.extend(rest);
    let empty = |at: usize| at > 0 && answer.trends.iter().all(|trend| columns[at].1(trend).content().is_empty());
    let kept: Vec<_> = (0..columns.len()).filter(|at| !empty(*at)).collect();
    let heads: Vec<_> = kept.iter().map(|at| columns[*at].0).collect();
    let rows = answer.trends.iter().map(|trend| kept.iter().map(|at| columns[*at].1(trend)).collect());
    lay_out_within(paper.width, glyphs.pick("…", "~"), &heads, rows)
}

fn growth(trend: &Trend) -> String {
    trend.growth.as_ref().map_or_else(String::new, |growth| match growth.percent_per_week {
        Some(share) => percent(share.value),
        None => signed(growth.seconds_per_week.value, "+"),
    })
}

fn interval(trend: &Trend, glyphs: Glyphs) -> String {
    trend.growth.as_ref().map_or_else(String::new, |growth| match growth.percent_per_week {
        // A dash between two signs would be read as one.
        Some(Estimate { low, high, .. }) if low < 0.0 => format!("{low:.1} to {high:.1}"),
        Some(Estimate { low, high, .. }) => format!("{low:.1}{}{high:.1}", glyphs.pick("–", " to ")),
        None => format!("{} to {}", signed(growth.seconds_per_week.low, ""), signed(growth.seconds_per_week.high, "")),
    })
}

fn verdict(verdict: Verdict, colours: bool) -> Cell {
    let cell = Cell::new(verdict.name());
    match verdict {
        Verdict::Growing if colours => cell.fg(Color::Red),
        Verdict::Shrinking if colours => cell.fg(Color::Green),
        Verdict::NotEnoughData if colours => cell.add_attribute(Attribute::Dim),
        _ => cell,
    }
}

/// The share first: it is not what a narrow column may cut.
fn cause(trend: &Trend) -> String {
    let main = trend.main_cause().and_then(|part| Some((part, part.share?)));
    main.map_or_else(String::new, |(part, share)| format!("{:.0}% {}", share * 100.0, name(part)))
}

fn latest(trend: &Trend, told: impl Fn(&LevelChange) -> String) -> String {
    trend.change_points.last().map(told).unwrap_or_default()
}

/// When the sparklines begin: with the first period of any trend, but not too long before the last.
fn spark_start(answer: &TrendAnswer) -> f64 {
    let starts = || answer.trends.iter().flat_map(|trend| &trend.periods).map(|period| seconds(period.start));
    let longest = (MOST_SPARKS - 1.0) * period_seconds(answer);
    starts().fold(f64::INFINITY, f64::min).max(starts().fold(0.0, f64::max) - longest)
}

/// The medians of a trend; those of all trends begin at the same moment, so that they can be compared.
fn spark(answer: &TrendAnswer, trend: &Trend, start: f64, glyphs: Glyphs) -> String {
    let length = period_seconds(answer);
    let mut values = Vec::new();
    for period in trend.periods.iter().filter(|period| seconds(period.start) >= start) {
        let at = ((seconds(period.start) - start) / length).round() as usize;
        values.resize(at.max(values.len()), None);
        values.push(Some(period.median.seconds()));
    }
    sparkline(&values, glyphs)
}

/// A line for each step, and their sum.
pub fn parts(trend: &Trend, paper: Paper) -> Option<String> {
    let cause = trend.cause.as_ref().filter(|cause| !cause.parts.is_empty())?;
    let share = |share: Option<f64>| share.map(|share| format!("{:.0}%", share * 100.0)).unwrap_or_default();
    let row = |part: &CauseShare| {
        let CauseShare { before_seconds, after_seconds, change_seconds, share: of, change, .. } = part;
        let note = match change {
            Some(StepPresence::Appeared) => "new",
            Some(StepPresence::Vanished) => "gone",
            None => "",
        };
        let change = signed(*change_seconds, "+");
        vec![name(part), length(*before_seconds), length(*after_seconds), change, share(*of), note.to_owned()]
    };
    let total = vec![
        "total".to_owned(),
        cause.before.to_string(),
        cause.after.to_string(),
        signed(cause.change_seconds, "+"),
        share((cause.change_seconds != 0.0).then_some(1.0)),
        String::new(),
    ];
    let bold = |cell: Cell| if paper.canvas.colours { cell.add_attribute(Attribute::Bold) } else { cell };
    let mut rows: Vec<Vec<Cell>> =
        cause.parts.iter().map(|part| row(part).into_iter().map(Cell::new_owned).collect()).collect();
    rows.push(total.into_iter().map(|text| bold(Cell::new_owned(text))).collect());
    let mut heads = vec![
        Head::text("step"),
        Head::number("before"),
        Head::number("after"),
        Head::number("change"),
        Head::number("share"),
        Head::whole("note"),
    ];
    // Shares of what is no growth say nothing.
    let told = [(4, trend.explanation().is_some()), (5, cause.parts.iter().any(|part| part.change.is_some()))];
    for (column, _) in told.into_iter().rev().filter(|(_, told)| !told) {
        heads.remove(column);
        rows.iter_mut().for_each(|row| drop(row.remove(column)));
    }
    Some(lay_out_within(paper.width, paper.canvas.glyphs.pick("…", "~"), &heads, rows))
}

/// What the table of steps compares.
pub fn compared(trend: &Trend) -> Option<String> {
    let Cause { deployments_before, deployments_after, parts, .. } = trend.cause.as_ref()?;
    (!parts.is_empty()).then(|| {
        format!(
            "means of the first {deployments_before} and the last {deployments_after} deployments, outliers left out; of \
             parallel steps the one that ends last counts"
        )
    })
}

/// A line for each change of the level, where there are several.
pub fn changes(trend: &Trend, paper: Paper) -> Option<String> {
    if trend.change_points.len() < 2 {
        return None;
    }
    let heads = [
        Head::whole("changed"),
        Head::text("at version"),
        Head::text("recorded by"),
        Head::number("before"),
        Head::number("after"),
        Head::number("change"),
    ];
    let rows = trend.change_points.iter().map(|change| {
        let LevelChange { version, owner, started_at, before, after, change_percent, .. } = change;
        let by = change_percent.map(percent).unwrap_or_default();
        let texts =
            [date(*started_at), version.to_string(), owner.to_string(), before.to_string(), after.to_string(), by];
        texts.into_iter().map(Cell::new_owned).collect()
    });
    Some(lay_out_within(paper.width, paper.canvas.glyphs.pick("…", "~"), &heads, rows))
}

/// The step, or `waiting` for the time in which none was open.
fn name(part: &CauseShare) -> String {
    part.step.as_ref().map_or_else(|| "waiting".to_owned(), ToString::to_string)
}

#[cfg(test)]
#[path = "tables_tests.rs"]
mod tests;
