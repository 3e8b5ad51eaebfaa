//! Deployments over time as a picture: points, the median of neighbours, where the level changed; and the chart of a trend.

use std::collections::BTreeSet;

use maud::{Markup, html};
use steps_shared::view::axis::{Axis, Tick};
use steps_shared::view::chart::{Chart, Mark, NoteMark};
use steps_shared::view::note;
use steps_shared::view::scatter::{CELLS, Dot, GridCell, Scatter, cell as grid_cell};
use steps_shared::view::trend_tables::changes_table;
use steps_shared::view::words::{date, grouped, spaced, spoken};
use steps_shared::{DeploymentOutcome, Duration, Sprints, Trend, escaped};

use super::links;
use super::markup::{self, known, name, path, percent, tick_label};
use crate::app::Plotted;

/// The height of a chart in pixels, with what is above and below its field, and the width of the labels at its left.
const HEIGHT: u32 = 320;
const ABOVE: u32 = 34;
const BELOW: u32 = 26;
const FIELD: u32 = HEIGHT - ABOVE - BELOW;

/// The most dates.
const MAX_DATES: usize = 6;

/// The longest text of a change, in characters.
const MAX_TEXT: usize = 24;

/// Deployments as points of a picture.
pub fn points(points: &[Plotted]) -> Vec<Dot> {
    let dot = |Plotted { started_at, outcome, duration }: &Plotted| Dot {
        started_at: *started_at,
        outcome: *outcome,
        duration: *duration,
    };
    points.iter().map(dot).collect()
}

/// The picture of deployments, with notes.
pub fn scatter(scatter: &Scatter, notes: &[NoteMark]) -> Markup {
    scatter_with(scatter, notes, (&[], ""), None)
}

/// The same with rings around some cells, and what they are, and a line at the longest that is allowed.
pub fn scatter_with(
    scatter: &Scatter,
    notes: &[NoteMark],
    (ringed, rings): (&[GridCell], &str),
    most: Option<(f64, Duration)>,
) -> Markup {
    let most = most.filter(|(share, _)| (0.0..=1.0).contains(share));
    let dates = scatter.dates(Sprints::default(), MAX_DATES);
    let label = format!(
        "{} cells with deployments over time",
        scatter.dots.iter().map(|(_, cells)| cells.len()).sum::<usize>()
    );
    let place = |tick: &Tick| scatter.time_share(tick.at);
    html! {
        figure.chart {
            (frame(&scatter.durations, &dates, place, &label, html! {
                (note_marks(notes, |at| scatter.time_share(at)))
                svg.field x="0" y=(ABOVE) width="100%" height=(FIELD) viewBox={ "0 0 " (CELLS.0) " " (CELLS.1) } preserveAspectRatio="none" {
                    @if !ringed.is_empty() { path.rings d=(dots(&ringed.iter().copied().collect())) {} }
                    @for (outcome, cells) in &scatter.dots { path class={ "dots " (outcome_class(*outcome)) } d=(dots(cells)) {} }
                    @if !scatter.above.0.is_empty() { path.dots.above d=(scatter.above.0.iter().map(|column| format!("M{column} 1h0")).collect::<String>()) {} }
                    @if scatter.medians.len() > 1 { path.medians d=(path(&scatter.medians)) {} }
                }
                @if let Some((share, max)) = most {
                    @let y = format!("{:.1}", f64::from(ABOVE) + (1.0 - share) * f64::from(FIELD));
                    line.most x1="0" x2="100%" y1=(y) y2=(y) { title { "at most " (spoken(max)) } }
                }
                @for change in &scatter.changes {
                    @let x = percent(change.at);
                    line.change x1=(x) x2=(x) y1=(ABOVE - 4) y2=(ABOVE + FIELD) {}
                    @let anchor = if change.at > 0.5 { "end" } else { "start" };
                    text.change x=(x) y=(12 + change.line as u32 * 15) text-anchor=(anchor) {
                        title { (escaped(&change.version)) " by " (escaped(&change.owner)) }
                        @if change.is_longer { "▲ " } @else { "▼ " } (short(&change.version)) " · " (short(&change.owner))
                    }
                }
            }))
            figcaption.legend {
                @for (outcome, _) in &scatter.dots { span { i class={ "key dot " (outcome_class(*outcome)) } {} (outcome.name()) } }
                @if scatter.neighbours > 0 { span { i.key.medians {} "median of " (scatter.neighbours) " neighbours" } }
                @if !scatter.changes.is_empty() { span { i.key.change {} "the level changed" } }
                @if !notes.is_empty() { span { i.key.noted {} "a note" } }
                @if !ringed.is_empty() { span { i.key.dot.rings {} (rings) } }
                @if let Some((_, max)) = most { span { i.key.most {} "at most " (spoken(max)) } }
                @if let Some(longest) = scatter.longest { span { i.key.dot.above {} (scatter.above.1) " took up to " (spoken(longest)) } }
            }
        }
    }
}

