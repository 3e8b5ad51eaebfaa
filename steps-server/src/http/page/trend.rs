//! `/trend`: what `steps trend` says, as tables and pictures.

use std::sync::Arc;

use maud::{Markup, html};
use steps_shared::view::chart::Chart;
use steps_shared::view::trend::{method, nothing, overview_note, sentences, title};
use steps_shared::view::trend_tables::{cause_note, cause_table};
use steps_shared::view::words::grouped;
use steps_shared::{PeriodKind, Trend, TrendAnswer, TrendQuery};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, duration, environment, name, text, verdict};
use super::rows::{growth, per_sprint, sparkline};
use super::{answer, chart, form, links};
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// The most durations at the axis of a chart.
const MAX_TICKS: usize = 6;

/// What the page is sorted by, and how that is called.
const SORTS: [(&str, &str); 6] = [
    ("component", "Component"),
    ("deployments", "Deployments"),
    ("start", "Median then"),
    ("now", "Median now"),
    ("growth", "Per sprint"),
    ("", "Verdict"),
];

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let given = form::read(&request)?;
    let sort = form::given(&given, "sort").to_owned();
    let pairs = links::without(&given, &["sort", "format", "safe"]);
    let query = TrendQuery::from_parameters(pairs.iter().map(|(name, value)| (name.into(), value.into())))?;
    let mut trends = context.app.trends(&request.access(), &query).await?;
    answer(&context, &request, move || {
        sort_by(&sort, &mut trends.trends);
        let main = html! {
            h1 { "Trend" }
            (filters(&pairs))
            div #trends data-swap {
                @match trends.trends.as_slice() {
                    [] => { p.faint.cap { (nothing(&trends, &query)) "." } }
                    [one] if query.component.is_some() => { (alone(&trends, one)) }
                    many => {
                        p.faint.cap { (overview_note(&trends, &query)) "." }
                        (table(&trends, many, &pairs, &sort))
                    }
                }
            }
            (markup::downloads("/v1/trend", &pairs, &markup::FORMATS))
        };
        Page { title: "Trend".to_owned(), here: Here::Trend, live: Some(of_component(&pairs)), main }
    })
    .await
}

/// Whose events change the page.
fn of_component(pairs: &[(String, String)]) -> Vec<(&'static str, String)> {
    let one = |name: &'static str| (name, form::given(pairs, name).to_owned());
    [one("component"), one("environment")].into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn sort_by(sort: &str, trends: &mut [Trend]) {
    let growth = |trend: &Trend| growth(trend).map_or(f64::NEG_INFINITY, |it| it.value);
    match sort {
        "component" => {
            trends.sort_by(|one, other| (&one.component, &one.environment).cmp(&(&other.component, &other.environment)))
        }
        "deployments" => trends.sort_by_key(|trend| std::cmp::Reverse(trend.deployments)),
        "start" => trends.sort_by_key(|trend| std::cmp::Reverse(trend.start_median)),
        "now" => trends.sort_by_key(|trend| std::cmp::Reverse(trend.now_median)),
        "growth" => trends.sort_by(|one, other| growth(other).total_cmp(&growth(one))),
        _ => {}
    }
}

fn filters(pairs: &[(String, String)]) -> Markup {
    let field = |label, name, placeholder| form::field(pairs, label, name, placeholder, 12);
    let own = ["component", "environment", "step", "since", "by"];
    let by = form::given(pairs, "by");
    html! {
        form.filters method="get" action=(links::TREND) aria-label="Filters" {
            (field("Component", "component", "all"))
            (field("Environment", "environment", "all"))
            (field("Step", "step", "whole"))
            (field("Since", "since", "90d"))
            label { "By " select name="by" { @for one in PeriodKind::ALL { option value=(one.name()) selected[one.name() == by] { (one.name()) } } } }
            (form::rest(pairs, &own))
            button { "Show" }
        }
    }
}

fn table(answer: &TrendAnswer, trends: &[Trend], pairs: &[(String, String)], sort: &str) -> Markup {
    html! {
        table.rows {
            caption.hidden { "The trend of each component" }
            thead {
                tr {
                    @for (of, text) in SORTS {
                        @let is_number = !matches!(of, "component" | "");
                        th scope="col" class=[is_number.then_some("n")] {
                            a href=(links::with(links::TREND, &links::changed(pairs, "sort", of))) aria-current=[(sort == of).then_some("true")] { (text) }
                        }
                    }
                    th scope="col" { "Medians by " (answer.by) }
                }
            }
            tbody {
                @for trend in trends {
                    tr {
                        @let of = links::changed(&links::changed(pairs, "component", trend.component.as_str()), "environment", trend.environment.as_str());
                        th scope="row" { a href=(links::with(links::TREND, &of)) { (name(trend.component.as_str())) } (environment(&trend.environment)) }
                        td.n data-label="Deployments" { (grouped(trend.deployments.into())) }
                        td.n data-label="Then" { (duration(trend.start_median)) }
                        td.n data-label="Now" { (duration(trend.now_median)) }
                        td.n data-label="Per sprint" { (per_sprint(trend)) }
                        td data-label="Verdict" { (verdict(trend.verdict)) }
                        td.picture data-label="Medians" { (sparkline(trend)) }
                    }
                }
            }
        }
    }
}

/// All that is told of one.
fn alone(answer: &TrendAnswer, trend: &Trend) -> Markup {
    html! {
        div.title { h2 { (text(&title(trend))) } (verdict(trend.verdict)) }
        p class={ "sentences" @if trend.step.is_none() { " cap" } } { (text(&sentences(answer, trend))) }
        @match Chart::new(answer, trend, MAX_TICKS) {
            Some(of) => { (chart::trend(&of)) (chart::notes(trend)) }
            None => { p.faint { "A picture needs two deployments." } }
        }
        details { summary { "As a table" } (chart::periods(trend)) (chart::changes(trend)) }
        @if let Some(table) = cause_table(trend) {
            section aria-labelledby="cause-title" {
                h2 #cause-title { "Which step" }
                (markup::table(&table, "What makes the difference, step by step"))
                @if let Some(note) = cause_note(trend) { p.faint.cap { (note) } }
            }
        }
        @if let Some(method) = method(trend) { p.faint.cap { (text(&method)) } }
        p { a href=(links::component(&trend.component, &trend.environment)) { "All deployments of " (name(trend.component.as_str())) } }
    }
}
