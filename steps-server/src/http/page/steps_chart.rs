//! What sprints consist of, as stacked columns.

use maud::{Markup, html};
use steps_shared::view::stacked::{Stacked, StackedStep};
use steps_shared::view::words::{date, spoken};

use super::markup::{duration, known, name, percent, signed, tick_label};

/// The height of the picture in pixels, and of what is below its field.
const HEIGHT: u32 = 260;
const BELOW: u32 = 24;
const ABOVE: u32 = 8;
const FIELD: u32 = HEIGHT - BELOW - ABOVE;

/// A date is written below at most so many columns.
const MAX_DATES: usize = 7;

/// The columns, a legend, and the same as a table.
pub fn stacked(stacked: &Stacked) -> Markup {
    let y = |share: f64| f64::from(ABOVE) + (1.0 - share) * f64::from(FIELD);
    let every = stacked.columns.len().div_ceil(MAX_DATES).max(1);
    html! {
        figure.chart {
            div.plot {
                svg.labels width="64" height=(HEIGHT) aria-hidden="true" {
                    @for tick in &stacked.durations.ticks {
                        text.n x="56" y=(format!("{:.0}", y(stacked.durations.share(tick.at)) + 4.0)) text-anchor="end" { (tick_label(tick)) }
                    }
                }
                svg.picture width="100%" height=(HEIGHT) role="img" aria-label=(label(stacked)) {
                    @for tick in &stacked.durations.ticks {
                        @let at = format!("{:.1}", y(stacked.durations.share(tick.at)));
                        line.grid x1="0" x2="100%" y1=(at) y2=(at) {}
                    }
                    @for (nth, column) in stacked.columns.iter().enumerate() {
                        @let [left, right] = column.place;
                        g {
                            @for (step, [low, high]) in &column.parts {
                                rect class=(class(stacked, *step)) x=(percent(left)) width=(percent(right - left))
                                    y=(format!("{:.1}", y(*high))) height=(format!("{:.1}", (high - low) * f64::from(FIELD))) {
                                    @let of = &stacked.steps[*step];
                                    title { (steps_shared::escaped(&of.name)) ": " (of.durations.get(nth).copied().flatten().map(spoken).unwrap_or_default()) ", sprint of " (date(column.start)) }
                                }
                            }
                        }
                        @if (stacked.columns.len() - 1 - nth).is_multiple_of(every) {
                            text x=(percent(f64::midpoint(left, right))) y=(HEIGHT - 6) text-anchor="middle" { (&date(column.start)[5..]) }
                        }
                    }
                }
            }
            figcaption.legend {
                @for (nth, step) in stacked.steps.iter().enumerate().rev() {
                    span { i class={ "key " (class(stacked, nth)) } {} (name(&step.name)) @if step.grows_most { " " span.bad { (signed(step.growth, "+")) } } }
                }
            }
            details {
                summary { "As a table" }
                (table(stacked))
            }
        }
    }
}

/// The class of a step: the one that grows most has the accent, and the others are shades.
fn class(stacked: &Stacked, step: usize) -> String {
    match stacked.steps.get(step) {
        Some(StackedStep { grows_most: true, .. }) => "part grows".to_owned(),
        _ => format!("part p{step}"),
    }
}

fn label(stacked: &Stacked) -> String {
    let growing = stacked.steps.iter().find(|step| step.grows_most);
    let growing = growing.map(|step| format!("; {} grows most", steps_shared::escaped(&step.name))).unwrap_or_default();
    format!("{} steps in {} sprints{growing}", stacked.steps.len(), stacked.columns.len())
}

fn table(stacked: &Stacked) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="The steps of each sprint" {
            table {
                caption.hidden { "The median time for which each step holds a deployment up, by sprint" }
                thead {
                    tr {
                        th scope="col" { "Sprint of" } th.n scope="col" { "Deployments" }
                        @for step in &stacked.steps { th.n scope="col" { (name(&step.name)) } }
                        th.n scope="col" { "Whole" }
                    }
                }
                tbody {
                    @for (nth, column) in stacked.columns.iter().enumerate().rev() {
                        tr {
                            th scope="row" { (date(column.start)) } td.n { (column.deployments) }
                            @for step in &stacked.steps { td.n { (known(step.durations.get(nth).copied().flatten())) } }
                            td.n { (duration(column.median)) }
                        }
                    }
                    tr { th scope="row" { "Change" } td {} @for step in &stacked.steps { td.n { (signed(step.growth, "+")) } } td {} }
                }
            }
        }
        p.faint { "Medians of what held deployments up; of parallel steps the one that ends last counts." }
    }
}
