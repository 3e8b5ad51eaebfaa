//! Statistics of deployments, or of their steps.

use std::collections::HashMap;

use chrono::NaiveDate;
use futures_util::stream::StreamExt as _;
use steps_shared::{
    DeploymentOutcome, Duration, FieldError, FieldErrors, GroupBy, StatsAnswer, StatsQuery, StepFilter, StepOutcome,
    Timestamp,
};

use super::{App, Error};
use crate::analysis::statistics::{Asked, Group, Groups, Names, Parts, Sample};
use crate::projection::statuses::Statuses;
use crate::store::{Access, Figure, Figures, Rows, SampleRow, StepSample};

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
        let StepFilter { since, until, .. } = query.filter.base;
        // What began before now is all that there can be.
        let until = until.or(since.map(|_| self.now())).map(|until| until.min(self.now()));
        let mut groups = Groups::new(query.by.clone(), zone, Asked { since, until });
        let (filter, component) = (&query.filter, query.filter.base.component.as_ref());
        if query.by.contains(&GroupBy::Status) {
            let rows = self.read(access, component, |reader| async move { Ok(reader.step_samples(filter).await?) });
            self.each(rows.await?, |row| add_steps(&row, &self.fold.statuses, &mut groups)).await?;
        } else {
            let rows = self.read(access, component, |reader| async move { Ok(reader.figures(filter).await?) });
            self.each(rows.await?, |figures| add(&figures, query.exclude_waiting, &mut groups)).await?;
        }
        let by = query.by.iter().map(|by| by.name().to_owned()).collect();
        Ok(StatsAnswer { by, stats: groups.finish() })
    }

    /// Takes rows one after the other; only a pause between them is bounded by the deadline.
    async fn each<T>(&self, rows: Rows<T>, mut take: impl FnMut(T)) -> Result<(), Error> {
        let mut rows = rows.ready_chunks(SAMPLES);
        while let Some(chunk) = self.within_deadline(async { Ok(rows.next().await) }).await? {
            for row in chunk {
                take(row?);
            }
        }
        Ok(())
    }
}

/// Adds the steps of a deployment. Each counts by its own outcome: it may have succeeded in a deployment that failed.
fn add_steps(row: &SampleRow, statuses: &Statuses, groups: &mut Groups) {
    let SampleRow { component, environment, owner, outcome, started_at, steps } = row;
    for StepSample { status, duration, result, span } in steps {
        if statuses.kind(status, *span).outcome().is_some() {
            // An end takes no time by its nature.
            continue;
        }
        // What a deployment took that did not succeed says nothing about how long its steps take.
        let duration = duration.filter(|_| *outcome == DeploymentOutcome::Succeeded);
        let outcome = match (result, outcome) {
            (Some(StepOutcome::Succeeded), _) => DeploymentOutcome::Succeeded,
            (Some(StepOutcome::Failed), _) => DeploymentOutcome::Failed,
            (None, DeploymentOutcome::Running | DeploymentOutcome::Cancelled) => *outcome,
            (None, _) => DeploymentOutcome::Abandoned,
        };
        let group = groups.find(Names { component, environment, owner, status }, *started_at);
        groups.add(group, &Sample { outcome, started_at: *started_at, duration, parts: None });
    }
}

/// Adds deployments.
fn add(figures: &Figures, exclude_waiting: bool, groups: &mut Groups) {
    let Figures { component, environment, owners, rows } = figures;
    // Deployments that follow each other are mostly in the same groups.
    let mut known: HashMap<(usize, Option<NaiveDate>), Group> = HashMap::new();
    for figure in rows {
        let started_at = Timestamp::saturating_from_micros(figure.started_at);
        let group = *known.entry((figure.owner, groups.date(started_at))).or_insert_with(|| {
            groups.find(Names { component, environment, owner: &owners[figure.owner], status: "" }, started_at)
        });
        groups.add(group, &sample(figure, started_at, exclude_waiting));
    }
}

/// A deployment counts by its outcome.
fn sample(figure: &Figure, started_at: Timestamp, exclude_waiting: bool) -> Sample {
    let outcome = figure.outcome;
    let parts = parts(figure);
    // What a deployment took that did not succeed says nothing about how long it takes.
    let duration = figure.duration.filter(|_| outcome == DeploymentOutcome::Succeeded).and_then(Duration::from_micros);
    let worked = figure.duration.zip(figure.waiting).map(|(duration, waiting)| duration - waiting);
    let worked = worked.and_then(Duration::from_micros).filter(|_| exclude_waiting && duration.is_some());
    Sample { outcome, started_at, duration: worked.or(duration), parts }
}

/// What a deployment's duration is made of.
fn parts(figure: &Figure) -> Option<Parts> {
    let (waiting, gaps) = (figure.waiting?, figure.gaps?);
    let work = figure.duration? - waiting - gaps;
    let [work, waiting, gaps] = [work, waiting, gaps].map(Duration::from_micros);
    Some(Parts { work: work?, waiting: waiting?, gaps: gaps? })
}
