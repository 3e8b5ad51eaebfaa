//! Why a request failed.

use std::time::Duration;

use reqwest::StatusCode;
use steps_shared::Problem;

use crate::error::Error;

/// Why a request failed.
#[derive(Debug)]
pub struct RequestError {
    /// The message for the user.
    pub error: Error,
    /// Whether the same request may succeed in a moment.
    pub transient: bool,
    /// Whether a steps-server has understood what was sent, and refuses just that.
    pub(super) refusal: bool,
    /// Whether fields of what was sent are named that the token does not permit.
    pub(super) denies_fields: bool,
    /// `Retry-After`, where the server sent it.
    pub retry_after: Option<Duration>,
    /// The status of the answer; `None` where there was none.
    pub status: Option<StatusCode>,
    /// A steps-server says that it is busy, and when to ask again.
    pub busy: Option<Busy>,
}

/// What a server is busy with.
#[derive(Debug)]
pub struct Busy {
    /// The first part of what it says: why, without what to do.
    pub reason: String,
    /// When to ask again.
    pub pause: Duration,
}

/// Whether a problem is of the very step or end that was sent: anything else (no such path, a method, the right to
/// record) may be put right, so that the same request succeeds later.
pub(super) fn is_of_what_was_sent(status: StatusCode, problem: &Problem) -> bool {
    match status {
        StatusCode::BAD_REQUEST
        | StatusCode::CONFLICT
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNPROCESSABLE_ENTITY => true,
        // The end of a span that is not recorded.
        StatusCode::NOT_FOUND => problem.not_found.is_none(),
        _ => false,
    }
}

impl RequestError {
    /// Whether the server has understood and refused, so that sending the request again is useless. Anything else (a 5xx,
    /// 401, 403, 408, 429, a redirection, half an answer, whatever a proxy says) may be a fault of the server, of a proxy
    /// or of the network.
    pub fn is_refusal(&self) -> bool {
        self.refusal
    }

    /// Whether the server answers, and does not let this client do that.
    pub fn is_denial(&self) -> bool {
        matches!(self.status, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
    }

    /// Whether the token does not permit some of what was sent; it may permit the rest.
    pub fn denies_fields(&self) -> bool {
        self.denies_fields
    }

    pub(super) fn permanent(error: Error) -> Self {
        Self {
            error,
            transient: false,
            refusal: false,
            denies_fields: false,
            retry_after: None,
            status: None,
            busy: None,
        }
    }

    pub(super) fn transient(error: Error) -> Self {
        Self { transient: true, ..Self::permanent(error) }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        error.error
    }
}
