//! `/v1/stats`: how long deployments take, and how often they fail.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use steps_shared::{ListFormat, StatsColumn, StatsQuery};
use warp::http::StatusCode;
use warp::reply::Response;

use super::json;
use crate::http::context::Context;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn stats(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = StatsQuery::from_parameters(request.parameters()?)?;
    let output = request.output(query.format, query.safe, ListFormat::Json);
    let answer = context.app.stats(&request.access(), &query).await?;
    match output.format {
        ListFormat::Json => Ok(json(StatusCode::OK, &answer)),
        format => {
            let layout = Layout::new(output, &[], &StatsColumn::of(&query.by));
            let rows = stream::iter(answer.stats.into_iter().map(Ok)).boxed();
            let turn = export::turn(&context, format, None).await?;
            export::answer(&context, rows, layout, turn).await
        }
    }
}
