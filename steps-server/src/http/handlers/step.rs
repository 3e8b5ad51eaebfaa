//! `GET /v1/steps/{id}`: one step.

use futures_util::stream::{self, StreamExt as _};
use steps_shared::{FieldError, FieldErrors, ListFormat, StepColumn, StepId};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::{query, respond};
use crate::app::state::State;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "steps" / String)
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .then(step)
        .and_then(async |result| respond(result))
        .boxed()
}

async fn step(id: String, state: State, query: String, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = query::of_one(&query)?;
    let id: StepId = id.parse().map_err(|error: String| FieldErrors::from(FieldError::wrong("id", error)))?;
    let asking = async {
        state.caught_up().await?;
        state.store.step(id).await?.ok_or_else(|| ApiError::NotFound(format!("no step has the id {id}")))
    };
    let step = state.within_deadline(asking).await?;
    let format = query.format.or_else(|| export::accepted(&headers)).unwrap_or(ListFormat::Json);
    let layout = Layout::new(format, &query.columns, StepColumn::ALL);
    match format {
        ListFormat::Json => Ok(super::json(StatusCode::OK, &layout.object(&step))),
        _ => export::answer(stream::iter([Ok(step)]).boxed(), layout, state.stall_timeout).await,
    }
}
