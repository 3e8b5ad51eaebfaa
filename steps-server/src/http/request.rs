//! A request as its handler gets it.

use bytes::Bytes;
use futures_util::stream::BoxStream;
use steps_shared::{FieldError, FieldErrors, ListFormat, StepId};
use warp::http::HeaderMap;

use super::body::{self, Body, Limit, MediaType};
use super::client::Client;
use super::context::{Context, Memory};
use super::problem::ApiError;
use super::{export, fields, query};
use crate::app::{Access, Fact};

/// A request to an endpoint.
pub struct Request {
    /// The segment of the path that varies.
    pub parameter: Option<String>,
    /// The query string; empty where there is none.
    pub query: String,
    pub headers: HeaderMap,
    /// Who sends it.
    #[expect(dead_code, reason = "limits by address and session cookies need it")]
    pub client: Client,
    /// The body as it arrives.
    pub body: BoxStream<'static, Result<Bytes, warp::Error>>,
}

impl Request {
    /// What the caller may see.
    pub fn access(&self) -> Access {
        Access::Everything
    }

    /// The `{id}` of the path.
    ///
    /// # Errors
    /// It is no id.
    pub fn id(&self) -> Result<StepId, ApiError> {
        let text = self.parameter.as_deref().unwrap_or_default();
        Ok(text.parse().map_err(|error: String| FieldErrors::from(FieldError::wrong("id", error)))?)
    }

    /// The parameters of the query string.
    ///
    /// # Errors
    /// They are not UTF-8.
    pub fn parameters(&self) -> Result<query::Pairs<'_>, ApiError> {
        query::pairs(self.query.as_bytes())
    }

    /// The format of the answer: the parameter's, else the one that the Accept header prefers.
    pub fn format(&self, parameter: Option<ListFormat>) -> Option<ListFormat> {
        parameter.or_else(|| export::accepted(&self.headers))
    }

    /// The whole body of a request to record. When the queue is full, the request is refused before its body is read.
    ///
    /// # Errors
    /// The queue is full, or the body cannot be read: see [`body::read`].
    pub async fn body_to_record(&mut self, context: &Context, limit: Limit) -> Result<Body, ApiError> {
        context.app.check_room()?;
        body::read(context, &self.headers, &mut self.body, limit).await
    }

    /// The fact that the query string and the body describe: the end of the span `end_of`, or a step when that is `None`.
    ///
    /// # Errors
    /// The body cannot be read, or a field is missing or wrong.
    pub async fn fact(&mut self, context: &Context, end_of: Option<StepId>) -> Result<Fact, ApiError> {
        Ok(Fact::from_fields(self.fields(context).await?, end_of, context.app.now())?)
    }

    /// The fields of the query string and the body of a request to record.
    ///
    /// # Errors
    /// The body cannot be read, or is of another type.
    pub async fn fields(&mut self, context: &Context) -> Result<Vec<(String, String)>, ApiError> {
        let body = self.body_to_record(context, Limit { bytes: fields::MAX_BYTES, memory: Memory::Body }).await?;
        fields::read(&self.query, &MediaType::of(&self.headers), &body)
    }
}
