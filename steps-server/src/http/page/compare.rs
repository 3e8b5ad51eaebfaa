//! `/deployments/{id}/compare`: a deployment beside another one, step by step.

use std::sync::Arc;

use maud::{Markup, html};
use steps_shared::view::comparison::{sentence, table};
use steps_shared::view::words::{date, spoken};
use steps_shared::{
    Comparison, ComparisonQuery, Component, Deployment, DeploymentFilter, DeploymentOutcome, DeploymentQuery, Duration,
    FieldError, FieldErrors, Order, StepFilter, StepId, escaped,
};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, downloads, name, percent, text};
use super::{answer, form, links, see_other};
use crate::app::Access;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// So many of the newest deployments are offered to compare with.
const MAX_CHOICES: u64 = 60;

/// What names another deployment, in a form.
const NAMES: [&str; 3] = ["component", "environment", "version"];

/// The height of a bar in pixels; there are two in a field.
const BAR: u32 = 8;

/// All that the page shows.
struct Shown {
    comparison: Comparison,
    choices: Vec<Deployment>,
}

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let given = form::read(&request)?;
    let api = links::without(&given, &NAMES);
    let query = ComparisonQuery::from_parameters(api.iter().map(|(name, value)| (name.into(), value.into())))?;
    let (access, id, app) = (request.access(), request.deployment(&context).await?, &context.app);
    if query.with.is_none() && NAMES.iter().any(|name| !form::given(&given, name).is_empty()) {
        let with = named(&context, &access, id, &given).await?;
        return see_other(&links::comparison(id, Some(with)));
    }
    let comparison = app.compare(&access, id, query.with).await?;
    let Deployment { component, environment, .. } = &comparison.deployment;
    let base = StepFilter {
        component: Some(component.clone()),
        environment: Some(environment.clone()),
        ..StepFilter::default()
    };
    let list = DeploymentQuery {
        filter: DeploymentFilter { base, ..DeploymentFilter::default() },
        order: Order::Descending,
        limit: Some(MAX_CHOICES),
        ..DeploymentQuery::default()
    };
    let choices = app.short_list(&access, list).await?;
    let shown = Shown { comparison, choices };
    answer(&context, &request, move || shown.page()).await
}

/// The newest deployment of the names in a form that has a duration, and is another one; a successful one before all others.
async fn named(context: &Context, access: &Access, id: StepId, given: &[(String, String)]) -> Result<StepId, ApiError> {
    let mut errors = Vec::new();
    let base = StepFilter {
        component: form::value(given, "component", &mut errors),
        environment: form::value(given, "environment", &mut errors),
        version: form::value(given, "version", &mut errors),
        ..StepFilter::default()
    };
    if !errors.is_empty() {
        return Err(FieldErrors(errors).into());
    }
    for outcome in [Some(DeploymentOutcome::Succeeded), None] {
        let list = DeploymentQuery {
            filter: DeploymentFilter { base: base.clone(), outcome, ..DeploymentFilter::default() },
            order: Order::Descending,
            limit: Some(MAX_CHOICES),
            ..DeploymentQuery::default()
        };
        let found = context.app.short_list(access, list).await?;
        if let Some(other) = found.iter().find(|other| other.id != id && other.duration.is_some()) {
            return Ok(other.id);
        }
    }
    let name = NAMES.iter().rfind(|name| !form::given(given, name).is_empty()).copied().unwrap_or_default();
    Err(FieldErrors::from(FieldError::wrong(name, "is of no other deployment that has ended")).into())
}

/// The names and a button that lead to the comparison with the newest deployment of these names.
pub fn by_names(deployment: &Deployment) -> Markup {
    let Deployment { id, component, environment, .. } = deployment;
    let own = [("component", component.to_string()), ("environment", environment.to_string())];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    html! {
        form.filters method="get" action=(links::comparison(*id, None)) aria-label="Compare with any deployment" {
            (form::field(&own, "Component", "component", "any", 16))
            (form::field(&own, "Environment", "environment", "any", 12))
            (form::field(&own, "Version", "version", "the newest", 12))
            button { "Compare" }
        }
    }
}

impl Shown {
    fn page(self) -> Page {
        let Deployment { component, version, .. } = &self.comparison.deployment;
        let title = format!("{component} {version}, compared");
        Page { title, here: Here::Deployments, live: None, main: self.main() }
    }

