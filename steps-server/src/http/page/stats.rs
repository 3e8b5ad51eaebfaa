//! `/stats`: what `steps stats` says, as a table with bars.

use std::sync::Arc;

use maud::{Markup, html};
use steps_shared::view::stats::table;
use steps_shared::view::words::spoken;
use steps_shared::{Cell, GroupBy, Resource as _, StatsAnswer, StatsColumn, StatsQuery, StatsRow, escaped};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, name, percent};
use super::{answer, form, links};
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// The most groups that have a bar.
const MAX_BARS: usize = 40;

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let given = form::read(&request)?;
    let sort = form::given(&given, "sort").to_owned();
    let mut pairs = links::without(&given, &["sort", "format", "safe"]);
    if given.iter().all(|(name, _)| name != "by") {
        pairs.push(("by".to_owned(), "component".to_owned()));
    }
    let query = StatsQuery::from_parameters(pairs.iter().map(|(name, value)| (name.into(), value.into())))?;
    let mut stats = context.app.stats(&request.access(), &query).await?;
    answer(&context, &request, move || {
        sort_by(&sort, &mut stats.stats);
        let main = html! {
            h1 { "Statistics" }
            (filters(&pairs))
            div #stats data-swap {
                @if stats.stats.is_empty() { p.faint { "There are no deployments that this is about." } } @else {
                    (bars(&stats))
                    (sorting(&query, &pairs, &sort))
                    (markup::table(&table(&stats), "Statistics by group"))
                    p.faint { "Durations are of successful deployments." }
                }
            }
            (markup::downloads("/v1/stats", &pairs, &markup::FORMATS))
        };
        let component = form::given(&pairs, "component");
        let live = if component.is_empty() { Vec::new() } else { vec![("component", component.to_owned())] };
        Page { title: "Statistics".to_owned(), here: Here::Stats, live: Some(live), main }
    })
    .await
}

/// What the groups can be sorted by.
const SORTS: [(&str, &str); 5] = [
    ("", "name"),
    ("count", "count"),
    ("p50_seconds", "median"),
    ("p95_seconds", "p95"),
    ("failure_rate", "failure rate"),
];

/// Sorts by a column of numbers, the largest first; what is unknown comes last.
fn sort_by(sort: &str, stats: &mut [StatsRow]) {
    let Some(column) = StatsColumn::ALL.iter().find(|column| column.name() == sort && !sort.is_empty()) else { return };
    let value = |row: &StatsRow| match row.cell(*column) {
        Cell::Integer(number) => number as f64,
        Cell::Float(number) => number,
        Cell::Duration(duration) => duration.seconds(),
        _ => f64::NEG_INFINITY,
    };
    stats.sort_by(|one, other| value(other).total_cmp(&value(one)));
}

fn sorting(query: &StatsQuery, pairs: &[(String, String)], sort: &str) -> Markup {
    html! {
        @if !query.by.is_empty() {
            p.sorting {
                span.faint { "Sorted by " }
                @for (of, text) in SORTS {
                    a href=(links::with(links::STATS, &links::changed(pairs, "sort", of))) aria-current=[(sort == of).then_some("true")] { (text) } " "
                }
            }
        }
    }
}

fn filters(pairs: &[(String, String)]) -> Markup {
    let field = |label, name, placeholder| form::field(pairs, label, name, placeholder, 12);
    let own = ["by", "component", "environment", "owner", "tz"];
    let by = form::given(pairs, "by");
    let choices = [
        "component",
        "status",
        "owner",
        "environment",
        "day",
        "week",
        "month",
        "component,environment",
        "component,week",
    ];
    html! {
        form.filters method="get" action=(links::STATS) aria-label="Filters" {
            label { "By "
                select name="by" {
                    @if !by.is_empty() && !choices.contains(&by) { option value=(by) selected { (by) } }
                    @for one in choices { option value=(one) selected[one == by] { (one.replace(',', ", ")) } }
                }
            }
            (field("Component", "component", "all"))
            (field("Environment", "environment", "all"))
            (field("Owner", "owner", "anybody"))
            label { "Zone " input type="text" name="tz" value=(form::given(pairs, "tz")) placeholder="UTC" size="10"; }
            (form::rest(pairs, &own))
            button { "Show" }
        }
    }
}

/// The height of the bar of a group in pixels, and of what is free below it.
const BAR: u32 = 14;

/// A bar for each group: its median, and a line on to its 95th percentile.
fn bars(answer: &StatsAnswer) -> Markup {
    let known: Vec<&StatsRow> = answer.stats.iter().filter(|row| row.p50.is_some()).take(MAX_BARS).collect();
    let longest = known.iter().filter_map(|row| row.p95.or(row.p50)).max().map_or(0.0, |longest| longest.seconds());
    if known.len() < 2 || longest <= 0.0 {
        return html! {};
    }
    let is_time = |by: &String| [GroupBy::Day, GroupBy::Week, GroupBy::Month].iter().any(|time| time.name() == by);
    html! {
        table.bars {
            caption.hidden { "The median and the 95th percentile of each group" }
            tbody {
                @for row in &known {
                    @let (median, p95) = (row.p50.unwrap_or_default(), row.p95.or(row.p50).unwrap_or_default());
                    tr {
                        th scope="row" {
                            @for (nth, by) in answer.by.iter().enumerate() {
                                @if nth > 0 { " · " }
                                @let value = row.group.get(by).map(String::as_str).unwrap_or_default();
                                @if is_time(by) { (escaped(value)) } @else { (name(value)) }
                            }
                        }
                        td.bar {
                            svg.field width="100%" height=(BAR + 4) aria-hidden="true" {
                                line.reach x1="0" x2=(percent(p95.seconds() / longest)) y1=(BAR / 2 + 2) y2=(BAR / 2 + 2) {}
                                rect.took x="0" width=(percent(median.seconds() / longest)) y="2" height=(BAR) rx="2" {}
                            }
                        }
                        td.n { (spoken(median)) span.faint { " to " (spoken(p95)) } }
                    }
                }
            }
        }
    }
}
