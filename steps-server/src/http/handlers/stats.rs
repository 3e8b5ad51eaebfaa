//! `GET /v1/stats`: how long deployments take, and how often they fail.

use futures_util::stream::{self, StreamExt as _};
use steps_shared::{FieldError, FieldErrors, GroupBy, ListFormat, StatsAnswer, StatsColumn, StatsQuery};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, StatusCode};
use warp::reply::Response;

use super::{query, respond};
use crate::analysis::statistics::Groups;
use crate::app::state::State;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;

/// The most samples that are taken from the database at a time.
const SAMPLES: usize = 1000;

/// The routes of this resource.
pub fn routes(state: &State) -> BoxedFilter<(Response,)> {
    warp::path!("v1" / "stats")
        .and(warp::get())
        .and(state.filter())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .then(stats)
        .and_then(async |result| respond(result))
        .boxed()
}

async fn stats(state: State, query: String, headers: HeaderMap) -> Result<Response, ApiError> {
    let query = StatsQuery::from_parameters(query::pairs(query.as_bytes())?)?;
    let zone = query.tz.name().parse().map_err(|_| {
        let reason =
            format!("names no time zone that is known here: {:?}; write UTC or Europe/Berlin", query.tz.name());
        FieldErrors::from(FieldError::wrong("tz", reason))
    })?;
    let mut groups = Groups::new(query.by.clone(), zone);
    let asking = async {
        state.caught_up().await?;
        Ok(state.store.samples(&query.filter, query.by.contains(&GroupBy::Status)).await?)
    };
    let mut samples = state.within_deadline(asking).await?.ready_chunks(SAMPLES);
    // However many there are: only a pause between them is bounded.
    while let Some(part) = state.within_deadline(async { Ok(samples.next().await) }).await? {
        for sample in part {
            let sample = sample?;
            if !sample.is_instant(&state.statuses) {
                groups.add(&sample);
            }
        }
    }
    let stats = groups.finish();
    match query.format.or_else(|| export::accepted(&headers)).unwrap_or(ListFormat::Json) {
        ListFormat::Json => {
            let by = query.by.iter().map(|by| by.name().to_owned()).collect();
            Ok(super::json(StatusCode::OK, &StatsAnswer { by, stats }))
        }
        format => {
            let layout = Layout::new(format, &[], &StatsColumn::of(&query.by));
            let rows = stream::iter(stats.into_iter().map(Ok)).boxed();
            export::answer(rows, layout, state.stall_timeout).await
        }
    }
}
