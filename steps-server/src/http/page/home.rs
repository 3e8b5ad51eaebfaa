//! `/` for a browser: what is running, and a row for each component.

use std::sync::Arc;

use maud::{Markup, html};
use steps_shared::{Deployment, FieldError, FieldErrors, PeriodKind, Timestamp, TrendAnswer, TrendQuery};
use warp::reply::Response;

use super::layout::{Here, Page};
use super::markup::{self, name, outcome};
use super::rows::{self, Row, Sort};
use super::{answer, empty, links, live};
use crate::app::Running;
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// The most running deployments that are shown: the newest.
const MAX_RUNNING: u64 = 50;

/// So many components are on a page.
const PER_PAGE: usize = 200;

/// What is asked for.
#[derive(Debug, Default)]
struct Asked {
    /// Names that have this in them.
    search: String,
    sort: Sort,
    /// Which page, counted from 1.
    page: usize,
}

/// All that the page shows.
struct Shown {
    asked: Asked,
    running: Vec<Running>,
    rows: Vec<Row>,
    /// How many components there are, whatever is searched for.
    all: usize,
    /// The address that the page was asked by.
    address: String,
    now: Timestamp,
}

pub async fn page(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let asked = Asked::read(&request)?;
    let (access, app) = (request.access(), &context.app);
    let by_sprint = TrendQuery { by: PeriodKind::Sprint, ..TrendQuery::default() };
    let (running, newest, trends) = tokio::try_join!(
        app.running(&access, None, MAX_RUNNING),
        app.newest_of_each(&access),
        app.trends(&access, &by_sprint),
    )?;
    let (address, now) = (empty::address_of(&request), app.now());
    answer(&context, &request, move || Shown::new(asked, running, newest, trends, address, now).page()).await
}

impl Asked {
    fn read(request: &Request) -> Result<Self, ApiError> {
        let mut asked = Self { page: 1, ..Self::default() };
        let mut errors = Vec::new();
        for (name, value) in request.parameters()? {
            match (&*name, value.trim()) {
                ("q", search) => asked.search = search.to_owned(),
                (_, "") => {}
                ("sort", sort) => match sort.parse() {
                    Ok(sort) => asked.sort = sort,
                    Err(error) => errors.push(FieldError::wrong("sort", error)),
                },
                ("page", page) => match page.parse() {
                    Ok(page) if page > 0 => asked.page = page,
                    _ => errors.push(FieldError::wrong("page", "must be a whole number from 1")),
                },
                (name, _) => errors.push(FieldError::unknown(name, &["q", "sort", "page"])),
            }
        }
        if errors.is_empty() { Ok(asked) } else { Err(FieldErrors(errors).into()) }
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let sort = if self.sort == Sort::default() { String::new() } else { self.sort.to_string() };
        let page = if self.page == 1 { String::new() } else { self.page.to_string() };
        [("q", self.search.clone()), ("sort", sort), ("page", page)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}

impl Shown {
    fn new(
        mut asked: Asked,
        running: Vec<Running>,
        newest: Vec<Deployment>,
        trends: TrendAnswer,
        address: String,
        now: Timestamp,
    ) -> Self {
        let all = newest.len();
        let mut rows = Row::all(newest, trends);
        let search = asked.search.to_lowercase();
        rows.retain(|row| row.has(&search));
        asked.sort.sort(&mut rows);
        asked.page = asked.page.min(rows.len().div_ceil(PER_PAGE).max(1));
        Self { asked, running, rows, all, address, now }
    }

    fn page(self) -> Page {
        let main = match self.all {
            // With the first component the page has other parts: it is loaded again.
            0 => html! { div #empty data-swap { (empty::instructions(&self.address)) } },
            _ => self.main(),
        };
        Page { title: "How long does a deploy take?".to_owned(), here: Here::Home, live: Some(Vec::new()), main }
    }

    fn main(&self) -> Markup {
        let from = (self.asked.page - 1) * PER_PAGE;
        let shown = &self.rows[from..(from + PER_PAGE).min(self.rows.len())];
        let pairs = self.asked.pairs();
        html! {
            h1 { "How long does a deploy take?" }
            div #running data-swap { (self.running()) }
            section aria-labelledby="components-title" {
                div.bar-of-section {
                    h2 #components-title { "Components" }
                    form method="get" action=(links::HOME) role="search" {
                        label.hidden for="q" { "Search components" }
                        input #q type="search" name="q" value=(self.asked.search) placeholder="Search" autocomplete="off" data-filter="components";
                        @if self.asked.sort != Sort::default() { input type="hidden" name="sort" value=(self.asked.sort); }
                    }
                }
                div #components data-swap {
                    (rows::table(shown, &pairs, self.asked.sort, self.now))
                    @if shown.is_empty() { p.faint { "No component has this in its name." } }
                    (self.pages(from, shown.len(), &pairs))
                    p.faint {
                        "Medians and growth are of successful deployments of the last 90 days, per sprint of two weeks. "
                        a href=(links::TREND) { "How this is told" }
                    }
                }
            }
            (markup::downloads("/v1/trend", &[("by".to_owned(), "sprint".to_owned())], &markup::FORMATS))
        }
    }

    fn pages(&self, from: usize, many: usize, pairs: &[(String, String)]) -> Markup {
        let to = |page: usize| links::with(links::HOME, &links::changed(pairs, "page", &page.to_string()));
        html! {
            @if self.rows.len() > PER_PAGE {
                nav.pages aria-label="Pages of components" {
                    @if from > 0 { a rel="prev" href=(to(self.asked.page - 1)) { "Previous" } }
                    span.faint { (from + 1) "–" (from + many) " of " (self.rows.len()) }
                    @if from + many < self.rows.len() { a rel="next" href=(to(self.asked.page + 1)) { "Next" } }
                }
            }
        }
    }

    fn running(&self) -> Markup {
        html! {
            section aria-labelledby="running-title" {
                h2 #running-title { "Running now" @if !self.running.is_empty() { " " span.count { (self.running.len()) } } }
                @if self.running.is_empty() { p.faint { "Nothing is being deployed." } }
                div.cards { @for running in &self.running { (card(running, self.now)) } }
            }
        }
    }
}

/// A running deployment.
pub fn card(running: &Running, now: Timestamp) -> Markup {
    let Deployment { id, component, environment, version, owner, outcome: how, started_at, status, .. } =
        &running.deployment;
    html! {
        article.card {
            header {
                h3 {
                    a href=(links::deployment(*id)) { (name(component.as_str())) " " span.version { (name(version.as_str())) } }
                    (markup::environment(environment))
                }
                p.faint { (outcome(*how)) " " (markup::since(*started_at, now)) " · by " (name(owner.as_str())) }
            }
            @if running.expected.is_some() { (live::progress(running, now)) }
            @else { p { strong { (name(status.as_str())) } } }
        }
    }
}