    fn main(&self) -> Markup {
        let Comparison { deployment, with, .. } = &self.comparison;
        let Deployment { id, component, version, environment, .. } = deployment;
        let pairs = [("with".to_owned(), with.id.to_string())];
        html! {
            p.crumbs { a href=(links::component(component, environment)) { (name(component.as_str())) } }
            div.title {
                h1 class=[markup::long(component.as_str()).or(markup::long(version.as_str()))] {
                    a.quiet href=(links::deployment(*id)) { (name(component.as_str())) " " span.version { (name(version.as_str())) } }
                    (markup::environment(environment))
                }
                p { a href=(links::comparison(with.id, Some(*id))) { "The other way round" } }
            }
            (self.choice())
            details { summary { "Compare with any other deployment" } (by_names(deployment)) }
            p.sentences { (text(&sentence(&self.comparison))) }
            section aria-labelledby="steps-title" {
                h2 #steps-title { "Step by step" }
                p.legend { span { i.key.before {} "before" } span { i.key.after {} "after" } }
                (self.table())
                p.faint { "Each moment counts for the step that its deployment waited for, so that the differences add up to the whole." }
            }
            (downloads(&format!("/v1/deployments/{id}/compare"), &pairs, &markup::FORMATS))
        }
    }

    /// With which deployment it is compared.
    fn choice(&self) -> Markup {
        let Comparison { deployment, with, .. } = &self.comparison;
        let others =
            self.choices.iter().filter(|one| one.id != deployment.id && one.id != with.id && one.duration.is_some());
        html! {
            form.filters method="get" action=(links::comparison(deployment.id, None)) aria-label="Compare with" {
                label { "Compare with "
                    select name="with" {
                        (choice(with, &deployment.component, true))
                        @for other in others { (choice(other, &deployment.component, false)) }
                    }
                }
                button { "Compare" }
                span.spans { a href=(links::deployment(with.id)) { "Look at that one" } }
            }
        }
    }

    /// A row for each part, with its time before and after to scale, and one for the sum.
    fn table(&self) -> Markup {
        let table = table(&self.comparison);
        let parts = &self.comparison.parts;
        let longest = parts.iter().flat_map(|part| [part.before, part.after]).max().unwrap_or_default();
        html! {
            div.wide tabindex="0" role="region" aria-label="The parts of both" {
                table.bars.compared {
                    thead { tr {
                        @for (nth, column) in table.columns.iter().enumerate() {
                            th scope="col" class=[column.right.then_some("n")] { (column.name) }
                            @if nth == 0 { th.bar scope="col" { span.hidden { "to scale" } } }
                        }
                    } }
                    tbody {
                        @for (nth, row) in table.rows.iter().enumerate() {
                            tr {
                                @for (at, (column, cell)) in table.columns.iter().zip(row).enumerate() {
                                    @if at == 0 {
                                        th scope="row" { (markup::cell(cell)) }
                                        td.bar { @if let Some(part) = parts.get(nth) { (bars([part.before, part.after], longest)) } }
                                    } @else {
                                        td class=[column.right.then_some("n")] { (markup::cell(cell)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn choice(deployment: &Deployment, beside: &Component, is_chosen: bool) -> Markup {
    let Deployment { id, component, version, outcome, started_at, duration, .. } = deployment;
    html! {
        option value=(id) selected[is_chosen] {
            @if component != beside { (escaped(component.as_str())) " " }
            (escaped(version.as_str())) ", " (date(*started_at)) ", " (outcome.name())
            @if let Some(took) = duration { ", " (spoken(*took)) }
        }
    }
}

/// Two bars, one above the other.
fn bars(times: [Duration; 2], longest: Duration) -> Markup {
    let share = |time: Duration| time.seconds() / longest.seconds().max(f64::MIN_POSITIVE);
    html! {
        svg.field width="100%" height=(2 * BAR + 2) aria-hidden="true" {
            @for (nth, (time, class)) in times.into_iter().zip(["before", "after"]).enumerate() {
                rect class=(class) x="0" y=(nth as u32 * (BAR + 1)) width=(percent(share(time))) height=(BAR) rx="2" { title { (spoken(time)) } }
            }
        }
    }
}
