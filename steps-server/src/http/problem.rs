//! What can go wrong with a request, and the one place that turns it into a status and a problem document.

use std::time::Duration;

use steps_shared::{FieldError, FieldErrors, MAX_ERRORS, Problem, Scope};
use warp::Reply as _;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

use super::request_id;
use crate::app::{self, StoreError};

const HEAD_TOO_LARGE: &str = "the head of the request is too large: 64 KiB and 100 headers are read";
const URL_TOO_LONG: &str = "the address of the request is too long: 32 KiB are read; send fields in the body";

/// Why a request was not fulfilled.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The application says why.
    #[error(transparent)]
    App(#[from] app::Error),
    /// The body or the query cannot be understood.
    #[error("{0}")]
    Malformed(String),
    /// The body is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The head is larger than a head may be, or has more headers.
    #[error("{HEAD_TOO_LARGE}")]
    HeadTooLarge,
    /// The URL is longer than it may be.
    #[error("{URL_TOO_LONG}")]
    UrlTooLong,
    /// The body is of a type that is not read here; these are.
    #[error("the body must be {0}")]
    MediaType(&'static str),
    /// The body is compressed.
    #[error("the body must not be compressed; send it without Content-Encoding")]
    Encoding,
    /// The client did not send its body in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// Nothing says who the caller is; this would.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The token that was sent is not accepted.
    #[error("{0}")]
    BadToken(String),
    /// A token is to be exchanged for a session where everybody on the way can read it.
    #[error("signing in needs TLS: the token and the session could be read on the way")]
    PlainLogin,
    /// The token that was sent cannot be checked now.
    #[error("the token {0}; try again a little later")]
    Unverifiable(String),
    /// The caller's token does not permit this scope.
    #[error("the token does not permit this: it lacks the scope {0}")]
    ScopeMissing(Scope),
    /// The caller's token is one of an administrator, with limits.
    #[error(
        "only a token without components, environments and owner manages tokens: one with limits could make itself another"
    )]
    LimitedAdmin,
    /// The caller's token is limited, and what is asked for is of everything.
    #[error("these figures are of the whole server: only a token without components and environments may read them")]
    LimitedReader,
    /// The address has sent too many wrong tokens; how long it should wait.
    #[error("too many wrong tokens came from this address; try again later")]
    TooManyFailures(Duration),
    /// The caller asks too often; how long it should wait.
    #[error("the token asks more often than --requests-per-second permits; try again a little later")]
    TooManyRequests(Duration),
    /// The request is for another name than one of this machine.
    #[error(
        "this server needs no token on its own machine, and so answers only to names of it: use localhost or 127.0.0.1, make a \
         token (steps-server token create), or start it with --allow-anonymous"
    )]
    Misdirected,
    /// A page of another site sends it.
    #[error("a page of another site may not send this: the Origin of the request is not this server")]
    ForeignOrigin,
    /// No such path.
    #[error("Not found")]
    NoSuchPath,
    /// The path does not know this method; it knows these.
    #[error("this path allows {0}")]
    Method(String),
}

impl From<FieldErrors> for ApiError {
    fn from(errors: FieldErrors) -> Self {
        app::Error::Fields(errors).into()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        app::Error::from(error).into()
    }
}

/// Whether a parameter is a date of the old service; `start_datatetime` is how its page misspelt one.
fn is_date(field: &str) -> bool {
    matches!(field, "start_datetime" | "start_datatetime" | "end_datetime")
}

/// The old service's words for a date that cannot be read.
const BAD_DATE: &str = "Datetimes must follow the YYYY-MM-DD HH:MM:SS format";

