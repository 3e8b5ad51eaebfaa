//! `/v1/notes`: what is known of moments and spans of components.

use std::sync::Arc;

use steps_shared::{Filter as _, ListFormat, NewNote, NoteColumn, NoteFilter, NoteQuery};
use warp::Reply as _;
use warp::http::StatusCode;
use warp::reply::Response;

use super::{counted, json};
use crate::http::context::Context;
use crate::http::export::{self, Layout};
use crate::http::problem::ApiError;
use crate::http::request::Request;

pub async fn record(context: Arc<Context>, mut request: Request) -> Result<Response, ApiError> {
    let new = NewNote::from_fields(request.fields_with_owner(&context).await?)?;
    let (note, is_new) = context.app.record_note(&request.caller, new).await?;
    Ok(json(if is_new { StatusCode::CREATED } else { StatusCode::OK }, &note))
}

pub async fn list(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let query = NoteQuery::from_parameters(request.parameters()?)?;
    let output = request.output(query.format, query.safe, ListFormat::Csv);
    let layout = Layout::new(output, &query.columns, NoteColumn::ALL);
    let turn = export::turn(&context, output.format, query.limit).await?;
    let notes = context.app.notes(&request.access(), query, output.format.max_rows()).await?;
    export::answer(&context, notes, layout, turn).await
}

pub async fn count(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let filter = NoteFilter::from_parameters(request.parameters()?)?;
    Ok(counted(context.app.count_notes(&request.access(), &filter).await?))
}

pub async fn remove(context: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    request.no_parameters()?;
    let id = request.id()?;
    context.app.remove_note(&request.caller, id).await?;
    tracing::info!(note = %id, by = %request.caller.name, "a note was removed");
    Ok(StatusCode::NO_CONTENT.into_response())
}
