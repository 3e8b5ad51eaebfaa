//! `/deployments/{id}`: one deployment, its timeline, and what is before and behind it.

use std::sync::Arc;

use maud::{Markup, html};
use steps_shared::view::gantt::Gantt;
use steps_shared::view::{notes, timeline};
use steps_shared::{Deployment, DeploymentDetail, DeploymentOutcome, Duration, Timestamp, escaped};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, ago, downloads, duration, known, moment, name, outcome, text};
use super::{answer, compare, links, live};
use crate::app::{Neighbours, Running};
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// All that the page shows.
struct Shown {
    detail: DeploymentDetail,
    running: Running,
    critical: Vec<Duration>,
    neighbours: Neighbours,
    now: Timestamp,
}

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let (access, id, app) = (request.access(), request.deployment(&context).await?, &context.app);
    let timeline = app.timeline(&access, id).await?;
    let detail = app.detail(&access, timeline).await?;
    let running = app.running_one(&access, &detail.deployment).await?;
    let neighbours = app.neighbours(&access, &detail.deployment).await?;
    let critical = app.critical(&detail);
    let shown = Shown { detail, running, critical, neighbours, now: app.now() };
    answer(&context, &request, move || shown.page()).await
}

impl Shown {
    fn page(self) -> Page {
        let deployment = &self.detail.deployment;
        let Deployment { component, version, environment, .. } = deployment;
        let filter = vec![("component", component.to_string()), ("environment", environment.to_string())];
        Page {
            title: format!("{component} {version}"),
            here: Here::Deployments,
            // One that has ended still may get another end, or a next one.
            live: Some(filter),
            main: self.main(),
        }
    }

    fn main(&self) -> Markup {
        let Self { detail, running, critical, neighbours, now } = self;
        let expected = running.expected.as_ref();
        let deployment = &detail.deployment;
        let Deployment { id, component, version, environment, .. } = deployment;
        let rows = timeline::timeline(detail, expected.map_or(*now, |expected| expected.at));
        let gantt = Gantt::new(deployment, &detail.timeline, &rows, expected, critical);
        html! {
            p.crumbs { a href=(links::HOME) { "Components" } }
            div.title {
                h1 class=[markup::long(component.as_str()).or(markup::long(version.as_str()))] {
                    a.quiet href=(links::component(component, environment)) { (name(component.as_str())) } " "
                    span.version { (name(version.as_str())) } (markup::environment(environment))
                }
                div #state data-swap { (outcome(deployment.outcome)) }
            }
            div #facts data-swap { (facts(detail, *now)) }
            div #now data-swap {
                @if expected.is_some() { section.card aria-label="How far it is" { (live::progress(running, *now)) } }
            }
            section aria-labelledby="timeline-title" {
                h2 #timeline-title { "Timeline" }
                div #timeline data-swap {
                    @if let Some(totals) = &rows.totals { p.faint { (text(totals)) } }
                    (super::timeline::table(&gantt, *now))
                }
            }
            nav.neighbours aria-label="Deployments before and after" #neighbours data-swap {
                (neighbour("Previous", neighbours.previous.as_ref(), *now))
                (neighbour("Next", neighbours.next.as_ref(), *now))
            }
            div #compare data-swap {
                @if deployment.duration.is_some() {
                    @if detail.usual.is_some() {
                        p { a href=(links::comparison(*id, None)) { "Compare with the last successful one, step by step" } }
                    }
                    details { summary { "Compare with any other deployment" } (compare::by_names(deployment)) }
                }
            }
            (downloads(&format!("/v1/deployments/{id}"), &[], &markup::FORMATS))
        }
    }
}

/// What, who, when, and how it compares.
fn facts(detail: &DeploymentDetail, now: Timestamp) -> Markup {
    let DeploymentDetail { deployment, usual, beside, .. } = detail;
    let Deployment { environment, owner, run, attempt, outcome, status, started_at, ended_at, duration: took, .. } =
        deployment;
    let compared = took.zip(*usual).map(|(took, usual)| took.seconds() - usual.seconds());
    html! {
        dl.facts {
            div {
                dt { @if *outcome == DeploymentOutcome::Running { "Running for" } @else { "Took" } }
                dd.big { (markup::took(deployment, now)) }
                @if let Some(usual) = usual {
                    dd.faint {
                        "usually " (duration(*usual))
                        @if let Some(more) = compared.filter(|more| more.abs() >= 1.0) {
                            " (" (Duration::from_seconds(more.abs()).map(duration).unwrap_or_default()) @if more > 0.0 { " longer" } @else { " less" } ")"
                        }
                    }
                }
            }
            div { dt { "Started" } dd { (moment(*started_at)) } dd.faint { (ago(*started_at, now)) } }
            @if let Some(ended_at) = ended_at { div { dt { "Ended" } dd { (moment(*ended_at)) } dd.faint { "with " (name(status.as_str())) } } }
            div { dt { "By" } dd { (name(owner.as_str())) } }
            div { dt { "To" } dd { (name(environment.as_str())) } }
            @if let Some(run) = run {
                div { dt { "Run" } dd { (name(run.as_str())) } @if let Some(attempt) = attempt { dd.faint { "attempt " (attempt) } } }
            }
            @if let Some(waiting) = deployment.waiting.filter(|waiting| waiting.micros() > 0) {
                div { dt { "Waiting" } dd { (duration(waiting)) } dd.faint { "of it, work " (known(deployment.work)) } }
            }
        }
        @for note in notes::of(deployment) { p.note { (text(&note)) } }
        @if let Some(beside) = beside { p.note { "It went on beside " a href=(links::deployment(*beside)) { "the one before it" } "." } }
    }
}

fn neighbour(which: &str, of: Option<&Deployment>, now: Timestamp) -> Markup {
    html! {
        @match of {
            None => { span.faint { "No " (which.to_lowercase()) " deployment" } }
            Some(deployment) => {
                a href=(links::deployment(deployment.id)) title=(escaped(deployment.version.as_str())) {
                    span.faint { (which) } " "
                    span.version { (name(deployment.version.as_str())) } " "
                    (outcome(deployment.outcome)) " "
                    (markup::took(deployment, now))
                }
            }
        }
    }
}
