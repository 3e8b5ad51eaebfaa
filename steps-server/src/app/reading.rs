//! How the database is read: after the projection, with what the caller may see, within the deadline.

use std::sync::atomic::Ordering;
use std::time::Duration;

use steps_shared::{Component, Environment, Projection, ProjectionQuery, StepId, Timestamp};
use tokio::time::{Instant, timeout, timeout_at};

use super::metrics::Work;
use super::phases::phase;
use super::{App, Error};
use crate::store::{Access, Name, Reader, StoreError, Turns};

/// How long the database may take to show that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a question waits, at most, until a replica has what was committed before it; then it is read from the writer.
const REPLICA_PATIENCE: Duration = Duration::from_secs(1);

impl App {
    /// Waits until everything that was committed before this call is folded, of a component or of all, then runs `question`,
    /// within the deadline.
    pub(super) async fn read<T, F>(
        &self,
        access: &Access,
        component: Option<&Component>,
        question: impl FnOnce(Reader) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let now = (self.now)();
        let answer = async {
            // How long the wait would be tells whether something is being recorded of the component.
            let waits = component.is_none_or(|component| access.may_see_component(component));
            let (component, until) = (component.map(Component::as_str), self.deadline_with_margin());
            if waits && !phase("wait for the fold", self.projector.wait_until_folded(component, until)).await? {
                return Err(Error::Behind);
            }
            let reader = self.current_reader(access, now).await;
            phase("read", question(reader)).await
        };
        self.within_deadline(answer).await
    }

    /// Runs `question` within the deadline, without waiting for the projection: for recorded facts, and for the further
    /// parts of an answer that began with [`App::read`].
    pub(super) async fn read_unfolded<T, F>(
        &self,
        access: &Access,
        question: impl FnOnce(Reader) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let now = (self.now)();
        let answer = async {
            let reader = self.current_reader(access, now).await;
            phase("read", question(reader)).await
        };
        self.within_deadline(answer).await
    }

    /// The same for what one look into an index tells: from the writer, which is never behind.
    pub(super) async fn look_up<T, F>(&self, access: &Access, question: impl FnOnce(Reader) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.within_deadline(phase("read", question(self.store.reader(access, (self.now)())))).await
    }

    /// Reads with everything that is committed now.
    async fn current_reader(&self, access: &Access, now: Timestamp) -> Reader {
        self.store.current_reader(access, now, REPLICA_PATIENCE.min(self.deadline / 4)).await
    }

    /// The components and environments that there are deployments of, or those that are named, when everything of them is folded;
    /// and their turns, which are read before anything else of them.
    pub(super) async fn names_with_turns(
        &self,
        access: &Access,
        component: Option<&Component>,
        environment: Option<&Environment>,
    ) -> Result<(Vec<Name>, Turns), Error> {
        let names =
            self.read(access, component, |reader| async move { Ok(reader.deployed(component, environment).await?) });
        let names = names.await?;
        let turns = self.read_unfolded(access, |reader| async move { Ok(reader.turns().await?) });
        Ok((names, turns.await?))
    }

    /// The same for a question about one step, or about the deployment that is named after one; `None` where there is none.
    pub(super) async fn read_one<T, F>(
        &self,
        access: &Access,
        id: StepId,
        question: impl FnOnce(Reader) -> F,
    ) -> Result<Option<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let component = self.look_up(access, |reader| async move { Ok(reader.component_of(id).await?) });
        match component.await? {
            Some(component) => Ok(Some(self.read(access, Some(&component), question).await?)),
            None => Ok(None),
        }
    }

    /// Ends `answer` at the deadline. When the database did not answer, its connections are given up.
    pub(super) async fn within_deadline<T>(&self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.check_order()?;
        let began = Instant::now();
        let answered = timeout_at(began + self.deadline, answer).await.unwrap_or(Err(StoreError::TimedOut.into()));
        if let Err(Error::Store(StoreError::TimedOut | StoreError::Unavailable(_))) = answered {
            self.metrics.failed(Work::Reading);
            self.store.renew_readers(began);
        }
        answered
    }

    /// The deadline of what begins now, less the time to answer that it is over.
    pub(super) fn deadline_with_margin(&self) -> Instant {
        Instant::now() + self.deadline * 9 / 10
    }

    /// How many changes wait to be folded into deployments. The worker folds them without a pause, as for a read that waits.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn projection(&self, access: &Access, query: ProjectionQuery) -> Result<Projection, Error> {
        self.projector.notify_read_waits();
        self.look_up(access, |reader| async move { Ok(reader.waiting_changes(query.until).await?) }).await
    }

    /// Whether the clock and the database's file are what they should be.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`].
    pub(super) fn check_order(&self) -> Result<(), Error> {
        self.check_clock()?;
        Ok(self.store.check_file()?)
    }

    pub(super) fn check_clock(&self) -> Result<(), Error> {
        match self.now() == Timestamp::default() {
            true => Err(Error::OutOfOrder("the clock of the server's machine stands before 1970".to_owned())),
            false => Ok(()),
        }
    }

    /// The kind of the database.
    #[must_use]
    pub fn database(&self) -> &'static str {
        self.store.kind()
    }

    /// Whether new work can be done.
    ///
    /// # Errors
    /// The server is stopping, the last commit could not be written, or the database does not answer.
    pub async fn check_ready(&self) -> Result<(), Error> {
        if self.stopping.load(Ordering::Relaxed) {
            return Err(Error::Stopping);
        }
        self.recorder.check_writable()?;
        let ping = async { Ok(timeout(PING_TIMEOUT, self.store.ping()).await.unwrap_or(Err(StoreError::TimedOut))?) };
        self.within_deadline(ping).await
    }
}
