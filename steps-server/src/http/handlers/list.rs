//! `GET /v1/steps` and `GET /v1/steps/count`: lists of steps.

use steps_shared::{Filter as _, StepColumn, StepFilter, StepQuery};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::HeaderMap;
use warp::reply::Response;

use super::{MOST_COUNTED, counted, query, respond};
use crate::app::state::State;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    let list = warp::path!("v1" / "steps")
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .then(list)
        .and_then(async |result| respond(result));
    let count = warp::path!("v1" / "steps" / "count")
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .then(count)
        .and_then(async |result| respond(result));
    list.or(count).unify().boxed()
}

async fn list(state: State, query: String, headers: HeaderMap) -> Result<Response, ApiError> {
    let mut query = StepQuery::from_parameters(query::pairs(query.as_bytes())?)?;
    let format = query.format.or_else(|| export::accepted(&headers)).unwrap_or_default();
    let layout = Layout::new(format, &query.columns, StepColumn::ALL);
    let asking = async {
        state.caught_up().await?;
        let count = async |most| state.store.count_steps(&query.filter, most).await;
        query.limit = export::limit(format, query.limit, count).await?;
        Ok(state.store.steps(query).await?)
    };
    export::answer(state.within_deadline(asking).await?, layout, state.stall_timeout).await
}

async fn count(state: State, query: String) -> Result<Response, ApiError> {
    let filter = StepFilter::from_parameters(query::pairs(query.as_bytes())?)?;
    state.within_deadline(async { Ok(counted(state.store.count_steps(&filter, MOST_COUNTED + 1).await?)) }).await
}
