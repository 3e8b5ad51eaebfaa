//! `/deployments/{id}/compare`: a deployment beside another one, step by step.

use std::sync::Arc;

use maud::{Markup, html};
use steps_shared::view::comparison::{sentence, table};
use steps_shared::view::words::{date, spoken};
use steps_shared::{
    Comparison, ComparisonQuery, Deployment, DeploymentFilter, DeploymentQuery, Duration, Order, StepFilter, escaped,
};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, downloads, name, percent, text};
use super::{answer, links};
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// So many of the newest deployments are offered to compare with.
const MAX_CHOICES: u64 = 60;

/// The height of a bar in pixels; there are two in a field.
const BAR: u32 = 8;

/// All that the page shows.
struct Shown {
    comparison: Comparison,
    choices: Vec<Deployment>,
}

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = ComparisonQuery::from_parameters(request.parameters()?)?;
    let (access, id, app) = (request.access(), request.deployment(&context).await?, &context.app);
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
                        (choice(with, true))
                        @for other in others { (choice(other, false)) }
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
                table.bars {
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

fn choice(deployment: &Deployment, is_chosen: bool) -> Markup {
    let Deployment { id, version, outcome, started_at, duration, .. } = deployment;
    html! {
        option value=(id) selected[is_chosen] {
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
