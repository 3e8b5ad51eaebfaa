//! The timeline of a deployment as a table whose bars are to scale.

use maud::{Markup, html};
use steps_shared::Timestamp;
use steps_shared::view::gantt::{Gantt, GanttRow};
use steps_shared::view::timeline::RowKind;
use steps_shared::view::words::{share, spoken};

use super::markup::{class, known, name, percent, since, text, tick_label};

/// The height of a bar in pixels, and of its field.
const BAR: u32 = 14;
const FIELD: u32 = 22;

/// The table of a deployment; each row has a bar.
pub fn table(gantt: &Gantt, now: Timestamp) -> Markup {
    let has_path = gantt.rows.iter().any(|row| row.critical.micros() > 0);
    html! {
        table.gantt {
            caption.hidden { "The steps of the deployment, each with its bar, its time and its usual time" }
            thead {
                tr {
                    th scope="col" { "Step" }
                    th.bar scope="col" { span.hidden { "When" } (axis(gantt)) }
                    th.n scope="col" { "Time" }
                    th.n scope="col" { "Usual" }
                }
            }
            tbody { @for row in &gantt.rows { (table_row(gantt, row, now)) } }
        }
        p.legend {
            span { i.key.took {} "took its time" }
            @if has_path { span { i.key.critical {} "on the critical path: it held the deployment up" } }
            @if gantt.rows.iter().any(|row| row.row.kind == RowKind::Waited) { span { i.key.waited {} "waiting" } }
            @if gantt.rows.iter().any(|row| row.row.kind == RowKind::Gap) { span { i.key.gap {} "no step open" } }
            @if gantt.rows.iter().any(|row| row.usual_to.is_some()) { span { i.key.usual {} "usual time" } }
            @if gantt.rows.iter().any(|row| row.is_to_come) { span { i.key.to-come {} "to come" } }
        }
    }
}

fn table_row(gantt: &Gantt, row: &GanttRow, now: Timestamp) -> Markup {
    let GanttRow { row: of, critical, is_to_come, open_since, .. } = row;
    let is_critical = critical.micros() > 0;
    html! {
        tr class=[(of.kind == RowKind::Gap || *is_to_come).then_some("faint")] {
            th scope="row" class=(class(of.name_meaning())) {
                (name(&of.name))
                @if is_critical { span.hidden { " (critical path)" } }
                @if !of.note.is_empty() { " " span.tag.bad { (of.note) } }
            }
            td.bar { (bar(gantt, row)) }
            td.n {
                @match open_since {
                    Some(began) => { span.running { (since(*began, now)) } }
                    None if *is_to_come => { span.faint { "to come" } }
                    None if of.kind == RowKind::End => { span.faint { "end" } }
                    None => { (known(of.duration)) }
                }
                @if of.slow.is_some() { " " span.slow title="longer than nearly all before" { (text(&of.slow_text())) } }
            }
            td.n.faint { @if of.kind != RowKind::End { (known(of.usual)) } }
        }
    }
}

fn kind_class(row: &GanttRow) -> &'static str {
    match row.row.kind {
        _ if row.is_to_come => "to-come",
        RowKind::Took if row.row.slow.is_some() => "took warning",
        RowKind::Took => "took",
        RowKind::Failed => "failed",
        RowKind::Waited => "waited",
        RowKind::Unfinished => "unfinished",
        RowKind::Open if row.row.slow.is_some() => "open warning",
        RowKind::Open => "open",
        RowKind::Instant => "instant",
        RowKind::End => "end",
        RowKind::Gap => "gap",
    }
}

fn bar(gantt: &Gantt, row: &GanttRow) -> Markup {
    let GanttRow { row: of, critical, usual_to, open_since, .. } = row;
    let top = (FIELD - BAR) / 2;
    let is_mark = matches!(of.kind, RowKind::Instant | RowKind::End);
    let length = gantt.length.micros() as f64 / 1000.0;
    let says = of.duration.map(|took| match of.share {
        Some(of_all) => format!("{}: {} ({} of all)", of.name, spoken(took), share(of_all)),
        None => format!("{}: {}", of.name, spoken(took)),
    });
    let says = says.unwrap_or_else(|| of.name.clone());
    html! {
        svg.field width="100%" height=(FIELD) aria-hidden="true" {
            title { (steps_shared::escaped(&says)) }
            @for tick in &gantt.ticks { line.grid x1=(percent(tick.at)) x2=(percent(tick.at)) y1="0" y2=(FIELD) {} }
            @if let Some(usual_to) = usual_to {
                rect.usual x=(percent(of.from)) width=(percent(usual_to - of.from)) y=(top + BAR) height="3" {}
            }
            @if is_mark {
                circle class={ "mark " (class(of.meaning)) } cx=(percent(of.from)) cy=(FIELD / 2) r="4" {}
            } @else {
                rect class={ (kind_class(row)) @if critical.micros() > 0 { " critical" } }
                    x=(percent(of.from)) width=(percent((of.to - of.from).max(0.0))) y=(top) height=(BAR) rx="2"
                    data-from=[open_since.map(|began| began.micros() / 1000)] data-span=[open_since.map(|_| length)] {}
            }
            @if let Some(now) = gantt.now { line.now x1=(percent(now)) x2=(percent(now)) y1="0" y2=(FIELD) {} }
        }
    }
}

fn axis(gantt: &Gantt) -> Markup {
    html! {
        svg.axis width="100%" height="16" aria-hidden="true" {
            @for tick in &gantt.ticks {
                @let anchor = if tick.at < 0.04 { "start" } else if tick.at > 0.96 { "end" } else { "middle" };
                text x=(percent(tick.at)) y="12" text-anchor=(anchor) { (tick_label(tick)) }
            }
        }
    }
}
