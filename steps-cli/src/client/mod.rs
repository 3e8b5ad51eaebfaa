//! Requests to the server.

use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderName, LOCATION, RETRY_AFTER, SERVER};
use reqwest::{RequestBuilder, Response, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use steps_shared::{Problem, Timestamp, innermost};
use tokio::time::timeout;

mod body;
mod calls;
mod connection;
mod events;
mod patience;
mod request_error;
mod unreachable;

use body::MAX_SMALL_DOCUMENT;
pub use body::{Body, MAX_DOCUMENT};
pub use calls::{Count, Listed, Readiness};
pub use connection::Connection;
use connection::{authorization, certificates, has_tls_proxy};
pub use patience::{Folding, Patience};
pub use request_error::RequestError;
use request_error::{Busy, is_of_what_was_sent};

use crate::clock;
use crate::credentials::{TokenSource, is_loopback};
use crate::error::Error;

/// No more of an error's body is read.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// The most of a header that is shown, in characters.
const MAX_HEADER: usize = 200;

/// No server asks for a longer pause; a longer one would overflow.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The media type of a problem document.
const PROBLEM: &str = "application/problem+json";

/// Where this machine's clock differs by more from the server's date, which has whole seconds, it counts as wrong.
const MAX_CLOCK_DIFFERENCE_MICROS: u64 = 2_000_000;

/// Makes requests to one server.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    /// The server's address without a slash at its end.
    base: String,
    /// The address for messages, without a password.
    shown: String,
    timeout: Duration,
    /// Where the token is from that every request has.
    token: Option<TokenSource>,
    /// Who sees what a question waits for; without them none waits for a busy server.
    patience: Option<Box<dyn Patience>>,
}

/// Runs a future to its end, on this thread.
pub fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Error::Failed(format!("cannot start: {error}")))?;
    let result = runtime.block_on(future);
    // A name lookup that hangs would hold up the exit.
    runtime.shutdown_background();
    result
}

