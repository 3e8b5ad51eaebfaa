//! Records steps: whatever waits is committed together, then each caller is answered. Knows no HTTP and no SQL.
//!
//! There is no timer that waits for company: an idle server commits a step at once, and under load the next batch
//! gathers while the last one is being committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use steps_shared::{Step, StepId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::projection::worker::Projector;
use crate::store::{Store, StoreError};

/// The most steps that one commit waits for before it begins.
const STEPS_PER_COMMIT: usize = 1000;
/// So often a commit is tried within the deadline, where the database says nothing at all: a connection on which the answer
/// never comes is not the only one.
pub const TRIES: u32 = 2;
/// Pauses between tries while the database is away: short, so that service resumes soon after it is back.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(100), Duration::from_millis(250)];

/// A step to be recorded.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The step.
    pub step: Step,
    /// Whether its `ts` was sent by the client, and so is part of what must be the same when it is sent again.
    pub sent_ts: bool,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordOutcome {
    /// It is committed now.
    Recorded(Step),
    /// It had been recorded before, with the same content.
    AlreadyRecorded(Step),
    /// Another step has this id; it differs in these fields.
    Conflict(StepId, Vec<&'static str>),
    /// The database can never store it, for this reason.
    Refused(StepId, String),
}

/// Why nothing became of a step; it may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Too many steps wait already.
    #[error("too many steps are waiting to be recorded; send it again a little later")]
    Full,
    /// The database did not commit it in time.
    #[error("the database did not answer in time; send it again a little later")]
    TimedOut,
}

/// Takes steps and answers when they are committed.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::UnboundedSender<Job>,
    /// One permit for each step that may wait: this is what bounds the queue.
    room: Arc<Semaphore>,
    deadline: Duration,
}

#[derive(Debug)]
struct Job {
    entries: Vec<Entry>,
    deadline: Instant,
    /// A commit with it was tried, and nobody knows whether it went through.
    uncertain: bool,
    answer: oneshot::Sender<Vec<RecordOutcome>>,
    _room: OwnedSemaphorePermit,
}

impl Recorder {
    /// Starts the one writer. It ends, with its queue committed, when every [`Recorder`] has been dropped.
    #[must_use]
    pub fn start(store: Store, projector: Projector, queue: u32, deadline: Duration) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(queue as usize));
        let writer = tokio::spawn(write(store, projector, receiver, deadline / TRIES));
        (Self { queue: sender, room, deadline }, writer)
    }

    /// Says at once whether there is room for one more step, before any work is done for it.
    ///
    /// # Errors
    /// There is none.
    pub fn has_room(&self) -> Result<(), RecordError> {
        if self.room.available_permits() == 0 { Err(RecordError::Full) } else { Ok(()) }
    }

    /// Records steps in one transaction and says what became of each, in their order.
    ///
    /// # Errors
    /// The queue is full, or the database did not answer within the deadline.
    pub async fn record(&self, entries: Vec<Entry>) -> Result<Vec<RecordOutcome>, RecordError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let steps = u32::try_from(entries.len()).map_err(|_| RecordError::Full)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(steps).map_err(|_| RecordError::Full)?;
        let deadline = Instant::now() + self.deadline;
        let (answer, answered) = oneshot::channel();
        let job = Job { entries, deadline, uncertain: false, answer, _room: room };
        self.queue.send(job).map_err(|_| RecordError::TimedOut)?;
        match tokio::time::timeout_at(deadline, answered).await {
            Ok(Ok(outcomes)) => Ok(outcomes),
            Ok(Err(_)) | Err(_) => Err(RecordError::TimedOut),
        }
    }
}

