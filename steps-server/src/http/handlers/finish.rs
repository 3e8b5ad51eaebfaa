//! `POST /v1/steps/{id}/finish`: tells a span that it has ended.

use bytes::Buf;
use futures_util::Stream;
use steps_shared::{FieldError, FieldErrors};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::HeaderMap;
use warp::reply::Response;

use super::body::{self, MediaType};
use super::record::{record_one, recordable};
use super::{fields, query, respond};
use crate::app::fact::Fact;
use crate::app::state::State;
use crate::http::problem::ApiError;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "steps" / String / "finish")
        .and(warp::post())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .and(body::incoming())
        .then(finish)
        .and_then(async |result| respond(result))
        .boxed()
}

async fn finish<B: Buf>(
    id: String,
    state: State,
    query: String,
    headers: HeaderMap,
    length: Option<u64>,
    body: impl Stream<Item = Result<B, warp::Error>>,
) -> Result<Response, ApiError> {
    let body = recordable(&state, length, body, fields::MOST_BYTES).await?;
    let id = id.parse().map_err(|error: String| FieldErrors::from(FieldError::wrong("id", error)))?;
    let fields = fields::read(&query, &MediaType::of(&headers), &body)?;
    record_one(&state, Fact::from_fields(fields, Some(id), (state.now)())?).await
}
