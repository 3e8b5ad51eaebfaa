//! `/v1/deployments`: lists, one with its steps, leaving one out of figures.

use std::sync::Arc;

use steps_shared::{
    ComparedColumn, ComparisonQuery, DeploymentColumn, DeploymentFilter, DeploymentQuery, Filter as _, ListFormat,
    NewExclusion, NewInclusion, StepColumn,
};
use warp::http::StatusCode;
use warp::reply::Response;

use super::{counted, json};
use crate::http::context::Context;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;
use crate::http::query;
use crate::http::request::Request;

pub async fn list(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = DeploymentQuery::from_parameters(request.parameters()?)?;
    let output = request.output(query.format, query.safe, ListFormat::Csv);
    let layout = Layout::new(output, &query.columns, DeploymentColumn::ALL);
    let turn = export::turn(&context, output.format, query.limit).await?;
    let deployments = context.app.deployments(&request.access(), query, output.format.max_rows()).await?;
    export::answer(&context, deployments, layout, turn).await
}

pub async fn count(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let filter = DeploymentFilter::from_parameters(request.parameters()?)?;
    Ok(counted(context.app.count_deployments(&request.access(), &filter).await?))
}

pub async fn one(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = query::of_one(&request.query)?;
    let output = request.output(query.format, query.safe, ListFormat::Json);
    let access = request.access();
    let timeline = context.app.timeline(&access, request.deployment(&context).await?).await?;
    match output.format {
        ListFormat::Json => Ok(json(StatusCode::OK, &context.app.detail(&access, timeline).await?)),
        format => {
            let layout = Layout::new(output, &query.columns, StepColumn::ALL);
            let turn = export::turn(&context, format, None).await?;
            export::whole(&context, timeline.steps, layout, turn).await
        }
    }
}

pub async fn expected(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    request.no_parameters()?;
    Ok(json(StatusCode::OK, &context.app.expected(&request.access(), request.deployment(&context).await?).await?))
}

pub async fn compare(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = ComparisonQuery::from_parameters(request.parameters()?)?;
    let output = request.output(query.format, query.safe, ListFormat::Json);
    let (access, id) = (request.access(), request.deployment(&context).await?);
    let comparison = context.app.compare(&access, id, query.with).await?;
    match output.format {
        ListFormat::Json => Ok(json(StatusCode::OK, &comparison)),
        format => {
            let layout = Layout::new(output, &[], ComparedColumn::ALL);
            let turn = export::turn(&context, format, None).await?;
            export::whole(&context, comparison.parts, layout, turn).await
        }
    }
}

pub async fn exclude(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    let id = request.deployment(&context).await?;
    let new = NewExclusion::from_fields(request.fields_with_owner(&context).await?)?;
    request.check_owner(&new.owner)?;
    Ok(json(StatusCode::OK, &context.app.exclude(&request.access(), id, new).await?))
}

pub async fn include(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    let id = request.deployment(&context).await?;
    let new = NewInclusion::from_fields(request.fields_with_owner(&context).await?)?;
    request.check_owner(&new.owner)?;
    Ok(json(StatusCode::OK, &context.app.include(&request.access(), id, new).await?))
}
