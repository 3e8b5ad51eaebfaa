//! What is told of the moment in which the figures are asked for.

use std::sync::Arc;

use steps_shared::{DeploymentFilter, DeploymentOutcome};

use super::metrics::Metrics;
use super::{App, Error};
use crate::store::{Access, Reader};

/// Of so many components and environments the last deployment is told.
const MAX_NAMES: u64 = 200;
/// So many running deployments are counted at most.
const MAX_RUNNING: u64 = 10_000;

impl App {
    /// What is counted and measured.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// All figures, in the text format of OpenMetrics. They are told while the database is away, too: without those that are in it.
    ///
    /// # Errors
    /// They cannot be written.
    pub async fn figures(&self) -> Result<String, Error> {
        // Whoever asks beside somebody else waits, so that asking often costs no more.
        let _turn = self.measuring.lock().await;
        let now = &self.metrics.now;
        let (waiting, limit) = self.recorder.queue();
        now.queue.set(waiting);
        now.queue_limit.set(limit);
        let is_blocked = self.recorder.check_writable().is_err() || self.store.check_known_file().is_err();
        now.recording_blocked.set(is_blocked.into());
        let (readers, limit) = self.events.readers();
        now.readers.set(readers);
        now.readers_limit.set(limit);
        self.metrics.set_folding_failures(self.projector.failures());
        if let Some(answered) = self.store.replica_reads() {
            self.metrics.set_replica_reads(answered);
        }
        let read = self.look_up(&Access::Everything, |reader| self.read_figures(reader)).await;
        now.database_up.set(read.is_ok().into());
        if read.is_err() {
            now.set_last(&[]);
        }
        self.metrics.text().map_err(|error| Error::Internal(error.to_string()))
    }

    async fn read_figures(&self, reader: Reader) -> Result<(), Error> {
        let now = &self.metrics.now;
        let waiting = reader.waiting_changes(None).await?.waiting;
        now.waiting_changes.set(waiting.try_into().unwrap_or(i64::MAX));
        now.lag.set(if waiting == 0 { 0.0 } else { self.projector.lag().as_secs_f64() });
        let running = DeploymentFilter { outcome: Some(DeploymentOutcome::Running), ..DeploymentFilter::default() };
        let running = reader.count_deployments(&running, MAX_RUNNING).await?;
        now.running.set(running.try_into().unwrap_or(i64::MAX));
        let names = reader.deployed(None, None).await?.len() as u64;
        now.names_left_out.set(names.saturating_sub(MAX_NAMES).try_into().unwrap_or(i64::MAX));
        now.set_last(&reader.last_of_each(MAX_NAMES).await?);
        Ok(())
    }
}
