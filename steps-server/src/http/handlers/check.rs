//! `GET /v1/check`: whether a deployment is within its budget.

use steps_shared::CheckQuery;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::Response;

use super::{query, respond};
use crate::app::checks;
use crate::app::state::State;
use crate::http::problem::ApiError;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "check")
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .then(check)
        .and_then(async |result| respond(result))
        .boxed()
}

async fn check(state: State, query: String) -> Result<Response, ApiError> {
    let query = CheckQuery::from_parameters(query::pairs(query.as_bytes())?)?;
    Ok(super::json(StatusCode::OK, &checks::check(&state, query).await?))
}
