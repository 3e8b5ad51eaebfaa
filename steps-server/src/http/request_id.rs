//! The id of a request, in every answer, error and log line: the client's, or a new one.

use std::future::Future;

use steps_shared::StepId;
use warp::http::{HeaderMap, HeaderName};

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The most bytes of a client's id.
const MAX_LENGTH: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// The client's id when it is visible ASCII and not too long, else a new one.
#[must_use]
pub fn take_or_make(headers: &HeaderMap) -> String {
    let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()) => {
            id.to_owned()
        }
        _ => make(),
    }
}

/// A new one.
pub fn make() -> String {
    StepId::generate().to_string()
}

/// Runs `request` under this id.
pub fn scope<F: Future>(id: String, request: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(id, request)
}

/// The id of the request that is being answered.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}