/// Commits what waits, until every [`Recorder`] is gone. A try may take as long as `patience`.
async fn write(store: Store, projector: Projector, mut queue: mpsc::UnboundedReceiver<Job>, patience: Duration) {
    let mut failures = 0;
    let mut waiting: Vec<Job> = Vec::new();
    loop {
        if waiting.is_empty() {
            match queue.recv().await {
                Some(job) => waiting.push(job),
                None => return,
            }
        }
        let mut steps: usize = waiting.iter().map(|job| job.entries.len()).sum();
        while steps < STEPS_PER_COMMIT
            && let Ok(job) = queue.try_recv()
        {
            steps += job.entries.len();
            waiting.push(job);
        }
        // Whoever sent these has been told that they are not recorded.
        waiting.retain(|job| job.deadline > Instant::now());
        let Some(deadline) = waiting.iter().map(|job| job.deadline).max() else { continue };
        let began = Instant::now();
        let committed = match tokio::time::timeout_at(deadline.min(began + patience), commit(&store, &waiting)).await {
            Ok(committed) => committed,
            Err(_) => Err(StoreError::TimedOut),
        };
        match committed {
            Ok(outcomes) => {
                failures = 0;
                projector.notice();
                answer(waiting.drain(..), outcomes);
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%error, steps, "steps cannot be committed; trying again");
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
        let outcomes = outcomes.by_ref().take(job.entries.len()).collect();
        // A caller that has gone does not need its answer; the step is kept all the same.
        let _: Result<(), Vec<RecordOutcome>> = job.answer.send(outcomes);
    }
}

/// Commits every entry of `jobs`; the outcomes are in the order of the entries.
async fn commit(store: &Store, jobs: &[Job]) -> Result<Vec<RecordOutcome>, StoreError> {
    let entries: Vec<(&Entry, bool)> =
        jobs.iter().flat_map(|job| job.entries.iter().map(|entry| (entry, job.uncertain))).collect();
    let mut first = HashMap::with_capacity(entries.len());
    for (at, (entry, _)) in entries.iter().enumerate() {
        first.entry(entry.step.id).or_insert(at);
    }
    let is_first = |at: usize, entry: &Entry| first.get(&entry.step.id) == Some(&at);
    let fresh: Vec<&Step> = entries
        .iter()
        .enumerate()
        .filter(|(at, (entry, _))| is_first(*at, entry))
        .map(|(_, (entry, _))| &entry.step)
        .collect();
    let Inserted { stored, refused } = insert(store, &fresh).await?;
    let outcomes = entries.iter().enumerate().map(|(at, (entry, uncertain))| {
        let Entry { step, sent_ts } = entry;
        if let Some(reason) = refused.get(&step.id) {
            return RecordOutcome::Refused(step.id, reason.clone());
        }
        let before = match stored.get(&step.id) {
            None if is_first(at, entry) => return RecordOutcome::Recorded(step.clone()),
            None => first.get(&step.id).map_or(step, |at| &entries[*at].0.step),
            Some(before) => before,
        };
        let differences = before.differences(step, *sent_ts);
        if !differences.is_empty() {
            RecordOutcome::Conflict(step.id, differences)
        } else if *uncertain && is_first(at, entry) {
            RecordOutcome::Recorded(before.clone())
        } else {
            RecordOutcome::AlreadyRecorded(before.clone())
        }
    });
    Ok(outcomes.collect())
}

/// The steps that were not inserted, because they are stored already or can never be.
#[derive(Default)]
struct Inserted {
    stored: HashMap<StepId, Step>,
    refused: HashMap<StepId, String>,
}

/// Inserts those of `steps` that are not stored yet. A row that the database refuses is found by halving, so that it
/// never fails its neighbours.
async fn insert(store: &Store, steps: &[&Step]) -> Result<Inserted, StoreError> {
    let mut inserted = Inserted::default();
    let mut parts = vec![steps.to_vec()];
    while let Some(part) = parts.pop() {
        match store.insert(&part).await {
            Ok(()) => {}
            Err(StoreError::Duplicate) => {
                let ids: Vec<StepId> = part.iter().map(|step| step.id).collect();
                let stored = store.stored(&ids).await?;
                let rest: Vec<&Step> = part.into_iter().filter(|step| !stored.contains_key(&step.id)).collect();
                inserted.stored.extend(stored);
                if !rest.is_empty() {
                    parts.push(rest);
                }
            }
            Err(StoreError::Refused(error)) => match part.as_slice() {
                [step] => {
                    tracing::error!(%error, id = %step.id, "the database refuses a step");
                    inserted.refused.insert(step.id, error.to_string());
                }
                _ => {
                    let (left, right) = part.split_at(part.len() / 2);
                    parts.extend([right.to_vec(), left.to_vec()]);
                }
            },
            Err(error) => return Err(error),
        }
    }
    Ok(inserted)
}
