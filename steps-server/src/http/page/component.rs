//! `/component`: how long one component takes over time, what its sprints consist of, and its deployments.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::NaiveDate;
use maud::{Markup, html};
use steps_shared::view::chart::note_marks;
use steps_shared::view::scatter::Scatter;
use steps_shared::view::stacked::{Sprint, Stacked};
use steps_shared::view::trend::{method, sentences};
use steps_shared::view::words::grouped;
use steps_shared::{
    Bound, Component, Deployment, DeploymentFilter, DeploymentOutcome, DeploymentQuery, Duration, Environment,
    FieldError, FieldErrors, Order, Owner, PeriodKind, StepFilter, TimeError, TimeInterval, Timestamp, TrendAnswer,
    TrendQuery,
};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, duration, name, text, verdict};
use super::rows::per_sprint;
use super::{answer, chart, deployments, form, home, links, steps_chart};
use crate::app::{Plotted, Running, SprintSteps};
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// So many deployments are on a page.
const PER_PAGE: u64 = 25;

/// The most running ones that are shown.
const MAX_RUNNING: u64 = 10;

/// The most durations at the axis of the chart.
const MAX_TICKS: usize = 5;

/// How far back it looks where nothing else is said.
const DAYS: u32 = 90;

const PARAMETERS: [&str; 8] = ["component", "environment", "owner", "outcome", "since", "until", "before", "skip"];

/// What is asked for.
#[derive(Debug)]
pub struct Asked {
    pub component: Component,
    environment: Option<Environment>,
    pub owner: Option<Owner>,
    pub outcome: Option<DeploymentOutcome>,
    pub since: Option<Bound>,
    pub until: Option<Bound>,
    before: Option<Timestamp>,
    skip: u64,
    /// All of that as it was written, without the place in the list.
    pub pairs: Vec<(String, String)>,
}

/// All that the page shows.
struct Shown {
    asked: Asked,
    environment: Environment,
    environments: Vec<Environment>,
    running: Vec<Running>,
    points: Vec<Plotted>,
    trends: TrendAnswer,
    sprints: Vec<SprintSteps>,
    list: Vec<Deployment>,
    since: Timestamp,
    until: Option<Timestamp>,
    now: Timestamp,
}

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let asked = Asked::read(request.parameters()?)?;
    let (access, app, now) = (request.access(), &context.app, context.app.now());
    let environments = app.environments(&access, &asked.component).await?;
    let usual = || environments.iter().find(|environment| **environment == Environment::default());
    let environment =
        asked.environment.clone().or_else(|| usual().or(environments.first()).cloned()).unwrap_or_default();
    let wrong = |field: &'static str| move |error| FieldErrors::from(FieldError::wrong(field, error));
    let since = asked.since.unwrap_or(Bound::Ago(Duration::from_secs(DAYS * 86_400)));
    let since_at = since.start(now).map_err(wrong("since"))?;
    let until_at = asked.last_moment(now).transpose().map_err(wrong("until"))?;
    let query = TrendQuery {
        component: Some(asked.component.clone()),
        environment: Some(environment.clone()),
        since: Some(since),
        until: until_at.map(|until| Bound::At(TimeInterval { start: until, end: until })),
        by: PeriodKind::Sprint,
        ..TrendQuery::default()
    };
    let filter = |until| {
        let base = StepFilter {
            component: Some(asked.component.clone()),
            environment: Some(environment.clone()),
            owner: asked.owner.clone(),
            since: Some(since_at),
            until,
            ..StepFilter::default()
        };
        DeploymentFilter { base, outcome: asked.outcome, ..DeploymentFilter::default() }
    };
    let list = DeploymentQuery {
        filter: filter(asked.before.or(until_at)),
        order: Order::Descending,
        limit: Some(PER_PAGE + asked.skip + 1),
        ..DeploymentQuery::default()
    };
    let plotted = filter(until_at);
    let (running, points, trends, sprints, list) = tokio::try_join!(
        app.running(&access, Some((&asked.component, &environment)), MAX_RUNNING),
        app.plotted(&access, &plotted),
        app.trends(&access, &query),
        app.sprint_steps(&access, (&asked.component, &environment), (since_at, until_at), query.sprints),
        app.short_list(&access, list),
    )?;
    let (since, until) = (since_at, until_at);
    let shown = Shown { asked, environment, environments, running, points, trends, sprints, list, since, until, now };
    answer(&context, &request, move || shown.page()).await
}

impl Asked {
    /// The end of the range: of a day, which a form sends, all of it.
    fn last_moment(&self, now: Timestamp) -> Option<Result<Timestamp, TimeError>> {
        const DAY: i64 = 86_400_000_000;
        let is_day = form::given(&self.pairs, "until").parse::<NaiveDate>().is_ok();
        self.until.map(|until| match until {
            Bound::At(time) if is_day => Timestamp::from_micros(time.start.micros() + DAY - 1),
            until => until.end(now),
        })
    }

    /// Reads the parameters of the page.
    fn read<'a>(parameters: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Result<Self, ApiError> {
        let given: Vec<(String, String)> =
            parameters.map(|(name, value)| (name.into_owned(), value.trim().to_owned())).collect();
        let mut errors: Vec<FieldError> = Vec::new();
        let unknown = given.iter().filter(|(name, _)| !PARAMETERS.contains(&name.as_str()));
        errors.extend(unknown.map(|(name, _)| FieldError::unknown(name, &PARAMETERS)));
        let component = form::value(&given, "component", &mut errors);
        let asked = component.map(|component| Self {
            component,
            environment: form::value(&given, "environment", &mut errors),
            owner: form::value(&given, "owner", &mut errors),
            outcome: form::value(&given, "outcome", &mut errors),
            since: form::value(&given, "since", &mut errors),
            until: form::value(&given, "until", &mut errors),
            before: form::value(&given, "before", &mut errors),
            skip: form::value(&given, "skip", &mut errors).unwrap_or(0).min(1000),
            pairs: links::without(&given, &["before", "skip"]),
        });
        if asked.is_none() && errors.is_empty() {
            errors.push(FieldError::missing("component"));
        }
        match asked.filter(|_| errors.is_empty()) {
            Some(asked) => Ok(asked),
            None => Err(FieldErrors(errors).into()),
        }
    }
}

