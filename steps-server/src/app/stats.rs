//! Statistics of deployments, or of their steps.

use std::collections::HashMap;

use chrono::NaiveDate;
use futures_util::stream::StreamExt as _;
use steps_shared::{
    Deployment, DeploymentFilter, DeploymentOutcome, DeploymentQuery, Duration, Environment, FieldError, FieldErrors,
    GroupBy, Retry, Run, StatsAnswer, StatsQuery, StatsRow, StepFilter, StepOutcome, Timestamp,
};

use super::remembered::{Answer, Question, Times};
use super::{App, Error};
use crate::analysis::statistics::{Asked, Group, Groups, MAX_NAMED, Names, Parts, Sample};
use crate::projection::statuses::Statuses;
use crate::store::{Access, Figure, Figures, Rows, SampleRow, StepSample, day_of};

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
        let by = query.by.iter().map(|by| by.name().to_owned()).collect();
        if is_by_component(access, query) {
            return Ok(StatsAnswer { by, stats: self.stats_by_component(access, query, groups).await? });
        }
        let (filter, component) = (&query.filter, query.filter.base.component.as_ref());
        let exclude_waiting = query.exclude_waiting;
        let is_named = |by: &GroupBy| matches!(by, GroupBy::Version | GroupBy::Run | GroupBy::Outcome);
        if query.by.contains(&GroupBy::Status) {
            let rows = self.read(access, component, |reader| async move { Ok(reader.step_samples(filter).await?) });
            self.each(rows.await?, &mut groups, |row, groups| add_steps(&row, &self.fold.statuses, groups)).await?;
        } else if query.by.iter().any(is_named) {
            let list = DeploymentQuery { filter: filter.clone(), ..DeploymentQuery::default() };
            let rows = self.read(access, component, |reader| async move { Ok(reader.deployments(list).await?) });
            self.each(rows.await?, &mut groups, |rows, groups| add_deployments(&rows, exclude_waiting, groups)).await?;
        } else {
            let rows = self.read(access, component, |reader| async move { Ok(reader.figures(filter).await?) });
            self.each(rows.await?, &mut groups, |figures, groups| add(&figures, exclude_waiting, groups)).await?;
        }
        Ok(StatsAnswer { by, stats: groups.finish() })
    }

    /// The statistics where each group is of one component: of those components in which nothing has changed, the same again.
    async fn stats_by_component(
        &self,
        access: &Access,
        query: &StatsQuery,
        mut groups: Groups,
    ) -> Result<Vec<StatsRow>, Error> {
        let filter = &query.filter;
        let StepFilter { component, environment, since, until, .. } = &filter.base;
        let (component, environment) = (component.as_ref(), environment.as_ref());
        let (names, turns) = self.names_with_turns(access, component, environment).await?;
        let environment = environment.map(Environment::as_str);
        let (times, now) = ((since.unwrap_or_default(), *until), self.now());
        let parameters = parameters(query, now);
        let question = |component: &str| Question {
            component: component.to_owned(),
            environment: environment.map(ToOwned::to_owned),
            parameters: parameters.clone(),
        };
        let (mut rows, mut unknown, mut found) = (Vec::new(), Vec::new(), HashMap::new());
        for names in names.chunk_by(|(one, _), (other, _)| one == other) {
            let Some((component, _)) = names.first() else { continue };
            let turns = turns.of(component.as_str(), environment);
            match self.remembered.find(&question(component.as_str()), turns, times, now) {
                Some(Answer::Stats(known)) => rows.extend(known),
                _ => {
                    unknown.extend_from_slice(names);
                    found.insert(component.to_string(), Found::default());
                }
            }
        }
        let reading = self.read_unfolded(access, |reader| async move { Ok(reader.figures_of(unknown, filter)) });
        self.each(reading.await?, &mut groups, |figures, groups| {
            if let Some(found) = found.get_mut(&figures.component) {
                found.add(&figures);
            }
            add(&figures, query.exclude_waiting, groups);
        })
        .await?;
        for row in groups.finish() {
            match row.group.get(GroupBy::Component.name()).and_then(|component| found.get_mut(component)) {
                Some(found) => found.rows.push(row),
                None => rows.push(row),
            }
        }
        for (component, Found { rows: own, first, changes }) in found {
            rows.extend_from_slice(&own);
            let times = Times { since: times.0, until: times.1, first, made: self.now(), changes };
            let turns = turns.of(&component, environment);
            self.remembered.keep(question(&component), turns, times, Answer::Stats(own));
        }
        let values = |row: &StatsRow| -> Vec<Option<String>> {
            query.by.iter().map(|by| row.group.get(by.name()).cloned()).collect()
        };
        rows.sort_by_cached_key(values);
        Ok(rows)
    }

    /// Adds rows to groups, one after the other; only a pause between them is bounded by the deadline.
    async fn each<T>(
        &self,
        rows: Rows<T>,
        groups: &mut Groups,
        mut add: impl FnMut(T, &mut Groups),
    ) -> Result<(), Error> {
        let mut rows = rows.ready_chunks(SAMPLES);
        while let Some(chunk) = self.within_deadline(async { Ok(rows.next().await) }).await? {
            for row in chunk {
                add(row?, groups);
            }
            if groups.are_too_many() {
                let reason = format!(
                    "makes more than {MAX_NAMED} groups; ask for a component, or a shorter time (start_datetime)"
                );
                return Err(FieldErrors::from(FieldError::wrong("by", reason)).into());
            }
        }
        Ok(())
    }
}

