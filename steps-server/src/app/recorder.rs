//! Records facts: everything that waits is committed together, then each caller is answered.
//!
//! No timer delays a commit: an idle server commits a fact at once, and under load the next batch gathers while the last
//! one is being committed, and while requests that have arrived are read. Where the database takes several commits at a
//! time, the long batches of an import have a writer of their own, so that a single step does not wait for one of them.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use steps_shared::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use super::Caller;
use super::commit::{Queued, commit};
use super::fact::{Fact, RecordOutcome};
use super::gate::Gate;
use super::metrics::{Metrics, Work};
use super::phases::phase;
use crate::projection::worker::Projector;
use crate::store::{Store, StoreError};

/// A commit with this many facts takes no more of those that wait.
const FACTS_PER_COMMIT: usize = 1000;
/// For how long, at most, requests that have arrived are read before a commit.
const GATHERING: Duration = Duration::from_millis(2);
/// A job of more facts than this is long.
const LONG: usize = 100;
/// How often a commit is tried within the deadline of a request when the database does not answer at all: the connection may
/// be dead, and another one work.
const TRIES: u32 = 2;
/// How long nothing may be sent, while the database cannot write, until a write is tried without a fact.
const PROBE: Duration = Duration::from_millis(500);
/// Pauses between tries while the database is away. They are short, so that recording resumes soon after it is back.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(250)];
/// Before a deadline that is nearer than this nothing is tried again.
const LAST_PAUSE: Duration = Duration::from_millis(300);

/// Why a fact was not recorded. It may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The queue is full.
    #[error("too many steps are waiting to be recorded; send it again a little later")]
    Full,
    /// The database did not commit it in time.
    #[error("the database did not answer in time; send it again a little later")]
    TimedOut,
    /// The database cannot write, for this reason, and the last commit has failed because of it.
    #[error("{0}; nothing is recorded until this is mended, so send it again later")]
    Unwritable(String),
}

/// Takes facts and answers when they are committed.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::UnboundedSender<Job>,
    /// Where long jobs wait: the same queue where the database takes one commit at a time.
    long: mpsc::UnboundedSender<Job>,
    /// A permit for each fact that may wait; this bounds the queue.
    queue_slots: Arc<Semaphore>,
    limit: usize,
    deadline: Duration,
    gate: Arc<Gate>,
}

/// What a [`Recorder`] needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most facts that wait to be committed.
    pub queue: u32,
    /// How long a request may wait for the database.
    pub deadline: Duration,
    /// The clock.
    pub now: fn() -> Timestamp,
}

#[derive(Debug)]
struct Job {
    facts: Vec<Fact>,
    /// Who sent them.
    caller: Arc<Caller>,
    deadline: Instant,
    /// See [`Queued::uncertain`].
    uncertain: bool,
    answer: oneshot::Sender<Result<Vec<RecordOutcome>, RecordError>>,
    _slots: OwnedSemaphorePermit,
}

impl Recorder {
    /// Starts the writers. They end, with their queues committed, when every [`Recorder`] has been dropped.
    #[must_use]
    pub fn start(
        store: Store,
        projector: Projector,
        metrics: Arc<Metrics>,
        Options { queue, deadline, now }: Options,
    ) -> (Self, JoinHandle<()>) {
        let limit = queue as usize;
        let queue_slots = Arc::new(Semaphore::new(limit));
        let gate = Arc::new(Gate::default());
        let has_one_writer = store.has_one_writer();
        let writer = Writer { store, projector, gate: Arc::clone(&gate), metrics, now, try_timeout: deadline / TRIES };
        let (queue, receiver) = mpsc::unbounded_channel();
        let writing = tokio::spawn(writer.clone().write(receiver));
        if has_one_writer {
            return (Self { long: queue.clone(), queue, queue_slots, limit, deadline, gate }, writing);
        }
        let (long, receiver) = mpsc::unbounded_channel();
        let writing_long = tokio::spawn(writer.write(receiver));
        let both = tokio::spawn(async move {
            let _: [Result<(), JoinError>; 2] = [writing.await, writing_long.await];
        });
        (Self { queue, long, queue_slots, limit, deadline, gate }, both)
    }

    /// Says whether one more fact can be queued now, so that no work is done for one that cannot.
    ///
    /// # Errors
    /// [`RecordError::Full`], or [`RecordError::Unwritable`] while another caller tries whether that is over.
    pub fn check_room(&self) -> Result<(), RecordError> {
        self.gate.check_room()?;
        if self.queue_slots.available_permits() == 0 { Err(RecordError::Full) } else { Ok(()) }
    }

