//! Statistics of deployments, or of their steps.

use futures_util::stream::StreamExt as _;
use steps_shared::{
    DeploymentOutcome, Duration, FieldError, FieldErrors, GroupBy, StatsAnswer, StatsQuery, StepFilter, StepOutcome,
};

use super::{App, Error};
use crate::analysis::statistics::{Asked, Groups, Parts, Sample};
use crate::projection::statuses::Statuses;
use crate::store::{Access, SampleRow};

/// The most samples that are taken from the database at a time.
const SAMPLES: usize = 1000;

impl App {
    /// The statistics of each group. However many samples there are, only a pause between them is bounded by the deadline.
    ///
    /// # Errors
    /// The time zone is not known, or the database does not answer.
    pub async fn stats(&self, access: &Access, query: &StatsQuery) -> Result<StatsAnswer, Error> {
        let zone = query.tz.name().parse().map_err(|_| {
            let reason =
                format!("names no time zone that is known here: {:?}; write UTC or Europe/Berlin", query.tz.name());
            FieldErrors::from(FieldError::wrong("tz", reason))
        })?;
        let of_steps = query.by.contains(&GroupBy::Status);
        let samples = self.read(access, query.filter.base.component.as_ref(), |reader| async move {
            let filter = &query.filter;
            Ok(if of_steps { reader.step_samples(filter).await? } else { reader.samples(filter).await? })
        });
        let samples = samples.await?;
        let mut samples = samples.ready_chunks(SAMPLES);
        let StepFilter { since, until, .. } = query.filter.base;
        // What began before now is all that there can be.
        let until = until.or(since.map(|_| self.now())).map(|until| until.min(self.now()));
        let mut groups = Groups::new(query.by.clone(), zone, Asked { since, until });
        while let Some(rows) = self.within_deadline(async { Ok(samples.next().await) }).await? {
            for row in rows {
                let row = row?;
                if !is_instant(&row, &self.fold.statuses) {
                    groups.add(&sample(row, query.exclude_waiting));
                }
            }
        }
        let by = query.by.iter().map(|by| by.name().to_owned()).collect();
        Ok(StatsAnswer { by, stats: groups.finish() })
    }
}

/// Whether it is a step that takes no time by its nature: an end.
fn is_instant(row: &SampleRow, statuses: &Statuses) -> bool {
    row.status.as_ref().is_some_and(|status| statuses.kind(status, row.span).outcome().is_some())
}

/// A deployment counts by its outcome, a step by its own: it may have succeeded in a deployment that failed.
fn sample(row: SampleRow, exclude_waiting: bool) -> Sample {
    let parts = parts(&row);
    let SampleRow { component, environment, owner, status, outcome, started_at, duration, waiting, result, .. } = row;
    // What a deployment took that did not succeed says nothing about how long it takes, and so do its steps.
    let duration = duration.filter(|_| outcome == DeploymentOutcome::Succeeded);
    let outcome = match (&status, result, outcome) {
        (None, _, outcome) => outcome,
        (Some(_), Some(StepOutcome::Succeeded), _) => DeploymentOutcome::Succeeded,
        (Some(_), Some(StepOutcome::Failed), _) => DeploymentOutcome::Failed,
        (Some(_), None, outcome @ (DeploymentOutcome::Running | DeploymentOutcome::Cancelled)) => outcome,
        (Some(_), None, _) => DeploymentOutcome::Abandoned,
    };
    let worked = duration.zip(waiting).and_then(|(duration, waiting)| less(duration, waiting));
    let duration = if exclude_waiting { worked.or(duration) } else { duration };
    Sample { component, environment, owner, status, outcome, started_at, duration, parts }
}

/// What a deployment's duration is made of.
fn parts(row: &SampleRow) -> Option<Parts> {
    let (waiting, gaps) = (row.waiting?, row.gaps?);
    Some(Parts { work: less(less(row.duration?, waiting)?, gaps)?, waiting, gaps })
}

fn less(duration: Duration, part: Duration) -> Option<Duration> {
    Duration::from_micros(duration.micros() - part.micros())
}
