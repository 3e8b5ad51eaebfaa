//! `POST /v1/steps/{id}/finish`: tells a span that it has ended.

use std::time::Duration;

use bytes::Buf;
use futures_util::Stream;
use steps_shared::{FieldError, FieldErrors, NewFinish, SpanEnd, StepId};
use tokio::time::{Instant, timeout};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::body::{self, MediaType};
use super::{fields, json, query, respond};
use crate::app::recorder::TRIES;
use crate::app::state::State;
use crate::http::problem::ApiError;
use crate::store::StoreError;

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

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
    let body = body::read(&state, length, body, fields::MOST_BYTES).await?;
    let id: StepId = id.parse().map_err(|error: String| FieldErrors::from(FieldError::wrong("id", error)))?;
    let new = NewFinish::from_fields(fields::read(&query, &MediaType::of(&headers), &body)?)?;
    let recording = async {
        let span = until_answered(&state, || state.store.step(id)).await?;
        let span = span.ok_or_else(|| ApiError::NotFound(format!("no step has the id {id}")))?;
        if !span.span {
            return Err(ApiError::Conflict(FieldError::wrong(
                "id",
                format!("{id} is not a span; it ends when the next step begins"),
            )));
        }
        let finish = new.into_finish(span.ts, (state.now)())?;
        let finished = until_answered(&state, || state.store.finish(&span, finish)).await?;
        state.projector.notice();
        let step = finished.ok_or_else(|| ApiError::NotFound(format!("no step has the id {id}")))?;
        let told = step.finish().unwrap_or(finish);
        // An end that was not said is another at every try.
        let same_end = !matches!(new.end, Some(SpanEnd::After(_) | SpanEnd::At(_))) || told.ended_at == finish.ended_at;
        if told.outcome == finish.outcome && told.exit_code == finish.exit_code && same_end {
            Ok(json(StatusCode::OK, &step))
        } else {
            Err(ApiError::Conflict(FieldError::wrong("id", format!("{id} is finished already, and differently"))))
        }
    };
    state.within_deadline(recording).await
}

/// Asks the database again after a deadlock, or while it is away for a moment: the deadline of the request ends it.
async fn until_answered<T, F>(state: &State, ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        let began = Instant::now();
        match timeout(state.deadline / TRIES, ask()).await.unwrap_or(Err(StoreError::TimedOut)) {
            Err(StoreError::Unavailable(_) | StoreError::TimedOut) => {
                state.store.renew_readers(began);
                state.store.renew_writers(began);
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}
