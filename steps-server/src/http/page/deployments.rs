//! `/deployments`: all of them, the newest first; and the table that other pages have, too.

use std::sync::Arc;

use maud::{Markup, html};
use steps_shared::view::notes;
use steps_shared::{
    Deployment, DeploymentFilter, DeploymentQuery, FieldError, FieldErrors, Filter as _, Order, Timestamp,
};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, ago, environment, name, outcome};
use super::{answer, form, links};
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// So many are on a page.
const PER_PAGE: u64 = 50;

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let given = form::read(&request)?;
    let mut errors: Vec<FieldError> = Vec::new();
    let before: Option<Timestamp> = form::value(&given, "before", &mut errors);
    let skip: u64 = form::value(&given, "skip", &mut errors).unwrap_or(0).min(1000);
    let pairs = links::without(&given, &["before", "skip"]);
    let filter = DeploymentFilter::from_parameters(pairs.iter().map(|(name, value)| (name.into(), value.into())));
    let mut filter = match filter {
        Ok(filter) if errors.is_empty() => filter,
        Ok(_) => return Err(FieldErrors(errors).into()),
        Err(FieldErrors(more)) => return Err(FieldErrors(errors.into_iter().chain(more).collect()).into()),
    };
    filter.base.until = before.or(filter.base.until);
    let query = DeploymentQuery {
        filter,
        order: Order::Descending,
        limit: Some(PER_PAGE + skip + 1),
        ..DeploymentQuery::default()
    };
    let mut list = context.app.short_list(&request.access(), query).await?;
    let now = context.app.now();
    answer(&context, &request, move || {
        list.drain(..list.len().min(usize::try_from(skip).unwrap_or(usize::MAX)));
        let has_more = list.len() > PER_PAGE as usize;
        list.truncate(PER_PAGE as usize);
        let main = html! {
            h1 { "Deployments" }
            (filters(&pairs))
            div #list data-swap {
                (table(&list, true, now))
                @if list.is_empty() { p.faint { "There are none." } }
                (older((links::DEPLOYMENTS, &pairs), &list, has_more, before, skip))
            }
            (markup::downloads("/v1/deployments", &links::changed(&pairs, "order", "desc"), &markup::FORMATS))
        };
        Page { title: "Deployments".to_owned(), here: Here::Deployments, live: Some(Vec::new()), main }
    })
    .await
}

fn filters(pairs: &[(String, String)]) -> Markup {
    let field = |label, name, placeholder| form::field(pairs, label, name, placeholder, 12);
    let own = ["component", "environment", "version", "owner", "outcome"];
    html! {
        form.filters method="get" action=(links::DEPLOYMENTS) aria-label="Filters" {
            (field("Component", "component", "any"))
            (field("Environment", "environment", "any"))
            (field("Version", "version", "any"))
            (field("Owner", "owner", "anybody"))
            label { "Outcome " (form::outcomes(form::given(pairs, "outcome"))) }
            (form::rest(pairs, &own))
            button { "Show" }
        }
    }
}

/// A table of deployments, with the component where they may be of several.
pub fn table(deployments: &[Deployment], with_component: bool, now: Timestamp) -> Markup {
    html! {
        table.rows.list {
            caption.hidden { "Deployments, the newest first" }
            thead {
                tr {
                    @if with_component { th scope="col" { "Component" } }
                    th scope="col" { "Version" } th scope="col" { "Outcome" } th.n scope="col" { "Took" } th scope="col" { "By" } th scope="col" { "Started" }
                }
            }
            tbody { @for deployment in deployments { (row(deployment, with_component, now)) } }
        }
    }
}

fn row(deployment: &Deployment, with_component: bool, now: Timestamp) -> Markup {
    let Deployment { id, component, environment: into, version, owner, outcome: how, started_at, .. } = deployment;
    let notes = notes::of(deployment);
    html! {
        tr {
            @if with_component { td data-label="Component" { a.quiet href=(links::component(component, into)) { (name(component.as_str())) } (environment(into)) } }
            th scope="row" { a.version href=(links::deployment(*id)) { (name(version.as_str())) } @for note in &notes { " " span.tag { (markup::text(note)) } } }
            td data-label="Outcome" { (outcome(*how)) }
            td.n data-label="Took" { (markup::took(deployment, now)) }
            td data-label="By" { (name(owner.as_str())) }
            td data-label="Started" { (ago(*started_at, now)) }
        }
    }
}

/// Where the list goes on.
pub fn older(
    (path, pairs): (&str, &[(String, String)]),
    shown: &[Deployment],
    has_more: bool,
    before: Option<Timestamp>,
    skip: u64,
) -> Markup {
    let next = place_behind(shown, before, skip).filter(|_| has_more).map(|(time, skip)| {
        let pairs = links::changed(&links::changed(pairs, "before", &time.to_rfc3339()), "skip", &skip.to_string());
        links::with(path, &pairs)
    });
    html! {
        nav.pages aria-label="Pages of deployments" {
            @if before.is_some() { a href=(links::with(path, pairs)) { "Newest" } }
            @if let Some(next) = next { a rel="next" href=(next) { "Older" } }
        }
    }
}

/// A place in a list: behind which moment, and how many of the ones of that moment were shown.
fn place_behind(shown: &[Deployment], before: Option<Timestamp>, skip: u64) -> Option<(Timestamp, u64)> {
    let last = shown.last()?;
    let same = shown.iter().rev().take_while(|other| other.started_at == last.started_at).count() as u64;
    let skipped = if before == Some(last.started_at) { skip } else { 0 };
    Some((last.started_at, same + skipped))
}
