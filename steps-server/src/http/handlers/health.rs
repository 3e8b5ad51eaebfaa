//! `GET /`, `/healthz`, `/readyz`: is it there, does it live, can it work.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Reply};

use super::respond;
use crate::app::state::State;
use crate::http::problem::ApiError;
use crate::store::StoreError;

/// How long the database may take to show that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    let home =
        warp::path::end().map(|| "Hello World! This is steps: POST /v1/steps records one, GET /v1/steps lists them.\n");
    let alive = warp::path!("healthz").map(|| super::json(StatusCode::OK, &json!({"status": "ok"})));
    let ready = warp::path!("readyz").and(state.filter()).then(ready).and_then(async |result| respond(result));
    warp::get().and(home.or(alive).or(ready)).map(Reply::into_response).boxed()
}

async fn ready(state: State) -> Result<Response, ApiError> {
    if state.is_stopping() {
        return Err(ApiError::Stopping);
    }
    let ping = async { Ok(timeout(PING_TIMEOUT, state.store.ping()).await.unwrap_or(Err(StoreError::TimedOut))?) };
    state.within_deadline(ping).await?;
    Ok(super::json(StatusCode::OK, &json!({"status": "ready"})))
}
