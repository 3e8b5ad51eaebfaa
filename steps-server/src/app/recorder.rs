//! Records facts: everything that waits is committed together, then each caller is answered.
//!
//! No timer delays a commit: an idle server commits a fact at once, and under load the next batch gathers while the last
//! one is being committed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::commit::{Queued, commit};
use super::fact::{Fact, RecordOutcome};
use crate::projection::worker::Projector;
use crate::store::{Store, StoreError};

/// A commit with this many facts takes no more of those that wait.
const FACTS_PER_COMMIT: usize = 1000;
/// How often a commit is tried within the deadline of a request when the database does not answer at all: the connection may
/// be dead, and another one work.
const TRIES: u32 = 2;
/// Pauses between tries while the database is away. They are short, so that recording resumes soon after it is back.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(250)];

/// Why a fact was not recorded. It may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The queue is full.
    #[error("too many steps are waiting to be recorded; send it again a little later")]
    Full,
    /// The database did not commit it in time.
    #[error("the database did not answer in time; send it again a little later")]
    TimedOut,
}

/// Takes facts and answers when they are committed.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::UnboundedSender<Job>,
    /// A permit for each fact that may wait; this bounds the queue.
    queue_slots: Arc<Semaphore>,
    deadline: Duration,
}

#[derive(Debug)]
struct Job {
    facts: Vec<Fact>,
    deadline: Instant,
    /// See [`Queued::uncertain`].
    uncertain: bool,
    answer: oneshot::Sender<Vec<RecordOutcome>>,
    _slots: OwnedSemaphorePermit,
}

impl Recorder {
    /// Starts the one writer. It ends, with its queue committed, when every [`Recorder`] has been dropped.
    #[must_use]
    pub fn start(store: Store, projector: Projector, queue: u32, deadline: Duration) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let queue_slots = Arc::new(Semaphore::new(queue as usize));
        let writer = tokio::spawn(write(store, projector, receiver, deadline / TRIES));
        (Self { queue: sender, queue_slots, deadline }, writer)
    }

    /// Says whether one more fact can be queued now, so that no work is done for one that cannot.
    ///
    /// # Errors
    /// [`RecordError::Full`].
    pub fn check_room(&self) -> Result<(), RecordError> {
        if self.queue_slots.available_permits() == 0 { Err(RecordError::Full) } else { Ok(()) }
    }

    /// Records facts and says what became of each, in their order. All are part of one commit.
    ///
    /// # Errors
    /// The queue is full, or the database did not answer within the deadline.
    pub async fn record(&self, facts: Vec<Fact>) -> Result<Vec<RecordOutcome>, RecordError> {
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        let count = u32::try_from(facts.len()).map_err(|_| RecordError::Full)?;
        let slots = Arc::clone(&self.queue_slots).try_acquire_many_owned(count).map_err(|_| RecordError::Full)?;
        let deadline = Instant::now() + self.deadline;
        let (answer, answered) = oneshot::channel();
        let job = Job { facts, deadline, uncertain: false, answer, _slots: slots };
        self.queue.send(job).map_err(|_| RecordError::TimedOut)?;
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(Ok(outcomes)) => Ok(outcomes),
            Ok(Err(_)) | Err(_) => Err(RecordError::TimedOut),
        }
    }
}

/// Commits what waits, until every [`Recorder`] is gone. One try may take as long as `try_timeout`.
async fn write(store: Store, projector: Projector, mut queue: mpsc::UnboundedReceiver<Job>, try_timeout: Duration) {
    let mut failures = 0;
    let mut waiting: Vec<Job> = Vec::new();
    loop {
        if waiting.is_empty() {
            match queue.recv().await {
                Some(job) => waiting.push(job),
                None => return,
            }
        }
        let mut count: usize = waiting.iter().map(|job| job.facts.len()).sum();
        while count < FACTS_PER_COMMIT
            && let Ok(job) = queue.try_recv()
        {
            count += job.facts.len();
            waiting.push(job);
        }
        // The callers of these have been answered that nothing was recorded.
        waiting.retain(|job| job.deadline > Instant::now());
        let Some(deadline) = waiting.iter().map(|job| job.deadline).max() else { continue };
        let began = Instant::now();
        let committed = {
            let facts: Vec<Queued<'_>> = waiting
                .iter()
                .flat_map(|job| job.facts.iter().map(|fact| Queued { fact, uncertain: job.uncertain }))
                .collect();
            let tried = tokio::time::timeout_at(deadline.min(began + try_timeout), commit(&store, &facts)).await;
            tried.unwrap_or(Err(StoreError::TimedOut))
        };
        match committed {
            Ok(outcomes) => {
                failures = 0;
                projector.notify_recorded();
                answer(waiting.drain(..), outcomes);
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%error, count, "steps cannot be committed; trying again");
                }
                store.renew_writers(began);
                waiting.iter_mut().for_each(|job| job.uncertain = true);
                tokio::time::sleep(PAUSES[failures.min(PAUSES.len() - 1)]).await;
                failures += 1;
            }
        }
    }
}

fn answer(jobs: impl Iterator<Item = Job>, outcomes: Vec<RecordOutcome>) {
    let mut outcomes = outcomes.into_iter();
    for job in jobs {
        let outcomes = outcomes.by_ref().take(job.facts.len()).collect();
        // A caller that is gone needs no answer; its facts are recorded all the same.
        let _: Result<(), Vec<RecordOutcome>> = job.answer.send(outcomes);
    }
}