    /// How many facts wait to be committed, and how many may.
    #[must_use]
    pub fn queue(&self) -> (i64, i64) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        (number(self.limit.saturating_sub(self.queue_slots.available_permits())), number(self.limit))
    }

    /// Says whether the last commit was made.
    ///
    /// # Errors
    /// [`RecordError::Unwritable`].
    pub fn check_writable(&self) -> Result<(), RecordError> {
        self.gate.reason().map_or(Ok(()), |reason| Err(RecordError::Unwritable(reason)))
    }

    /// Records facts of one sender and says what became of each, in their order. All are part of one commit.
    ///
    /// # Errors
    /// The queue is full, or the database did not answer within the deadline.
    pub async fn record(&self, caller: &Arc<Caller>, facts: Vec<Fact>) -> Result<Vec<RecordOutcome>, RecordError> {
        if facts.is_empty() {
            return Ok(Vec::new());
        }
        let _entered = self.gate.enter()?;
        let count = u32::try_from(facts.len()).map_err(|_| RecordError::Full)?;
        let slots = Arc::clone(&self.queue_slots).try_acquire_many_owned(count).map_err(|_| RecordError::Full)?;
        let deadline = Instant::now() + self.deadline;
        let (answer, answered) = oneshot::channel();
        let job = Job { facts, caller: Arc::clone(caller), deadline, uncertain: false, answer, _slots: slots };
        let queue = if count as usize > LONG { &self.long } else { &self.queue };
        queue.send(job).map_err(|_| RecordError::TimedOut)?;
        let committed = async {
            match tokio::time::timeout_at(deadline, answered).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Err(RecordError::TimedOut),
            }
        };
        phase("commit", committed).await
    }
}

/// A task that commits.
#[derive(Clone)]
struct Writer {
    store: Store,
    projector: Projector,
    gate: Arc<Gate>,
    metrics: Arc<Metrics>,
    now: fn() -> Timestamp,
    /// How long one try may take.
    try_timeout: Duration,
}

impl Writer {
    /// Commits what waits, until every [`Recorder`] is gone.
    async fn write(self, mut queue: mpsc::UnboundedReceiver<Job>) {
        let (mut failures, mut committed_last) = (0, 0);
        let mut waiting: Vec<Job> = Vec::new();
        loop {
            if waiting.is_empty() {
                match self.next(&mut queue).await {
                    Some(job) => waiting.push(job),
                    None => return,
                }
            }
            let count = gather(&mut queue, &mut waiting, committed_last).await;
            // The callers of these have been answered that nothing was recorded.
            waiting.retain(|job| job.deadline > Instant::now());
            let Some(deadline) = waiting.iter().map(|job| job.deadline).max() else { continue };
            let began = Instant::now();
            let committed = {
                let facts: Vec<Queued<'_>> = waiting
                    .iter()
                    .flat_map(|Job { facts, caller, uncertain, .. }| {
                        facts.iter().map(|fact| Queued { fact, caller, uncertain: *uncertain })
                    })
                    .collect();
                let commit = commit(&self.store, &facts);
                let tried = tokio::time::timeout_at(deadline.min(began + self.try_timeout), commit).await;
                tried.unwrap_or(Err(StoreError::TimedOut))
            };
            if committed.is_err() {
                self.metrics.failed(Work::Recording);
            }
            match committed {
                Ok(outcomes) => {
                    failures = 0;
                    self.gate.open();
                    self.metrics.committed(count, began.elapsed(), self.longest_wait(&waiting));
                    self.projector.notify_recorded();
                    committed_last = waiting.len();
                    answer(waiting.drain(..), outcomes);
                }
                // It does not help to try again at once: who waits is told at once.
                Err(error) if self.is_told_at_once(&error, &waiting) => {
                    if !matches!(error, StoreError::FileLost(_)) {
                        self.gate.close(&error.to_string());
                    }
                    self.store.renew_writers(began);
                    waiting.extend(iter::from_fn(|| queue.try_recv().ok()));
                    for job in waiting.drain(..) {
                        let _: Result<(), _> = job.answer.send(Err(RecordError::Unwritable(error.to_string())));
                    }
                }
                Err(error) => {
                    if failures == 0 {
                        tracing::warn!(%error, count, "steps cannot be committed; trying again");
                    }
                    self.store.renew_writers(began);
                    waiting.iter_mut().for_each(|job| job.uncertain = true);
                    tokio::time::sleep(PAUSES[failures.min(PAUSES.len() - 1)]).await;
                    failures += 1;
                }
            }
        }
    }