impl Client {
    /// Prepares for requests, of which none may take longer than the timeout. Nothing is sent yet.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn new(connection: &Connection) -> Result<Self, Error> {
        let Connection { server, timeout, token, ca_file } = connection;
        // reqwest takes the provider from here, and does no more with it unless the URL is https.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("steps/", env!("CARGO_PKG_VERSION")))
            // A redirected POST would become a GET, and a token would go elsewhere.
            .redirect(redirect::Policy::none());
        if let Some(token) = token {
            http = http.default_headers(authorization(token)?);
        }
        if server.scheme() == "http" && !has_tls_proxy() {
            // Reading the system's certificates takes longer than the whole request.
            http = http.tls_certs_only([]);
        } else if let Some(path) = ca_file {
            http = http.tls_certs_merge(certificates(path)?);
        }
        if is_loopback(server) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Error::Failed(unreachable::unprepared(&cause(&error))))?;
        let base = server.as_str().trim_end_matches('/').to_owned();
        let token = token.as_ref().map(|token| token.source.clone());
        Ok(Self { http, base, shown: shown(server), timeout: *timeout, token, patience: None })
    }

    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The server's address without a password.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Where the token is from that every request has.
    pub fn token(&self) -> Option<&TokenSource> {
        self.token.as_ref()
    }

    /// The body of a successful answer.
    pub fn body(&self, response: Response) -> Body<'_> {
        Body::new(self, response)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Sends a request, and waits for the head of a successful answer; where somebody sees that it waits, for as long as the
    /// server works on it.
    async fn begin(&self, request: RequestBuilder) -> Result<Response, Error> {
        let begin = |request| async {
            if self.is_patient() { self.head(request).await } else { self.begin_once(request).await }
        };
        Ok(self.patiently(request, begin).await?)
    }

    /// The same, without waiting for a busy server.
    async fn begin_once(&self, request: RequestBuilder) -> Result<Response, RequestError> {
        timeout(self.timeout, self.send(request)).await.unwrap_or_else(|_| Err(self.timed_out()))
    }

    /// Sends a request, and reads a successful JSON answer of one thing.
    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<(StatusCode, T), RequestError> {
        self.answer_within(request, MAX_SMALL_DOCUMENT).await
    }

    /// Sends a request, and reads a successful JSON answer of so many bytes at most.
    async fn answer_within<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<(StatusCode, T), RequestError> {
        self.patiently(request, |request| self.answer_once(request, limit)).await
    }

    /// The same, without waiting for a busy server.
    async fn answer_once<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<(StatusCode, T), RequestError> {
        let exchange = async {
            let response = self.send(request).await?;
            let status = response.status();
            let document = self.body(response).document(limit).await.map_err(RequestError::transient)?;
            Ok((status, document))
        };
        let (status, body) = timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err(self.timed_out()))?;
        match serde_json::from_slice(&body) {
            Ok(answer) => Ok((status, answer)),
            Err(error) => Err(RequestError::permanent(Error::Failed(format!(
                "{} answered {status}, but not as a steps-server does ({error}); is --server right?",
                self.shown
            )))),
        }
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, RequestError> {
        let response = request.send().await.map_err(|error| self.exchange_failed(&error))?;
        if !response.status().is_success() {
            return Err(self.error_of(response).await);
        }
        match header(&response, &CONTENT_ENCODING) {
            None | Some("identity") => Ok(response),
            Some(encoding) => Err(RequestError::permanent(Error::Failed(format!(
                "the answer of {} is compressed ({}), which was not requested; is there a proxy before it?",
                self.shown,
                shortened(encoding)
            )))),
        }
    }

    /// What it means that no answer came in time.
    pub fn timed_out(&self) -> RequestError {
        let message = format!(
            "the server at {} did not answer within {:?}; --timeout or STEPS_TIMEOUT give it longer",
            self.shown, self.timeout
        );
        RequestError::transient(Error::Failed(message))
    }

    /// What it means that a request panicked.
    pub fn broken(&self) -> RequestError {
        let message = format!("the exchange with the server at {} broke: this is a bug in steps", self.shown);
        RequestError::transient(Error::Failed(message))
    }

    fn exchange_failed(&self, error: &reqwest::Error) -> RequestError {
        let cause = cause(error);
        let message = if error.is_connect() {
            format!("cannot reach the server at {}: {}", self.shown, unreachable::told(&self.shown, &cause))
        } else {
            format!("the exchange with the server at {} broke: {cause}", self.shown)
        };
        RequestError::transient(Error::Failed(message))
    }

    /// What it means that the server does not know who asks.
    fn unauthorized(&self, detail: &str) -> String {
        let shown = &self.shown;
        match &self.token {
            None => format!("the server refused: {detail}; run 'steps login', or set STEPS_TOKEN"),
            Some(source @ TokenSource::Stored { .. }) => {
                format!("the server at {shown} does not accept {source}: {detail}; run 'steps login' with another")
            }
            Some(source) => format!("the server at {shown} does not accept {source}: {detail}"),
        }
    }

    /// What an answer other than 2xx means.
    async fn error_of(&self, mut response: Response) -> RequestError {
        let status = response.status();
        let header = |name| header(&response, &name);
        let retry_after = header(RETRY_AFTER).and_then(|value| value.parse().ok()).map(Duration::from_secs);
        let retry_after = retry_after.map(|pause| pause.min(MAX_RETRY_AFTER));
        let place = header(LOCATION).map_or_else(String::new, |place| format!(" to {}", shortened(place)));
        let kind = header(CONTENT_TYPE).map(|kind| kind.split(';').next().unwrap_or_default().trim().to_owned());
        let answering = header(SERVER).map_or_else(String::new, |server| format!(" by {}", shortened(server)));
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_PROBLEM_BYTES {
                break;
            }
        }
        // A proxy's own page, or a document of another program, says nothing of what was sent.
        let problem: Option<Problem> = serde_json::from_slice(&body).ok();
        let problem = problem.filter(|problem| kind.as_deref() == Some(PROBLEM) && problem.status == status.as_u16());
        let retryable = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        let refusal = problem.as_ref().is_some_and(|problem| is_of_what_was_sent(status, problem));
        let denies_fields = status == StatusCode::FORBIDDEN && problem.as_ref().is_some_and(|it| !it.errors.is_empty());
        let is_unavailable = status == StatusCode::SERVICE_UNAVAILABLE;
        let busy = problem.as_ref().zip(retry_after).filter(|_| is_unavailable).map(|(problem, pause)| Busy {
            reason: problem.detail.split(';').next().unwrap_or_default().to_owned(),
            pause,
        });
        let error = match problem {
            Some(problem) if status == StatusCode::UNAUTHORIZED => Error::Refused(self.unauthorized(&problem.detail)),
            Some(problem) if problem.not_found.is_some() => Error::Refused(format!(
                "a steps-server answers at {}, but not to this: --server has a path too much, or that server is older than this command",
                self.shown
            )),
            Some(problem) if status.is_client_error() && !retryable => {
                Error::Refused(format!("the server refused: {}", problem.detail))
            }
            Some(problem) => Error::Failed(format!("the server at {} failed: {}", self.shown, problem.detail)),
            None if status.is_client_error() && !retryable => Error::Refused(format!(
                "{} is answered {status}{answering}, not as a steps-server does: by a proxy before it, or --server is wrong",
                self.shown
            )),
            None if status.is_redirection() => {
                Error::Failed(format!("{} redirects{place}; give the final address with --server", self.shown))
            }
            None => Error::Failed(format!("the server at {} answered {status}", self.shown)),
        };
        let transient = retryable || matches!(status.as_u16(), 502..=504);
        RequestError { error, transient, refusal, denies_fields, retry_after, status: Some(status), busy }
    }
}

