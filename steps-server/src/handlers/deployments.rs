//! `GET /v1/deployments`, `/v1/deployments/count` and `/v1/deployments/{id}`.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _};
use steps_shared::{
    Deployment, DeploymentColumn, DeploymentDetail, DeploymentFilter, DeploymentQuery, Duration, FieldError,
    FieldErrors, Filter as _, ListFormat, Step, StepColumn, StepId, TimelineStep,
};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::{MOST_COUNTED, counted, query, respond};
use crate::export::{self, Layout};
use crate::problem::ApiError;
use crate::state::State;
use crate::statistics::median;

/// How many deployments before this one say what is usual.
const USUAL_OF: u32 = 20;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    let list = warp::path!("v1" / "deployments")
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .then(list)
        .and_then(async |result| respond(result));
    let count = warp::path!("v1" / "deployments" / "count")
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .then(count)
        .and_then(async |result| respond(result));
    let one = warp::path!("v1" / "deployments" / String)
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .then(one)
        .and_then(async |result| respond(result));
    list.or(count).unify().or(one).unify().boxed()
}

async fn list(state: State, query: String, headers: HeaderMap) -> Result<Response, ApiError> {
    let mut query = DeploymentQuery::from_parameters(query::pairs(query.as_bytes())?)?;
    let format = query.format.or_else(|| export::accepted(&headers)).unwrap_or_default();
    let layout = Layout::new(format, &query.columns, DeploymentColumn::ALL);
    let asking = async {
        state.caught_up().await?;
        let count = async |most| state.store.count_deployments(&query.filter, most).await;
        query.limit = export::limit(format, query.limit, count).await?;
        Ok(state.store.deployments(query).await?)
    };
    export::answer(state.within_deadline(asking).await?, layout, state.stall_timeout).await
}

async fn count(state: State, query: String) -> Result<Response, ApiError> {
    let filter = DeploymentFilter::from_parameters(query::pairs(query.as_bytes())?)?;
    let asking = async {
        state.caught_up().await?;
        Ok(counted(state.store.count_deployments(&filter, MOST_COUNTED + 1).await?))
    };
    state.within_deadline(asking).await
}

async fn one(id: String, state: State, query: String, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = query::of_one(&query)?;
    let id: StepId = id.parse().map_err(|error: String| FieldErrors::from(FieldError::wrong("id", error)))?;
    let asking = async {
        state.caught_up().await?;
        let missing = || ApiError::NotFound(format!("no deployment has the id {id}; it is the id of its first step"));
        let deployment = state.store.deployment(id).await?.ok_or_else(missing)?;
        Ok((deployment, state.store.steps_of(&[id]).await?))
    };
    let (deployment, steps) = state.within_deadline(asking).await?;
    match query.format.or_else(|| export::accepted(&headers)).unwrap_or(ListFormat::Json) {
        ListFormat::Json => {
            let detail = state.within_deadline(detail(&state, deployment, steps)).await?;
            Ok(super::json(StatusCode::OK, &detail))
        }
        format => {
            let layout = Layout::new(format, &query.columns, StepColumn::ALL);
            let steps = stream::iter(steps.into_iter().map(Ok)).boxed();
            export::answer(steps, layout, state.stall_timeout).await
        }
    }
}

async fn detail(state: &State, deployment: Deployment, steps: Vec<Step>) -> Result<DeploymentDetail, ApiError> {
    let before = state.store.successful_before(&deployment, USUAL_OF).await?;
    let ids: Vec<StepId> = before.iter().map(|(id, _)| *id).collect();
    let mut by_status: HashMap<String, Vec<Duration>> = HashMap::new();
    for step in state.store.steps_of(&ids).await? {
        if let Some(duration) = step.duration() {
            by_status.entry(step.status.to_string()).or_default().push(duration);
        }
    }
    let usual_of = |step: &Step| by_status.get(step.status.as_str()).and_then(|durations| median(durations));
    let kind_of = |step: &Step| state.statuses.kind(step.status.as_str(), step.span);
    let timeline =
        steps.into_iter().map(|step| TimelineStep { kind: kind_of(&step), usual: usual_of(&step), step }).collect();
    let durations: Vec<Duration> = before.into_iter().map(|(_, duration)| duration).collect();
    Ok(DeploymentDetail { deployment, usual: median(&durations), timeline })
}