    /// Whether who waits is told at once that a commit has failed so. While a database is read-only they wait as long as they can,
    /// because a fail-over ends that; from then on nobody does, until a commit succeeds.
    fn is_told_at_once(&self, error: &StoreError, waiting: &[Job]) -> bool {
        let is_near = |job: &Job| job.deadline <= Instant::now() + LAST_PAUSE;
        match error {
            StoreError::Unwritable(_) | StoreError::FileLost(_) => true,
            StoreError::ReadOnly(_) => self.gate.reason().is_some() || waiting.iter().any(is_near),
            _ => false,
        }
    }

    /// How long what has waited longest had waited when it was committed: of the steps those whose client gave no time, and since the
    /// server has it the ends of spans.
    fn longest_wait(&self, jobs: &[Job]) -> Option<Duration> {
        let facts = jobs.iter().flat_map(|job| &job.facts);
        let oldest = facts.filter_map(|fact| match fact {
            Fact::Step { step, sent_ts } => (!sent_ts).then_some(step.ts.micros()),
            Fact::SpanEnd { received_at, .. } => Some(received_at.micros()),
        });
        let waited = (self.now)().micros().saturating_sub(oldest.min()?);
        Some(Duration::from_micros(waited.try_into().unwrap_or_default()))
    }

    /// The next job. While the database cannot write, tries by itself whether it can again: nobody may be sending, because the
    /// server is not ready.
    async fn next(&self, queue: &mut mpsc::UnboundedReceiver<Job>) -> Option<Job> {
        while self.gate.reason().is_some() {
            if let Ok(job) = tokio::time::timeout(PROBE, queue.recv()).await {
                return job;
            }
            let began = Instant::now();
            let probe = tokio::time::timeout(self.try_timeout, self.store.probe_writing()).await;
            match probe.unwrap_or(Err(StoreError::TimedOut)) {
                Ok(()) => self.gate.open(),
                Err(_) => self.store.renew_writers(began),
            }
        }
        queue.recv().await
    }
}

/// Takes what waits, and how many facts that makes. While it becomes more, and where several were committed before, requests that have
/// arrived are read first: who was answered then has sent the next, and would wait for a commit without it.
async fn gather(queue: &mut mpsc::UnboundedReceiver<Job>, waiting: &mut Vec<Job>, committed: usize) -> usize {
    let began = Instant::now();
    let mut count: usize = waiting.iter().map(|job| job.facts.len()).sum();
    let mut before = if committed > 1 { 0 } else { waiting.len() };
    loop {
        while count < FACTS_PER_COMMIT
            && let Ok(job) = queue.try_recv()
        {
            count += job.facts.len();
            waiting.push(job);
        }
        if waiting.len() == before || count >= FACTS_PER_COMMIT || began.elapsed() > GATHERING {
            return count;
        }
        before = waiting.len();
        tokio::task::yield_now().await;
    }
}

fn answer(jobs: impl Iterator<Item = Job>, outcomes: Vec<RecordOutcome>) {
    let mut outcomes = outcomes.into_iter();
    for job in jobs {
        let outcomes = outcomes.by_ref().take(job.facts.len()).collect();
        // A caller that is gone needs no answer; its facts are recorded all the same.
        let _: Result<(), _> = job.answer.send(Ok(outcomes));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use steps_shared::StepId;

    use super::*;

    fn job() -> Job {
        let now: Timestamp = "2026-01-05 10:00:00".parse().unwrap();
        let finish = vec![("outcome".to_owned(), "succeeded".to_owned())];
        let fact = Fact::from_fields(finish, Some(StepId::generate()), now).unwrap();
        let slots = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let (caller, answer) = (Arc::new(Caller::anonymous(None)), oneshot::channel().0);
        Job { facts: vec![fact], caller, deadline: Instant::now(), uncertain: false, answer, _slots: slots }
    }

    #[test]
    fn one_that_is_alone_is_committed_at_once() {
        let (_sender, mut queue) = mpsc::unbounded_channel();
        assert_eq!(gather(&mut queue, &mut vec![job()], 1).now_or_never(), Some(1));
        assert_eq!(gather(&mut queue, &mut vec![job()], 2).now_or_never(), None);
    }

    #[tokio::test]
    async fn what_arrives_while_others_are_taken_is_committed_with_them() {
        let (sender, mut queue) = mpsc::unbounded_channel();
        sender.send(job()).unwrap();
        let arriving = tokio::spawn(async move {
            for _ in 0..3 {
                sender.send(job()).unwrap();
                tokio::task::yield_now().await;
            }
            // Nobody is waited for.
            std::future::pending::<()>().await;
        });
        assert_eq!(gather(&mut queue, &mut vec![job()], 1).await, 5);
        arriving.abort();
    }
}
