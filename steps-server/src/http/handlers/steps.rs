//! `/v1/steps`: recording one, finishing a span, lists, one.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use steps_shared::{Filter as _, ListFormat, StepColumn, StepFilter, StepQuery};
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::{counted, json};
use crate::http::context::Context;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;
use crate::http::query;
use crate::http::request::Request;

pub async fn record(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    let fact = request.fact(&context, None).await?;
    let (step, is_new) = context.app.record(&request.caller, fact).await?;
    let mut response = json(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &step);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/steps/{}", step.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub async fn finish(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    let id = request.id()?;
    let fact = request.fact(&context, Some(id)).await?;
    let (step, _) = context.app.record(&request.caller, fact).await?;
    Ok(json(StatusCode::OK, &step))
}

pub async fn list(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = StepQuery::from_parameters(request.parameters()?)?;
    let output = request.output(query.format, query.safe, ListFormat::Csv);
    let layout = Layout::new(output, &query.columns, StepColumn::ALL);
    let turn = export::turn(&context, output.format, query.limit).await?;
    let steps = context.app.steps(&request.access(), query, output.format.max_rows()).await?;
    export::answer(&context, steps, layout, turn).await
}

pub async fn count(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let filter = StepFilter::from_parameters(request.parameters()?)?;
    Ok(counted(context.app.count_steps(&request.access(), &filter).await?))
}

pub async fn one(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = query::of_one(&request.query)?;
    let step = context.app.step(&request.access(), request.id()?).await?;
    let output = request.output(query.format, query.safe, ListFormat::Json);
    let layout = Layout::new(output, &query.columns, StepColumn::ALL);
    match output.format {
        ListFormat::Json => Ok(json(StatusCode::OK, &layout.object(&step))),
        format => {
            let turn = export::turn(&context, format, None).await?;
            export::answer(&context, stream::iter([Ok(step)]).boxed(), layout, turn).await
        }
    }
}
