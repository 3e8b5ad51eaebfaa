//! `GET /v1/trend`: how durations grow, and what makes them.

use futures_util::stream::{self, StreamExt as _};
use steps_shared::{ListFormat, TrendColumn, TrendQuery};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::{query, respond};
use crate::app::state::State;
use crate::app::trends::trends;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "trend")
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .then(trend)
        .and_then(async |result| respond(result))
        .boxed()
}

async fn trend(state: State, query: String, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = TrendQuery::from_parameters(query::pairs(query.as_bytes())?)?;
    let answer = trends(&state, &query).await?;
    match query.format.or_else(|| export::accepted(&headers)).unwrap_or(ListFormat::Json) {
        ListFormat::Json => Ok(super::json(StatusCode::OK, &answer)),
        format => {
            let layout = Layout::new(format, &[], TrendColumn::ALL);
            let rows = stream::iter(answer.trends.into_iter().map(Ok)).boxed();
            export::answer(rows, layout, state.stall_timeout).await
        }
    }
}
