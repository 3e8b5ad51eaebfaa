//! What can go wrong with a request, and the one place that turns it into a status and a problem document.

use std::time::Duration;

use steps_shared::{FieldError, FieldErrors, Problem};
use warp::Reply as _;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use crate::app::recorder::RecordError;
use crate::http::request_id;
use crate::store::StoreError;

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Fields or parameters are missing or wrong.
    #[error(transparent)]
    Fields(#[from] FieldErrors),
    /// The body or the query cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// The body is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The body is of a type that is not read here; these are.
    #[error("the body must be {0}")]
    MediaType(&'static str),
    /// The client did not send its body in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// A step with this id exists, and differs.
    #[error("{}", .0.message)]
    Conflict(FieldError),
    /// The path is right, and nothing is there.
    #[error("{0}")]
    NotFound(String),
    /// No such path.
    #[error("Not found")]
    NoSuchPath,
    /// The path does not know this method; it knows these.
    #[error("this path allows {0}")]
    Method(&'static str),
    /// The step could not be recorded now.
    #[error(transparent)]
    NotRecorded(#[from] RecordError),
    /// The database does not answer.
    #[error("the database does not answer; try again a little later")]
    Store(#[from] StoreError),
    /// So much was recorded at once that the deployments are not up to date yet.
    #[error("deployments are still being computed from what was recorded last; try again a little later")]
    Behind,
    /// It takes too long to compute, perhaps because others ask at the same time.
    #[error("this takes too long to compute now; ask for a shorter time (since, replay), or again a little later")]
    Busy,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// A fault of the server itself.
    #[error("the server failed: {0}")]
    Internal(String),
}

/// Whether a parameter is a date of the old service; `start_datatetime` is how its page misspelt one.
fn is_date(field: &str) -> bool {
    matches!(field, "start_datetime" | "start_datatetime" | "end_datetime")
}

/// The old service's words for a date that cannot be read.
const BAD_DATE: &str = "Datetimes must follow the YYYY-MM-DD HH:MM:SS format";

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Fields(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::NotFound(_) | Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotRecorded(_) | Self::Store(_) | Self::Behind | Self::Busy | Self::Stopping => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn fields(&self) -> Vec<FieldError> {
        match self {
            Self::Fields(FieldErrors(errors)) => errors.clone(),
            Self::Conflict(error) => vec![error.clone()],
            _ => Vec::new(),
        }
    }

    /// What the old service's `Error` member says.
    fn legacy(&self) -> String {
        match self {
            Self::Fields(FieldErrors(errors)) if errors.iter().any(|error| is_date(&error.field)) => {
                BAD_DATE.to_owned()
            }
            _ => self.to_string(),
        }
    }

    /// The answer: the problem document with its status, and what headers belong to it.
    #[must_use]
    pub fn into_response(self) -> Response {
        match &self {
            Self::Store(error) => tracing::error!(%error, "the database failed a request"),
            Self::Internal(error) => tracing::error!(%error, "a request failed"),
            _ => {}
        }
        let status = self.status();
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
            legacy: self.legacy(),
            not_found: matches!(self, Self::NoSuchPath).then(|| "Not found".to_owned()),
            errors: self.fields(),
            request_id: request_id::current(),
        };
        let mut response = warp::reply::with_status(warp::reply::json(&problem), status).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::Method(allowed) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
            }
            Self::NotRecorded(_) | Self::Store(_) | Self::Behind | Self::Busy | Self::Stopping => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
            }
            _ => {}
        }
        response
    }
}

/// When a client that was answered 503 may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
