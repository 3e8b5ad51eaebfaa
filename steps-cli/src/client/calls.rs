//! The requests of the API.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, DATE, SERVER};
use reqwest::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use steps_shared::{
    BatchAnswer, CheckAnswer, CheckQuery, ComparisonQuery, CreatedToken, CurrentCaller, Deployment, DeploymentFilter,
    Expected, Filter, IdPrefix, ListColumn, ListFormat, ListQuery, NewExclusion, NewInclusion, NewNote, NewStep,
    NewToken, Note, NoteFilter, Projection, ProjectionQuery, StatsQuery, Step, StepFilter, StepId, Timestamp, TokenId,
    TokenList, TrendQuery,
};

use super::{Client, MAX_DOCUMENT, MAX_SMALL_DOCUMENT, RequestError};
use crate::error::Error;

/// The filter of a list that the server has.
pub trait Listed: Filter {
    const PATH: &'static str;
    const PLURAL: &'static str;
    const SINGULAR: &'static str;

    /// The column of the time that it is filtered by.
    const BEGAN: &'static str;

    /// The names in it, and its times.
    fn names(&self) -> StepFilter;

    /// The same of any time.
    fn at_any_time(self) -> Self;
}

impl Listed for StepFilter {
    const PATH: &'static str = "/v1/steps";
    const PLURAL: &'static str = "steps";
    const SINGULAR: &'static str = "step";
    const BEGAN: &'static str = "ts";

    fn names(&self) -> StepFilter {
        self.clone()
    }

    fn at_any_time(self) -> Self {
        Self { since: None, until: None, ..self }
    }
}

impl Listed for DeploymentFilter {
    const PATH: &'static str = "/v1/deployments";
    const PLURAL: &'static str = "deployments";
    const SINGULAR: &'static str = "deployment";
    const BEGAN: &'static str = "started_at";

    fn names(&self) -> StepFilter {
        self.base.clone()
    }

    fn at_any_time(self) -> Self {
        Self { base: self.base.at_any_time(), ..self }
    }
}

impl Listed for NoteFilter {
    const PATH: &'static str = "/v1/notes";
    const PLURAL: &'static str = "notes";
    const SINGULAR: &'static str = "note";
    const BEGAN: &'static str = "at";

    fn names(&self) -> StepFilter {
        let Self { component, environment, owner, since, until } = self.clone();
        StepFilter { component, environment, owner, since, until, ..StepFilter::default() }
    }

    fn at_any_time(self) -> Self {
        Self { since: None, until: None, ..self }
    }
}

/// How many rows a filter finds.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Count {
    pub count: u64,
    /// `false` where the server stopped counting: there are at least so many.
    pub exact: bool,
}

/// What a server that can record says of itself.
#[derive(Debug)]
pub struct Readiness {
    /// `None` where what answers does not say that it is a steps-server.
    pub version: Option<String>,
    /// What its clock showed, in whole seconds.
    pub date: Option<Timestamp>,
}

impl Client {
    /// Records a step. `true` where it is new, `false` where the server had it already.
    pub async fn record(&self, step: &NewStep) -> Result<(bool, Step), RequestError> {
        let request = self.http.post(self.url("/v1/steps")).json(step);
        let (status, step) = self.answer(request).await?;
        Ok((status == StatusCode::CREATED, step))
    }

    /// Records the end of a span: the fields of a `NewFinish`.
    pub async fn finish(&self, id: StepId, finish: &impl Serialize) -> Result<Step, RequestError> {
        let request = self.http.post(self.url(&format!("/v1/steps/{id}/finish"))).json(finish);
        self.answer(request).await.map(|(_, step)| step)
    }

    /// Records many steps, one a line of NDJSON.
    pub async fn batch(&self, lines: Bytes) -> Result<BatchAnswer, RequestError> {
        let request = self.http.post(self.url("/v1/steps/batch"));
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(lines);
        self.answer_within(request, MAX_DOCUMENT).await.map(|(_, answer)| answer)
    }

    /// Leaves a deployment out of every figure.
    pub async fn exclude(&self, id: StepId, exclusion: &NewExclusion) -> Result<Deployment, RequestError> {
        let request = self.http.post(self.url(&format!("/v1/deployments/{id}/exclude"))).json(exclusion);
        self.answer(request).await.map(|(_, deployment)| deployment)
    }

    /// Takes an exclusion back.
    pub async fn include(&self, id: StepId, inclusion: &NewInclusion) -> Result<Deployment, RequestError> {
        let request = self.http.post(self.url(&format!("/v1/deployments/{id}/include"))).json(inclusion);
        self.answer(request).await.map(|(_, deployment)| deployment)
    }

    /// Records a note. `true` where it is new, `false` where the server had it already.
    pub async fn note(&self, note: &NewNote) -> Result<(bool, Note), RequestError> {
        let (status, note) = self.answer(self.http.post(self.url("/v1/notes")).json(note)).await?;
        Ok((status == StatusCode::CREATED, note))
    }

    pub async fn remove_note(&self, id: StepId) -> Result<(), Error> {
        self.begin(self.http.delete(self.url(&format!("/v1/notes/{id}")))).await.map(drop)
    }

