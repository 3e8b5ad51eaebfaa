//! `GET /v1/steps` and `GET /v1/steps/count`: lists of steps.

use serde_json::json;
use steps_shared::{Format, ListQuery, StepFilter};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::{query, respond};
use crate::export::{self, Layout};
use crate::problem::ApiError;
use crate::state::State;

/// Counting stops here: a number for a person, in a moment, however many there are.
const MOST_COUNTED: u64 = 1_000_000;

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
    let mut query = ListQuery::from_parameters(query::pairs(query.as_bytes())?)?;
    let format = query.format.or_else(|| export::accepted(&headers)).unwrap_or_default();
    let layout = Layout::new(format, &query.columns);
    if let Some(most) = format.most_rows() {
        refuse_more_than(&state, &query, most).await?;
        // Should some be recorded between the counting and the reading, the writer sees one too many and refuses.
        query.limit = Some(query.limit.unwrap_or(u64::MAX).min(most + 1));
    }
    let steps = state.store.steps(query).await?;
    match format {
        Format::Xlsx => export::workbook(steps, layout, state.stall_timeout).await,
        Format::Csv | Format::Json | Format::Jsonl => export::text(steps, layout, state.stall_timeout).await,
    }
}

async fn refuse_more_than(state: &State, query: &ListQuery, most: u64) -> Result<(), ApiError> {
    if query.limit.is_some_and(|limit| limit <= most) || state.store.count_steps(&query.filter, most + 1).await? <= most
    {
        return Ok(());
    }
    Err(export::too_long(most).into())
}

async fn count(state: State, query: String) -> Result<Response, ApiError> {
    let filter = StepFilter::from_parameters(query::pairs(query.as_bytes())?)?;
    let count = state.store.count_steps(&filter, MOST_COUNTED + 1).await?;
    let answer = json!({"count": count.min(MOST_COUNTED), "exact": count <= MOST_COUNTED});
    Ok(super::json(StatusCode::OK, &answer))
}
