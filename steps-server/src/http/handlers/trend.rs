//! `/v1/trend`: how durations grow, and what makes them.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use steps_shared::{ListFormat, TrendColumn, TrendQuery};
use warp::http::StatusCode;
use warp::reply::Response;

use super::json;
use crate::http::context::Context;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn trend(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = TrendQuery::from_parameters(request.parameters()?)?;
    let output = request.output(query.format, query.safe, ListFormat::Json);
    let answer = context.app.trends(&request.access(), &query).await?;
    match output.format {
        ListFormat::Json => Ok(json(StatusCode::OK, &answer)),
        format => {
            let layout = Layout::new(output, &[], TrendColumn::ALL);
            let rows = stream::iter(answer.trends.into_iter().map(Ok)).boxed();
            let turn = export::turn(&context, format, None).await?;
            export::answer(&context, rows, layout, turn).await
        }
    }
}
