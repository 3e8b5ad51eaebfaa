//! Waiting for a server that is busy: it still folds, or its database is away for a moment.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use steps_shared::ProjectionQuery;
use tokio::time::{Instant, sleep, timeout};

use super::{Client, RequestError};

/// How long a busy server is waited for while nothing moves.
const STALLED: Duration = Duration::from_secs(120);

/// A server may ask for a longer pause. Nobody who looks at a terminal wants to wait for that without a question between.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// How long a server may work on an answer before it begins.
const LONGEST_WORK: Duration = Duration::from_secs(60 * 60);

/// Somebody who sees what a question waits for.
pub trait Patience: fmt::Debug + Send + Sync {
    /// The question waits, because of this.
    fn waits(&self, reason: &str, folding: Option<Folding>);

    /// It waits no longer.
    fn ends(&self);
}

/// What the server still folds into deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folding {
    /// Changes that waited when it was asked first.
    pub all: u64,
    /// Those that wait on.
    pub left: u64,
}

impl Client {
    /// Waits for a busy server, and tells `patience` what for. Without it, an answer that the server is busy is an error.
    #[must_use]
    pub fn with_patience(self, patience: Box<dyn Patience>) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// Whether a busy server is waited for.
    pub fn is_patient(&self) -> bool {
        self.patience.is_some()
    }

    /// Makes a request. While the server says that it is busy, a question is asked again.
    pub(super) async fn patiently<T, F>(
        &self,
        mut request: RequestBuilder,
        mut exchange: impl FnMut(RequestBuilder) -> F,
    ) -> Result<T, RequestError>
    where
        F: Future<Output = Result<T, RequestError>>,
    {
        let Some(patience) = self.patience.as_deref().filter(|_| is_question(&request)) else {
            return exchange(request).await;
        };
        let (mut moved, mut folding) = (Instant::now(), None);
        loop {
            let again = request.try_clone();
            let answer = exchange(request).await;
            let (busy, next) = match (&answer, again) {
                (Err(RequestError { busy: Some(busy), .. }), Some(again)) if moved.elapsed() < STALLED => (busy, again),
                _ => {
                    patience.ends();
                    return answer;
                }
            };
            let before = folding;
            folding = self.folding(before).await;
            if folding != before {
                moved = Instant::now();
            }
            patience.waits(&busy.reason, folding);
            sleep(busy.pause.min(MAX_PAUSE)).await;
            request = next;
        }
    }

    /// Sends a request, and waits for the head of the answer for as long as the server answers at all: of a long list it comes
    /// late, and of a workbook when that is whole.
    pub(super) async fn head(&self, request: RequestBuilder) -> Result<Response, RequestError> {
        let mut sending = pin!(self.send(request));
        let begun = Instant::now();
        while begun.elapsed() < LONGEST_WORK {
            if let Ok(sent) = timeout(self.timeout, &mut sending).await {
                if let Some(patience) = &self.patience {
                    patience.ends();
                }
                return sent;
            }
            // Whatever the answer is, the server is there.
            if matches!(self.begin_once(self.http.get(self.url("/readyz"))).await, Err(error) if error.status.is_none())
            {
                break;
            }
            if let Some(patience) = &self.patience {
                patience.waits("the server prepares the answer", None);
            }
        }
        Err(self.timed_out())
    }

    /// How much the server still folds, where it says so; as before where it does not answer that.
    async fn folding(&self, before: Option<Folding>) -> Option<Folding> {
        let Ok(projection) = self.projection(ProjectionQuery::default()).await else { return before };
        let left = projection.waiting;
        let all = before.map_or(0, |before| before.all).max(left);
        (left > 0).then_some(Folding { all, left })
    }
}

/// Whether a request changes nothing, so that it may be made again.
fn is_question(request: &RequestBuilder) -> bool {
    let built = request.try_clone().and_then(|request| request.build().ok());
    built.is_some_and(|request| request.method() == Method::GET)
}