/// Notes by their numbers: a line, or the time from one to another.
fn note_marks(notes: &[NoteMark], share: impl Fn(f64) -> f64) -> Markup {
    html! {
        @for note in notes {
            @let (from, to) = (share(note.from), share(note.to));
            g.noted {
                title { (note.when) " " (escaped(&note.text)) " (" (escaped(&note.owner)) ")" }
                rect x=(percent(from)) width=(percent(to - from)) y=(ABOVE) height=(FIELD) {}
                line x1=(percent(from)) x2=(percent(from)) y1=(ABOVE) y2=(ABOVE + FIELD) {}
                text x=(percent(from)) y=(ABOVE + FIELD - 5) dx="4" { (note.number) }
            }
        }
    }
}

/// What every chart has: the axes.
fn frame(durations: &Axis, dates: &[Tick], place: impl Fn(&Tick) -> f64, label: &str, field: Markup) -> Markup {
    let height = |tick: &Tick| ABOVE as f64 + (1.0 - durations.share(tick.at)) * f64::from(FIELD);
    html! {
        div.plot {
            svg.labels width="64" height=(HEIGHT) aria-hidden="true" {
                @for tick in &durations.ticks { text.n x="56" y=(format!("{:.0}", height(tick) + 4.0)) text-anchor="end" { (tick_label(tick)) } }
            }
            svg.picture width="100%" height=(HEIGHT) role="img" aria-label=(label) {
                @for tick in &durations.ticks { @let y = format!("{:.1}", height(tick)); line.grid x1="0" x2="100%" y1=(y) y2=(y) {} }
                @for (nth, tick) in dates.iter().enumerate() {
                    @let share = place(tick);
                    @let anchor = if share < 0.05 { "start" } else if share > 0.95 { "end" } else { "middle" };
                    line.tick x1=(percent(share)) x2=(percent(share)) y1=(ABOVE + FIELD) y2=(ABOVE + FIELD + 5) {}
                    text class=[(nth % 2 == 1).then_some("minor")] x=(percent(share)) y=(HEIGHT - 6) text-anchor=(anchor) { (tick.label) }
                }
                (field)
            }
        }
    }
}