/// A header of an answer, where it is ASCII.
fn header<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The beginning of a header, which may be as long as its server likes.
fn shortened(value: &str) -> String {
    match value.char_indices().nth(MAX_HEADER) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

/// The address without its password, for messages.
pub fn shown(server: &Url) -> String {
    let mut server = server.clone();
    if server.password().is_some() {
        // This cannot fail: the address has a host.
        let _ = server.set_password(Some("***"));
    }
    server.as_str().trim_end_matches('/').to_owned()
}

/// The time now: this machine's, or the server's where they differ too much.
pub fn clock(response: &Response) -> Timestamp {
    let server = response.headers().get(DATE).and_then(|date| {
        let date = chrono::DateTime::parse_from_rfc2822(date.to_str().ok()?).ok()?;
        Timestamp::try_from(date.to_utc()).ok()
    });
    choose_clock(clock::now(), server)
}

fn choose_clock(ours: Timestamp, server: Option<Timestamp>) -> Timestamp {
    match server {
        Some(server) if ours.micros().abs_diff(server.micros()) > MAX_CLOCK_DIFFERENCE_MICROS => server,
        _ => ours,
    }
}

/// The innermost cause.
fn cause(error: &reqwest::Error) -> String {
    // The outermost error repeats the URL, and with it a password.
    if error.source().is_none() { "the request failed".to_owned() } else { innermost(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        assert_eq!(shown(&"https://ann:secret@h/".parse().unwrap()), "https://ann:***@h");
    }

    #[test]
    fn a_wrong_clock_is_not_believed() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let server = time("2026-01-05T09:30:00Z");
        assert_eq!(choose_clock(time("2026-01-05T09:30:00.9Z"), Some(server)), time("2026-01-05T09:30:00.9Z"));
        assert_eq!(choose_clock(time("2026-01-05T09:31:00Z"), Some(server)), server);
        assert_eq!(choose_clock(server, None), server);
    }
}
