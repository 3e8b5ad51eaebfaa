//! What a request waits for while it is answered, for whoever traces it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most phases of a request that are kept.
const MOST: usize = 64;

tokio::task_local! {
    static PHASES: Arc<Mutex<Vec<Phase>>>;
}

/// A part of answering a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// What it is.
    pub name: &'static str,
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// Whether it ended with an error.
    pub has_failed: bool,
}

/// Runs `answer`, and says which phases it had, where somebody wants to know.
pub async fn collect<F: Future>(wanted: bool, answer: F) -> (F::Output, Vec<Phase>) {
    if !wanted {
        return (answer.await, Vec::new());
    }
    let phases: Arc<Mutex<Vec<Phase>>> = Arc::default();
    let output = PHASES.scope(Arc::clone(&phases), answer).await;
    let taken = std::mem::take(&mut *phases.lock().unwrap_or_else(PoisonError::into_inner));
    (output, taken)
}

/// Runs a phase. Where nobody wants to know, it does nothing else.
pub(super) async fn phase<T, E>(name: &'static str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let Ok(phases) = PHASES.try_with(Arc::clone) else { return work.await };
    let began = Instant::now();
    let done = work.await;
    let mut phases = phases.lock().unwrap_or_else(PoisonError::into_inner);
    if phases.len() < MOST {
        phases.push(Phase { name, began, took: began.elapsed(), has_failed: done.is_err() });
    }
    done
}