/// The chart of a trend: its points, medians of periods, the fitted line with its interval, changes.
pub fn trend(chart: &Chart) -> Markup {
    let dates = chart.dates(MAX_DATES);
    let cell = |(at, seconds): &(f64, f64)| -> GridCell {
        grid_cell(chart.time_share(*at), 1.0 - chart.durations.share(*seconds))
    };
    let points: BTreeSet<GridCell> = chart.points.iter().map(cell).collect();
    let at_edge = |points: &[(f64, f64)], row: u16| -> BTreeSet<GridCell> {
        points.iter().map(|point| (cell(point).0, row)).collect()
    };
    let medians: String = chart
        .medians
        .iter()
        .map(|median| path(&[cell(&(median.from, median.seconds)), cell(&(median.to, median.seconds))]))
        .collect();
    html! {
        figure.chart {
            (frame(&chart.durations, &dates, |tick| chart.time_share(tick.at), "durations over time, with what explains them", html! {
                (note_marks(&chart.notes, |at| chart.time_share(at)))
                svg.field x="0" y=(ABOVE) width="100%" height=(FIELD) viewBox={ "0 0 " (CELLS.0) " " (CELLS.1) } preserveAspectRatio="none" {
                    @if let Some(fit) = &chart.fit {
                        path.band d={ (path(&fit.band.iter().map(cell).collect::<Vec<_>>())) "Z" } {}
                        path.fit d=(path(&fit.line.iter().map(cell).collect::<Vec<_>>())) {}
                    }
                    path.dots.good d=(dots(&points)) {}
                    path.dots.above d={ (dots(&at_edge(&chart.above, 1))) (dots(&at_edge(&chart.below, CELLS.1 - 1))) } {}
                    path.periods d=(medians) {}
                }
                @for (nth, change) in chart.changes.iter().enumerate() {
                    @let at = chart.time_share(change.at);
                    line.change x1=(percent(at)) x2=(percent(at)) y1=(ABOVE - 4) y2=(ABOVE + FIELD) {}
                    @let anchor = if at > 0.5 { "end" } else { "start" };
                    text.change x=(percent(at)) y=(12 + (nth % 2) * 15) text-anchor=(anchor) { title { (escaped(&change.version)) } (short(&change.version)) }
                }
            }))
            figcaption.legend {
                @for (mark, words) in &chart.legend { span { i class={ "key " (mark_class(*mark)) } {} (spaced(words)) } }
                @if !chart.notes.is_empty() { span { i.key.noted {} "a note" } }
            }
        }
    }
}

fn mark_class(mark: Mark) -> &'static str {
    match mark {
        Mark::Point => "dot good",
        Mark::Median => "periods",
        Mark::Fit => "fit",
        Mark::Change => "change",
        Mark::Above | Mark::Below => "dot above",
    }
}

/// The class of the points of an outcome.
fn outcome_class(outcome: DeploymentOutcome) -> &'static str {
    match outcome {
        DeploymentOutcome::Succeeded => "good",
        DeploymentOutcome::Failed => "bad",
        DeploymentOutcome::Running => "running",
        DeploymentOutcome::Cancelled | DeploymentOutcome::Abandoned => "faint",
    }
}

/// A dot in each cell: a line of no length, which a round cap makes a dot. Each is written from the one before it.
fn dots(cells: &BTreeSet<GridCell>) -> String {
    let (mut path, mut last) = (String::new(), (0_i32, 0_i32));
    for (column, row) in cells {
        let at = (i32::from(*column), i32::from(*row));
        let (x, y) = (at.0 - last.0, at.1 - last.1);
        path.push_str(&format!("m{x}{}{y}h0", if y < 0 { "" } else { " " }));
        last = at;
    }
    path
}

/// A text that is cut where it is long.
fn short(text: &str) -> String {
    let text = escaped(text);
    if text.chars().count() <= MAX_TEXT {
        return text.into_owned();
    }
    format!("{}…", text.chars().take(MAX_TEXT - 1).collect::<String>())
}

/// What the numbers of the notes stand for.
pub fn notes(trend: &Trend) -> Markup {
    let lines = note::lines(trend);
    html! { @if !lines.is_empty() { ul.notes aria-label="Notes" { @for line in &lines { li { (markup::text(line)) } } } } }
}

/// The medians of periods as a table.
pub fn periods(trend: &Trend) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="Medians by period" {
            table {
                caption { "Medians by period" }
                thead { tr { th scope="col" { "From" } th.n scope="col" { "Deployments" } th.n scope="col" { "Median" } } }
                tbody {
                    @for period in trend.periods.iter().rev() {
                        tr { td { (date(period.start)) } td.n { (grouped(period.deployments.into())) } td.n { (known(period.median)) } }
                    }
                }
            }
        }
    }
}

/// The changes of the level as a table.
pub fn changes(trend: &Trend) -> Markup {
    html! {
        @if let Some(table) = changes_table(trend) { (markup::table(&table, "Changes of the level")) }
        @else if let Some(change) = trend.change_points.first() {
            p { "The level changed with " a href=(links::deployment(change.deployment_id)) { (name(change.version.as_str())) } ", deployed by " (name(change.owner.as_str())) ", on " (date(change.started_at)) ": from " (spoken(change.before)) " to " (spoken(change.after)) "." }
        }
    }
}
