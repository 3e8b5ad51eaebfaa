//! `/check`: what `steps check` says, and a replay drawn on the deployments.

use std::sync::Arc;

use maud::{Markup, html};
use steps_shared::view::check::report;
use steps_shared::view::replay::{ReplaySummary, ReplayedLimit};
use steps_shared::view::scatter::Scatter;
use steps_shared::view::words::spaced;
use steps_shared::{
    Budget, CheckAnswer, CheckQuery, CheckResult, DeploymentFilter, DeploymentOutcome, Replay, StepFilter,
};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, name, text};
use super::{answer, chart, form, links};
use crate::app::Plotted;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// The most durations at the axis of the chart.
const MAX_TICKS: usize = 5;

/// What is a limit.
const LIMITS: [&str; 4] = ["max", "min", "baseline", "max_growth"];

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let given = form::read(&request)?;
    let pairs = links::without(&given, &[]);
    let is_asked = !form::given(&pairs, "component").is_empty()
        && LIMITS.iter().any(|limit| !form::given(&pairs, limit).is_empty());
    let mut shown = None;
    if is_asked {
        let query = CheckQuery::from_parameters(pairs.iter().map(|(name, value)| (name.into(), value.into())))?;
        let access = request.access();
        let checked = context.app.check(&access, query.clone()).await?;
        let points = match (&checked.replay, &query.step) {
            // The times of a step are not those of the deployments.
            (Some(replay), None) => context.app.plotted(&access, &replayed(&query, replay)).await?,
            _ => Vec::new(),
        };
        shown = Some((query, checked, points));
    }
    answer(&context, &request, move || {
        let main = html! {
            h1 { "Check" }
            p.lead { "Whether the last deployment is within its budget, as " code { "steps check" } " says it to a pipeline." }
            (fields(&pairs))
            div #check data-swap {
                @if let Some((query, checked, points)) = &shown { (result(query, checked, points)) }
            }
            @if let Some((query, _, _)) = &shown { (downloads(&pairs, query)) }
        };
        let component = form::given(&pairs, "component").to_owned();
        let live = is_asked.then(|| vec![("component", component)]);
        Page { title: "Check".to_owned(), here: Here::Check, live, main }
    })
    .await
}

/// What is said, and the deployments that it is said of.
fn downloads(pairs: &[(String, String)], query: &CheckQuery) -> Markup {
    let of = [("component", query.component.to_string()), ("environment", query.environment.to_string())];
    let of = of.map(|(name, value)| (name.to_owned(), value));
    html! {
        p.downloads { a href=(links::with("/v1/check", pairs)) { "JSON" } }
        p.faint { "All deployments of it:" }
        (markup::downloads("/v1/deployments", &of, &markup::FORMATS))
    }
}

fn replayed(query: &CheckQuery, replay: &Replay) -> DeploymentFilter {
    let base = StepFilter {
        component: Some(query.component.clone()),
        environment: Some(query.environment.clone()),
        since: Some(replay.since),
        until: Some(replay.until),
        ..StepFilter::default()
    };
    DeploymentFilter { base, outcome: Some(DeploymentOutcome::Succeeded), ..DeploymentFilter::default() }
}

fn fields(pairs: &[(String, String)]) -> Markup {
    let field = |label, name, placeholder| form::field(pairs, label, name, placeholder, 9);
    let own = ["component", "environment", "step", "max", "baseline", "max_growth", "replay"];
    html! {
        form.filters method="get" action=(links::CHECK) aria-label="What is checked" {
            label { "Component " input type="text" name="component" value=(form::given(pairs, "component")) required size="14"; }
            (field("Environment", "environment", "production"))
            (field("Step", "step", "whole"))
            (field("At most", "max", "10m"))
            (field("Baseline", "baseline", "p95"))
            (field("Growth", "max_growth", "2%/week"))
            (field("Replay", "replay", "90d"))
            (form::rest(pairs, &own))
            button { "Check" }
        }
        @if !LIMITS.iter().any(|limit| !form::given(pairs, limit).is_empty()) {
            p.faint { "Give a limit: the longest time, a percentile of those before, or the fastest growth. A replay tells how often it would have fired." }
        }
    }
}

fn class(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Within => "good",
        CheckResult::Over => "bad",
        CheckResult::NotEnoughData => "faint",
    }
}

fn result(query: &CheckQuery, checked: &CheckAnswer, points: &[Plotted]) -> Markup {
    let told = report(query, checked);
    html! {
        div.title { p.sentences { (text(&told.judged)) } span class={ "verdict " (class(told.result)) } { (told.result.name()) } }
        @if let Some(deployment) = &checked.deployment { p { a href=(links::deployment(deployment.id)) { "Its timeline" } } }
        table.rows {
            caption.hidden { "What each limit says" }
            thead { tr { th scope="col" { "Limit" } th scope="col" { "Result" } th scope="col" { "Why" } } }
            tbody {
                @for limit in &told.limits {
                    tr { th scope="row" { (spaced(&limit.label)) } td data-label="Result" { span class={ "verdict " (class(limit.result)) } { (limit.result.name()) } } td data-label="Why" { (spaced(&limit.reason)) } }
                }
            }
        }
        @if let Some(normal) = &told.new_normal { p.note { (spaced(normal)) "." } }
        @if let Some(summary) = &told.replay {
            section aria-labelledby="replay-title" {
                h2 #replay-title { "Replay" }
                @if let Some(of) = &checked.replay { (picture(&query.budget, of, points)) }
                (replay(summary))
            }
        }
        p { a href=(links::component(&checked.component, &checked.environment)) { "All deployments of " (name(checked.component.as_str())) } }
    }
}

/// The deployments, with those at which a limit would have fired.
fn picture(budget: &Budget, replay: &Replay, points: &[Plotted]) -> Markup {
    let Some(scatter) = Scatter::new(&chart::points(points), &[], MAX_TICKS) else { return html! {} };
    let fired = replay.budgets.iter().flat_map(|limit| &limit.firings);
    let fired: Vec<_> =
        fired.map(|firing| scatter.place(firing.deployment.started_at, firing.deployment.duration)).collect();
    let most = budget.max.map(|max| (scatter.durations.share(max.seconds()), max));
    let all = replay.budgets.iter().all(|limit| limit.firings.len() as u64 == u64::from(limit.over));
    let rings = if all { "a limit would have fired" } else { "the latest at which a limit would have fired" };
    chart::scatter_with(&scatter, &[], (&fired, rings), most)
}

fn replay(summary: &ReplaySummary) -> Markup {
    html! {
        p { (summary.since) ":" }
        @for ReplayedLimit { label, fired, unknown, latest, firings } in &summary.limits {
            p { strong { (spaced(label)) } " " (text(fired)) @if !unknown.is_empty() { span.faint { (unknown) } } "." }
            @if !firings.is_empty() {
                details {
                    summary { @match latest { Some(latest) => { "The latest " (latest) } None => { "Each of them" } } }
                    table {
                        caption.hidden { "Where " (label) " would have fired" }
                        thead { tr { th scope="col" { "Started (UTC)" } th scope="col" { "Version" } th scope="col" { "Why" } } }
                        tbody { @for line in firings.iter().rev() { tr { td { (line.started) } td { (name(&line.version)) } td { (spaced(&line.reason)) } } } }
                    }
                }
            }
        }
        @if let Some(together) = &summary.together { p { "Together they " (text(together)) "." } }
    }
}