/// The error of a list that has more rows than a sheet.
fn too_many_rows(most: u64) -> FieldErrors {
    let reason = format!("xlsx holds at most {most} rows and this list has more; narrow it, give a limit, or take csv");
    FieldError::wrong("format", reason).into()
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::App(error) => status(error),
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UrlTooLong => StatusCode::URI_TOO_LONG,
            Self::MediaType(_) | Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Unauthenticated(_) | Self::BadToken(_) => StatusCode::UNAUTHORIZED,
            Self::ScopeMissing(_)
            | Self::LimitedAdmin
            | Self::LimitedReader
            | Self::ForeignOrigin
            | Self::PlainLogin => StatusCode::FORBIDDEN,
            Self::Unverifiable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyFailures(_) | Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    fn fields(&self) -> &[FieldError] {
        match self {
            Self::App(app::Error::Fields(FieldErrors(errors)) | app::Error::Forbidden(FieldErrors(errors))) => errors,
            Self::App(app::Error::Conflict(error)) => std::slice::from_ref(error),
            _ => &[],
        }
    }

    /// When a client that was answered 503 or 429 may try again.
    fn retry_after(&self) -> Duration {
        match self {
            Self::TooManyFailures(wait) | Self::TooManyRequests(wait) => *wait,
            Self::App(app::Error::Busy | app::Error::BusyWith(_)) => RETRY_COMPUTING_AFTER,
            _ => RETRY_AFTER,
        }
    }

    /// What the WWW-Authenticate header says (RFC 6750).
    fn challenge(&self) -> Option<String> {
        const REALM: &str = "Bearer realm=\"steps\"";
        match self {
            Self::Unauthenticated(_) => Some(REALM.to_owned()),
            Self::BadToken(_) => Some(format!("{REALM}, error=\"invalid_token\"")),
            Self::ScopeMissing(scope) => Some(format!("{REALM}, error=\"insufficient_scope\", scope=\"{scope}\"")),
            _ => None,
        }
    }

    /// The problem document with its status and headers.
    #[must_use]
    pub fn into_response(self) -> Response {
        match &self {
            Self::App(app::Error::Store(error)) => tracing::error!(%error, "the database failed a request"),
            Self::App(app::Error::Internal(error)) => tracing::error!(%error, "a request failed"),
            Self::App(app::Error::TooManyRows(most)) => return Self::from(too_many_rows(*most)).into_response(),
            _ => {}
        }
        let status = self.status();
        let detail = self.to_string();
        let legacy = if self.fields().iter().any(|error| is_date(&error.field)) { BAD_DATE } else { &detail };
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            legacy: legacy.to_owned(),
            not_found: matches!(self, Self::NoSuchPath).then(|| "Not found".to_owned()),
            errors: self.fields().iter().take(MAX_ERRORS).cloned().collect(),
            more_errors: self.fields().len().saturating_sub(MAX_ERRORS),
            request_id: request_id::current(),
            detail,
        };
        let mut response = warp::reply::with_status(warp::reply::json(&problem), status).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Self::Method(allowed) = &self
            && let Ok(allowed) = HeaderValue::from_str(allowed)
        {
            headers.insert(header::ALLOW, allowed);
        }
        if [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status) {
            // Whole seconds, and never before the time.
            let seconds = self.retry_after().as_secs_f64().ceil().max(1.0) as u64;
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = self.challenge()
            && let Ok(challenge) = HeaderValue::from_str(&challenge)
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What is wrong with what is no request, by the status of its answer.
pub fn detail_of_no_request(status: StatusCode) -> &'static str {
    match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => HEAD_TOO_LARGE,
        StatusCode::URI_TOO_LONG => URL_TOO_LONG,
        _ => "this is not a request of HTTP/1.1 that can be understood",
    }
}

/// The problem document of what is no request.
pub fn of_no_request(status: StatusCode, detail: &str, request_id: String) -> String {
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        status: status.as_u16(),
        detail: detail.to_owned(),
        legacy: detail.to_owned(),
        not_found: None,
        errors: Vec::new(),
        more_errors: 0,
        request_id: Some(request_id),
    };
    serde_json::to_string(&problem).unwrap_or_default()
}

/// The status of what the application says.
fn status(error: &app::Error) -> StatusCode {
    match error {
        app::Error::Fields(_) | app::Error::Refused(_) | app::Error::TooManyRows(_) => StatusCode::BAD_REQUEST,
        app::Error::Forbidden(_) => StatusCode::FORBIDDEN,
        app::Error::Conflict(_) => StatusCode::CONFLICT,
        app::Error::NoSuchStep(_)
        | app::Error::NoSuchDeployment(_)
        | app::Error::NoDeploymentBeginsWith(_)
        | app::Error::NothingBefore(_)
        | app::Error::NoSuchNote(_)
        | app::Error::NoSuchToken(_) => StatusCode::NOT_FOUND,
        app::Error::NotRecorded(_)
        | app::Error::Store(_)
        | app::Error::OutOfOrder(_)
        | app::Error::Behind
        | app::Error::Busy
        | app::Error::BusyWith(_)
        | app::Error::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        app::Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// When a client that was answered 503 may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The same, when others compute.
const RETRY_COMPUTING_AFTER: Duration = Duration::from_secs(5);
