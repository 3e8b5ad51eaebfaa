//! What pictures of a component are made of: its deployments as points, and what its sprints consist of.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::stream::StreamExt as _;
use steps_shared::{
    Component, DeploymentFilter, DeploymentOutcome, Duration, Environment, Sprints, Status, StepId, Timestamp,
};

use super::trends::{costs, timed};
use super::{App, Error};
use crate::analysis::Timed;
use crate::analysis::statistics::median;
use crate::store::{Access, SeriesKey};

/// The most rows of figures that are taken at a time.
const FIGURES: usize = 1000;

/// Of each sprint, at most so many deployments are looked into, evenly over it.
const PER_SPRINT: usize = 24;

/// The most sprints: the newest.
const MAX_SPRINTS: usize = 26;

/// A deployment as a point of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plotted {
    pub started_at: Timestamp,
    pub outcome: DeploymentOutcome,
    pub duration: Duration,
}

/// What the successful deployments of a sprint spend their time on.
#[derive(Debug, Clone, PartialEq)]
pub struct SprintSteps {
    /// When it begins.
    pub start: Timestamp,
    /// How many deployments there are in it.
    pub deployments: u32,
    /// How long they take: their median.
    pub median: Duration,
    /// The median of the time for which each step holds a deployment up, and when the step usually begins, as the order of the steps.
    pub steps: Vec<(Status, Duration)>,
}

impl App {
    /// The deployments of a filter that have a duration, in the order of their starts.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn plotted(&self, access: &Access, filter: &DeploymentFilter) -> Result<Vec<Plotted>, Error> {
        let component = filter.base.component.as_ref();
        let read = self.read(access, component, |reader| async move { Ok(reader.figures(filter).await?) });
        let mut figures = read.await?.ready_chunks(FIGURES);
        let mut points = Vec::new();
        while let Some(part) = self.within_deadline(async { Ok(figures.next().await) }).await? {
            for figures in part {
                points.extend(figures?.rows.iter().filter_map(|figure| {
                    let duration = Duration::from_micros(figure.duration?)?;
                    let started_at = Timestamp::saturating_from_micros(figure.started_at);
                    Some(Plotted { started_at, outcome: figure.outcome, duration })
                }));
            }
        }
        points.sort_by_key(|point| point.started_at);
        Ok(points)
    }

    /// What each of the newest sprints of a series consists of, in the order of time.
    ///
    /// # Errors
    /// There is no slot to compute, or the database does not answer.
    pub async fn sprint_steps(
        &self,
        access: &Access,
        (component, environment): (&Component, &Environment),
        (since, until): (Timestamp, Option<Timestamp>),
        sprints: Sprints,
    ) -> Result<Vec<SprintSteps>, Error> {
        let _slot = self.acquire(&self.slots.series).await?;
        let (component, environment) = (component.clone(), environment.clone());
        let key = &SeriesKey { component, environment, step: None, exclude_waiting: false };
        let read = self.read(access, Some(&key.component), |reader| async move {
            Ok(timed(reader.series(key, since, until).await?))
        });
        let series = read.await?;
        let start = |timed: &Timed| sprints.start_of(timed.started_at);
        let all: Vec<&[Timed]> = series.chunk_by(|one, other| start(one) == start(other)).collect();
        let newest = &all[all.len().saturating_sub(MAX_SPRINTS)..];
        let of: HashMap<StepId, Timestamp> =
            newest.iter().flat_map(|sprint| some_of(sprint)).map(|timed| (timed.id, start(timed))).collect();
        let looked_at = &of.keys().copied().collect::<Vec<StepId>>();
        let read = self.read_unfolded(access, |reader| async move { Ok(reader.steps_within(looked_at).await?) });
        let steps = read.await?.unwrap_or_default();
        let fold = Arc::clone(&self.fold);
        let slot = self.acquire(&self.slots.cpu).await?;
        let computing = self.compute(slot, move |_| {
            let mut sprints: BTreeMap<Timestamp, BTreeMap<Status, Held>> = BTreeMap::new();
            let mut deployments: BTreeMap<Timestamp, usize> = BTreeMap::new();
            for (deployment, cost) in costs(&steps, &fold.statuses, false) {
                let Some(start) = of.get(&deployment) else { continue };
                *deployments.entry(*start).or_default() += 1;
                let sprint = sprints.entry(*start).or_default();
                for (status, micros) in cost.steps {
                    let begin = cost.begins.get(&status).copied().unwrap_or_default();
                    let held = sprint.entry(status).or_default();
                    held.durations.extend(Duration::from_micros(micros));
                    held.begins.push(begin);
                }
            }
            medians(sprints, &deployments)
        });
        let mut medians = computing.await?;
        let sprint = |within: &&[Timed]| {
            let start = within.first().map(start).unwrap_or_default();
            SprintSteps {
                start,
                deployments: u32::try_from(within.len()).unwrap_or(u32::MAX),
                median: crate::analysis::series::median(within),
                steps: medians.remove(&start).unwrap_or_default(),
            }
        };
        Ok(newest.iter().map(sprint).collect())
    }
}

/// For how long a step held each of several deployments up, and when it began in them, in microseconds.
#[derive(Debug, Default)]
struct Held {
    durations: Vec<Duration>,
    begins: Vec<i64>,
}

/// The medians of each sprint, its steps in the order in which they usually begin.
fn medians(
    sprints: BTreeMap<Timestamp, BTreeMap<Status, Held>>,
    deployments: &BTreeMap<Timestamp, usize>,
) -> BTreeMap<Timestamp, Vec<(Status, Duration)>> {
    let of_sprint = |(start, steps): (Timestamp, BTreeMap<Status, Held>)| {
        let all = deployments.get(&start).copied().unwrap_or_default();
        let mut steps: Vec<(i64, Status, Duration)> = steps
            .into_iter()
            .filter_map(|(status, mut held)| {
                held.begins.sort_unstable();
                let begin = held.begins.get(held.begins.len() / 2).copied()?;
                // In the others it took no time.
                held.durations.resize(all.max(held.durations.len()), Duration::default());
                Some((begin, status, median(&held.durations)?))
            })
            .collect();
        steps.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        (start, steps.into_iter().map(|(_, status, median)| (status, median)).collect())
    };
    sprints.into_iter().map(of_sprint).collect()
}

/// At most [`PER_SPRINT`] deployments, evenly over them.
fn some_of(sprint: &[Timed]) -> impl Iterator<Item = &Timed> {
    let many = sprint.len().min(PER_SPRINT);
    (0..many).filter_map(move |nth| sprint.get(nth * sprint.len() / many))
}
