//! `GET /v1/steps/{id}`: one step.

use futures_util::stream::{self, StreamExt as _};
use steps_shared::{FieldError, FieldErrors, Format, ListQuery, StepId};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::{query, respond};
use crate::export::{self, Layout};
use crate::problem::ApiError;
use crate::state::State;

/// What may be asked of one step.
const PARAMETERS: [&str; 2] = ["format", "columns"];

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
    let mut unknown: Vec<FieldError> = Vec::new();
    for (name, _) in query::pairs(query.as_bytes())? {
        if !PARAMETERS.contains(&name.as_ref()) {
            unknown.push(FieldError::unknown(&name, &PARAMETERS));
        }
    }
    if !unknown.is_empty() {
        return Err(FieldErrors(unknown).into());
    }
    let query = ListQuery::from_parameters(query::pairs(query.as_bytes())?)?;
    let id: StepId = id.parse().map_err(|error: String| FieldErrors::from(FieldError::wrong("id", error)))?;
    let step = state.store.step(id).await?.ok_or_else(|| ApiError::NotFound(format!("no step has the id {id}")))?;
    let format = query.format.or_else(|| export::accepted(&headers)).unwrap_or(Format::Json);
    let layout = Layout::new(format, &query.columns);
    let steps = || stream::iter([Ok(step.clone())]).boxed();
    match format {
        Format::Json => Ok(super::json(StatusCode::OK, &layout.row(&step))),
        Format::Csv | Format::Jsonl => export::text(steps(), layout, state.stall_timeout).await,
        Format::Xlsx => export::workbook(steps(), layout, state.stall_timeout).await,
    }
}
