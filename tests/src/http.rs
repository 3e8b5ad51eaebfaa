//! An HTTP client and its answers, for tests.

use std::sync::Once;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, ClientBuilder, RequestBuilder};
use serde_json::Value;
use steps_shared::{Problem, Step};

/// A client that obeys no proxy and follows no redirect.
///
/// # Panics
/// Where none can be built.
#[must_use]
pub fn client() -> Client {
    builder().build().expect("an HTTP client")
}

/// The same, about to be built.
pub fn builder() -> ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Another client of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    // A connection is not used again when a server with a short --stall-timeout may be closing it.
    let idle = Duration::from_millis(500);
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).pool_idle_timeout(idle)
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Sends the request and reads its answer.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap_or_else(|error| panic!("no answer: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap_or_else(|error| panic!("half an answer: {error:?}")).to_vec();
        Self { status, headers, bytes }
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).expect("the body is UTF-8")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.text()))
    }

    /// The step that was recorded now (201).
    #[track_caller]
    pub fn recorded(&self) -> Step {
        self.step(201)
    }

    /// The step in an answer with this status.
    #[track_caller]
    pub fn step(&self, status: u16) -> Step {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("not a step: {error}: {}", self.text()))
    }

    /// The problem document of a refusal, which must have this status, outside and inside.
    #[track_caller]
    pub fn problem(&self, status: u16) -> Problem {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header(CONTENT_TYPE.as_str()), "application/problem+json");
        let problem: Problem = serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("not a problem document: {error}: {}", self.text()));
        assert_eq!(problem.status, status, "the status inside the document");
        problem
    }

    /// The body of a 200.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert_eq!(self.status, 200, "{}", self.text());
        self.text()
    }

    /// A header's value; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