impl Shown {
    fn page(self) -> Page {
        let (component, environment) = (self.asked.component.to_string(), self.environment.to_string());
        Page {
            title: component.clone(),
            here: Here::Home,
            live: Some(vec![("component", component), ("environment", environment)]),
            main: self.main(),
        }
    }

    fn main(&self) -> Markup {
        let Self { asked, environment, trends, now, .. } = self;
        let trend = trends.trends.first();
        let of = [
            ("component".to_owned(), asked.component.to_string()),
            ("environment".to_owned(), environment.to_string()),
        ];
        html! {
            p.crumbs { a href=(links::HOME) { "Components" } }
            div.title {
                h1 class=[markup::long(asked.component.as_str())] { (name(asked.component.as_str())) (markup::environment(environment)) }
                div #state data-swap { @if let Some(trend) = trend { (verdict(trend.verdict)) } }
            }
            (form::filters(self.asked.pairs.as_slice(), (self.since, self.until), environment, &self.environments, *now))
            div #running data-swap { @if !self.running.is_empty() { div.cards { @for running in &self.running { (home::card(running, *now)) } } } }
            div #summary data-swap {
                @if let Some(trend) = trend {
                    dl.facts {
                        div { dt { "Median now" } dd.big { (duration(trend.now_median)) } dd.faint { "was " (duration(trend.start_median)) } }
                        div { dt { "Per sprint" } dd.big { (per_sprint(trend)) } }
                        div { dt { "Deployments" } dd.big { (grouped(self.points.len() as u64)) } dd.faint { (self.outcomes()) } }
                    }
                    p.sentences.cap { (text(&sentences(trends, trend))) }
                    @if let Some(method) = method(trend) { details { summary { "How this is told" } p.faint.cap { (text(&method)) } } }
                } @else { p.faint { "There is no successful deployment in this time." } }
            }
            section aria-labelledby="durations-title" {
                h2 #durations-title { "Each deployment" }
                div #durations data-swap { (self.durations()) }
                (markup::downloads("/v1/deployments", &self.api(), &markup::FORMATS))
            }
            section aria-labelledby="steps-title" {
                h2 #steps-title { "What a sprint consists of" }
                div #steps data-swap { (self.steps()) }
                (markup::downloads("/v1/trend", &links::changed(&of, "by", "sprint"), &markup::FORMATS))
            }
            section aria-labelledby="list-title" {
                h2 #list-title { "Deployments" }
                div #list data-swap { (self.list()) }
            }
        }
    }

    /// The filter as the API is asked.
    fn api(&self) -> Vec<(String, String)> {
        let Self { asked, environment, since, until, .. } = self;
        let given = [
            ("component", asked.component.to_string()),
            ("environment", environment.to_string()),
            ("owner", asked.owner.as_ref().map(ToString::to_string).unwrap_or_default()),
            ("outcome", asked.outcome.map(|outcome| outcome.to_string()).unwrap_or_default()),
            ("start_datetime", since.to_rfc3339()),
            ("end_datetime", until.map(Timestamp::to_rfc3339).unwrap_or_default()),
        ];
        given.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn outcomes(&self) -> String {
        let failed = self.points.iter().filter(|point| point.outcome == DeploymentOutcome::Failed).count();
        match failed {
            0 => "none failed".to_owned(),
            failed => format!("{failed} failed"),
        }
    }

    fn durations(&self) -> Markup {
        let trend = self.trends.trends.first();
        let changes = trend.map_or(&[][..], |trend| &trend.change_points);
        let Some(scatter) = Scatter::new(&chart::points(&self.points), changes, MAX_TICKS) else {
            return html! { p.faint { "A picture needs two deployments that have ended." } };
        };
        let notes = trend.map_or(&[][..], |trend| &trend.notes);
        html! {
            (chart::scatter(&scatter, &note_marks(notes, scatter.times)))
            @if let Some(trend) = trend { (chart::notes(trend)) }
            details {
                summary { "As a table" }
                @if let Some(trend) = trend { (chart::periods(trend)) (chart::changes(trend)) }
            }
        }
    }

    fn steps(&self) -> Markup {
        let sprint = |sprint: &SprintSteps| Sprint {
            start: sprint.start,
            deployments: sprint.deployments,
            median: sprint.median,
            steps: sprint.steps.iter().map(|(status, duration)| (status.to_string(), *duration)).collect(),
        };
        let sprints: Vec<Sprint> = self.sprints.iter().map(sprint).collect();
        match Stacked::new(&sprints) {
            Some(stacked) => steps_chart::stacked(&stacked),
            None => html! { p.faint { "No step of a successful deployment is known in this time." } },
        }
    }

    fn list(&self) -> Markup {
        let all = self.list.get(usize::try_from(self.asked.skip).unwrap_or(usize::MAX)..).unwrap_or_default();
        let shown = &all[..all.len().min(PER_PAGE as usize)];
        html! {
            (deployments::table(shown, false, self.now))
            @if shown.is_empty() { p.faint { "There are none." } }
            (deployments::older((links::COMPONENT, &self.asked.pairs), shown, all.len() > shown.len(), self.asked.before, self.asked.skip))
        }
    }
}
