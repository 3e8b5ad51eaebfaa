//! A request as its handler gets it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use steps_shared::{Bound, FieldError, FieldErrors, JsonFields, ListFormat, Owner, StepId, Timestamp};
use warp::http::HeaderMap;

use super::body::{self, Body, Limit, MediaType};
use super::client::Client;
use super::context::{Context, Memory};
use super::export::{self, Output};
use super::problem::ApiError;
use super::{fields, query};
use crate::app::{self, Access, Caller, Fact};

/// The largest JSON object that is no step, in bytes.
const MAX_JSON_BYTES: usize = 256 * 1024;

/// A request to an endpoint.
pub struct Request {
    /// The segment of the path that varies.
    pub parameter: Option<String>,
    /// The query string; empty where there is none.
    pub query: String,
    pub headers: HeaderMap,
    /// Who sends it.
    pub caller: Arc<Caller>,
    pub client: Client,
    /// When it arrived, by the server's clock.
    pub now: Timestamp,
    /// The body as it arrives.
    pub body: BoxStream<'static, Result<Bytes, warp::Error>>,
}

impl Request {
    /// What the caller may see.
    pub fn access(&self) -> Access {
        self.caller.access.clone()
    }

    /// The `{id}` of the path.
    ///
    /// # Errors
    /// It is no id.
    pub fn id(&self) -> Result<StepId, ApiError> {
        let text = self.parameter.as_deref().unwrap_or_default();
        Ok(text.parse().map_err(|error: String| FieldErrors::from(FieldError::wrong("id", error)))?)
    }

    /// The deployment of the path: its id, or the beginning of it.
    ///
    /// # Errors
    /// It is none, or that of no deployment, or of several.
    pub fn deployment<'a>(
        &self,
        context: &'a Context,
    ) -> impl Future<Output = Result<StepId, ApiError>> + Send + use<'a> {
        // The body cannot be shared between threads, so that no part of the request may be kept here.
        let access = self.access();
        let prefix = self.parameter.as_deref().unwrap_or_default().parse();
        async move {
            let prefix = prefix.map_err(|error: String| FieldErrors::from(FieldError::wrong("id", error)))?;
            Ok(context.app.deployment_id(&access, "id", prefix).await?)
        }
    }

    /// The parameters of the query string; times that people type (`since=yesterday`) in the forms that programs read.
    ///
    /// # Errors
    /// They are not UTF-8, or a time could mean several.
    pub fn parameters(&self) -> Result<impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)>, ApiError> {
        let mut errors = Vec::new();
        let mut pairs: Vec<_> = query::pairs(self.query.as_bytes())?.collect();
        for (name, value) in &mut pairs {
            match Bound::parameter(name, value, self.now) {
                Some(Ok(time)) => *value = time.into(),
                Some(Err(error)) => errors.push(error),
                None => {}
            }
        }
        if errors.is_empty() { Ok(pairs.into_iter()) } else { Err(FieldErrors(errors).into()) }
    }

    /// Refuses parameters where there are none.
    ///
    /// # Errors
    /// There is one.
    pub fn no_parameters(&self) -> Result<(), ApiError> {
        match self.parameters()?.next() {
            Some((name, _)) => {
                Err(FieldErrors::from(FieldError::wrong(&name, "is not a parameter here; there are none")).into())
            }
            None => Ok(()),
        }
    }

    /// The members of a JSON object that is the body.
    ///
    /// # Errors
    /// The body cannot be read, or is of another type.
    pub async fn json_members(&mut self, context: &Context) -> Result<JsonFields, ApiError> {
        let limit = Limit { bytes: MAX_JSON_BYTES, memory: Memory::Body };
        let body = body::read(context, &self.headers, &mut self.body, limit).await?;
        if MediaType::of(&self.headers) != MediaType::Json {
            return Err(ApiError::MediaType("application/json, and say so in Content-Type"));
        }
        serde_json::from_slice(&body)
            .map_err(|error| ApiError::Malformed(format!("the body is not a JSON object: {error}")))
    }

    /// How the answer is written: in the parameter's format, else the one that the Accept header prefers, else in `default`.
    pub fn output(&self, parameter: Option<ListFormat>, safe: bool, default: ListFormat) -> Output {
        let format = parameter.or_else(|| export::accepted(&self.headers)).unwrap_or(default);
        // Nothing runs the texts of the other formats.
        Output { format, safe: safe && format == ListFormat::Csv }
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
        let fields = match end_of {
            Some(_) => self.fields(context).await?,
            None => self.fields_with_owner(context).await?,
        };
        Ok(Fact::from_fields(fields, end_of, context.app.now())?)
    }

    /// The same fields as [`Request::fields`], with the owner that the caller records as where none is sent.
    ///
    /// # Errors
    /// As [`Request::fields`].
    pub async fn fields_with_owner(&mut self, context: &Context) -> Result<Vec<(String, String)>, ApiError> {
        let mut fields = self.fields(context).await?;
        self.caller.add_owner(&mut fields);
        Ok(fields)
    }

    /// Checks the owner that the request names.
    ///
    /// # Errors
    /// The caller records as another one.
    pub fn check_owner(&self, owner: &Owner) -> Result<(), ApiError> {
        let forbidden = |error: FieldError| app::Error::Forbidden(error.into());
        Ok(self.caller.check_owner(owner).map_err(forbidden)?)
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