/// What was found of a component.
#[derive(Debug, Default)]
struct Found {
    rows: Vec<StatsRow>,
    /// When the first of its deployments started.
    first: Option<Timestamp>,
    /// When they are not the same any more.
    changes: Option<Timestamp>,
}

impl Found {
    fn add(&mut self, figures: &Figures) {
        let first = figures.rows.iter().map(|figure| figure.started_at).min();
        self.first = earlier(self.first, first.map(Timestamp::saturating_from_micros));
        self.changes = earlier(self.changes, figures.changes_at);
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// Whether each group is of one component, whatever else there is, and is of packed figures alone.
fn is_by_component(access: &Access, query: &StatsQuery) -> bool {
    let StatsQuery { filter: DeploymentFilter { base, .. }, by, .. } = query;
    let is_packed = base.version.is_none() && base.run.is_none() && base.status.is_none();
    let of_deployment = |by: &GroupBy| matches!(by, GroupBy::Component | GroupBy::Environment | GroupBy::Owner);
    *access == Access::Everything && is_packed && by.contains(&GroupBy::Component) && by.iter().all(of_deployment)
}

/// What describes the groups of a component. Whoever asks for the last 90 days names another moment each time: it is told from
/// others by how many days ago it is.
fn parameters(query: &StatsQuery, now: Timestamp) -> Vec<(&'static str, String)> {
    let filter = &query.filter;
    let base = StepFilter { component: None, environment: None, since: None, ..filter.base.clone() };
    let filter = DeploymentFilter { base, ..filter.clone() };
    let mut parameters = StatsQuery { filter, format: None, safe: false, ..query.clone() }.to_parameters();
    let days = query.filter.base.since.map(|since| day_of(now.micros()) - day_of(since.micros()));
    parameters.extend(days.map(|days| ("days", days.to_string())));
    parameters
}

/// Adds the steps of a deployment. Each counts by its own outcome: it may have succeeded in a deployment that failed.
fn add_steps(row: &SampleRow, statuses: &Statuses, groups: &mut Groups) {
    let SampleRow { component, environment, owner, version, run, outcome, started_at, steps } = row;
    let run = run.as_deref().unwrap_or_default();
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
        let names = Names { component, environment, owner, status, version, run, outcome: outcome.name() };
        let group = groups.find(names, *started_at);
        groups.add(group, &Sample { outcome, started_at: *started_at, duration, parts: None });
    }
}

/// Adds deployments.
fn add(figures: &Figures, exclude_waiting: bool, groups: &mut Groups) {
    let Figures { component, environment, owners, rows, .. } = figures;
    // Deployments that follow each other are mostly in the same groups.
    let mut known: HashMap<(usize, Option<NaiveDate>), Group> = HashMap::new();
    for figure in rows {
        let started_at = Timestamp::saturating_from_micros(figure.started_at);
        let group = *known.entry((figure.owner, groups.date(started_at))).or_insert_with(|| {
            let owner = &owners[figure.owner];
            groups.find(Names { component, environment, owner, ..Names::default() }, started_at)
        });
        groups.add(group, &sample(figure, started_at, exclude_waiting));
    }
}

/// Adds deployments with all of their names.
fn add_deployments(rows: &[Deployment], exclude_waiting: bool, groups: &mut Groups) {
    let counts = |row: &&Deployment| row.excluded.is_none() && row.retry != Some(Retry::Partial);
    for row in rows.iter().filter(counts) {
        let Deployment { component, environment, owner, version, run, outcome, started_at, .. } = row;
        let names = Names {
            component: component.as_str(),
            environment: environment.as_str(),
            owner: owner.as_str(),
            status: "",
            version: version.as_str(),
            run: run.as_ref().map(Run::as_str).unwrap_or_default(),
            outcome: outcome.name(),
        };
        let worked = row.duration.zip(row.waiting).map(|(duration, waiting)| duration.micros() - waiting.micros());
        let worked = worked.and_then(Duration::from_micros).filter(|_| exclude_waiting);
        let parts = row.work.zip(row.waiting.zip(row.gaps));
        let parts = parts.map(|(work, (waiting, gaps))| Parts { work, waiting, gaps });
        // What a deployment took that did not succeed says nothing about how long it takes.
        let duration = worked.or(row.duration).filter(|_| *outcome == DeploymentOutcome::Succeeded);
        let group = groups.find(names, *started_at);
        groups.add(group, &Sample { outcome: *outcome, started_at: *started_at, duration, parts });
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