    /// Requests a list. The body is read with [`Self::body`].
    pub async fn list<F: Listed, C: ListColumn>(&self, query: &ListQuery<F, C>) -> Result<Response, Error> {
        let request = self.http.get(self.url(F::PATH)).query(&query.to_parameters());
        Ok(self.patiently(request, |request| self.head(request)).await?)
    }

    /// The id of the one deployment that begins so.
    pub async fn deployment_id(&self, prefix: IdPrefix) -> Result<StepId, Error> {
        #[derive(Deserialize)]
        struct Found {
            id: StepId,
        }
        if let Some(id) = prefix.whole() {
            return Ok(id);
        }
        let request = self.http.get(self.url(&format!("/v1/deployments/{prefix}"))).query(&[("format", "json")]);
        let (_, found): (_, Found) = self.answer_within(request, MAX_DOCUMENT).await?;
        Ok(found.id)
    }

    /// Requests one row of a list by its id.
    pub async fn one<F: Listed>(
        &self,
        id: StepId,
        format: ListFormat,
        safe: bool,
        columns: &[impl ListColumn],
    ) -> Result<Response, Error> {
        let mut parameters = vec![("format", format.to_string())];
        parameters.extend(safe.then(|| ("safe", safe.to_string())));
        if !columns.is_empty() {
            let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
            parameters.push(("columns", names.join(",")));
        }
        self.begin(self.http.get(self.url(&format!("{}/{id}", F::PATH))).query(&parameters)).await
    }

    /// Asks how much longer a deployment takes.
    pub async fn expected(&self, id: StepId) -> Result<Expected, Error> {
        let request = self.http.get(self.url(&format!("/v1/deployments/{id}/expected")));
        Ok(self.answer_within(request, MAX_DOCUMENT).await.map(|(_, answer)| answer)?)
    }

    /// Compares a deployment with another one.
    pub async fn compare(&self, id: StepId, query: &ComparisonQuery) -> Result<Response, Error> {
        let request = self.http.get(self.url(&format!("/v1/deployments/{id}/compare")));
        self.begin(request.query(&query.to_parameters())).await
    }

    /// Counts the rows that a filter finds.
    pub async fn count<F: Listed>(&self, filter: &F) -> Result<Count, Error> {
        let request = self.http.get(self.url(&format!("{}/count", F::PATH))).query(&filter.to_parameters());
        Ok(self.answer(request).await.map(|(_, count)| count)?)
    }

    /// Whether the server can record: its version, where it says so.
    pub async fn ready(&self) -> Result<Option<String>, Error> {
        Ok(self.readiness().await?.version)
    }

    /// Whether the server can record, and what it says of itself.
    pub async fn readiness(&self) -> Result<Readiness, Error> {
        let response = self.begin_once(self.http.get(self.url("/readyz"))).await?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let version = header(SERVER).and_then(|server| server.strip_prefix("steps-server/")).map(str::to_owned);
        let date = header(DATE).and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
        let date = date.and_then(|date| Timestamp::try_from(date.to_utc()).ok());
        Ok(Readiness { version, date })
    }

    /// Asks how many changes wait to be folded into deployments. A busy server is not waited for: whoever waits asks this.
    pub async fn projection(&self, query: ProjectionQuery) -> Result<Projection, Error> {
        let request = self.http.get(self.url("/v1/projection")).query(query.to_parameters().as_slice());
        Ok(self.answer_once(request, MAX_SMALL_DOCUMENT).await.map(|(_, answer)| answer)?)
    }

    /// Asks whom the server takes this client for.
    pub async fn current_caller(&self) -> Result<CurrentCaller, RequestError> {
        self.answer(self.http.get(self.url("/v1/tokens/current"))).await.map(|(_, caller)| caller)
    }

    pub async fn create_token(&self, token: &NewToken) -> Result<CreatedToken, Error> {
        Ok(self.answer(self.http.post(self.url("/v1/tokens")).json(token)).await.map(|(_, created)| created)?)
    }

    pub async fn tokens(&self) -> Result<TokenList, Error> {
        let request = self.http.get(self.url("/v1/tokens"));
        Ok(self.answer_within(request, MAX_DOCUMENT).await.map(|(_, list)| list)?)
    }

    pub async fn revoke_token(&self, id: TokenId) -> Result<(), Error> {
        self.begin(self.http.delete(self.url(&format!("/v1/tokens/{id}")))).await.map(drop)
    }

    pub async fn stats(&self, query: &StatsQuery) -> Result<Response, Error> {
        self.begin(self.http.get(self.url("/v1/stats")).query(&query.to_parameters())).await
    }

    pub async fn trend(&self, query: &TrendQuery) -> Result<Response, Error> {
        self.begin(self.http.get(self.url("/v1/trend")).query(&query.to_parameters())).await
    }

    /// Compares a deployment with its budget.
    pub async fn check(&self, query: &CheckQuery) -> Result<CheckAnswer, Error> {
        let request = self.http.get(self.url("/v1/check")).query(&query.to_parameters());
        Ok(self.answer_within(request, MAX_DOCUMENT).await.map(|(_, answer)| answer)?)
    }
}
