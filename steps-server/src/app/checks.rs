//! Checks: what is read to judge a deployment by its budget. How it is judged is in [`crate::analysis::budget`].

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use steps_shared::{
    BudgetAnswer, BudgetKind, CheckAnswer, CheckQuery, CheckResult, Deployment, Firing, Judged, Replay, ReplayedBudget,
    StepId, Timestamp,
};

use super::compute::Cancellation;
use super::trends::timed;
use super::{App, Error};
use crate::analysis::budget::LimitVerdict;
use crate::analysis::series::least_difference;
use crate::analysis::{Budgets, Lookback, Timed};
use crate::store::{Access, SeriesKey};

/// How many of the deployments that were over a limit a replay lists: the newest.
const MAX_FIRINGS: usize = 20;

impl App {
    /// Judges a deployment by its budget, and those of the past where the query has a `replay`.
    ///
    /// # Errors
    /// There is no slot to compute, or the database does not answer in time.
    pub async fn check(&self, access: &Access, query: CheckQuery) -> Result<CheckAnswer, Error> {
        // A replay takes long: checks do not wait for it.
        let replay_slot = if query.replay.is_some() { Some(self.acquire(&self.slots.replay).await?) } else { None };
        let _slot = self.acquire(&self.slots.series).await?;
        let key = SeriesKey {
            component: query.component.clone(),
            environment: query.environment.clone(),
            step: query.step.clone(),
            exclude_waiting: query.exclude_waiting,
        };
        let (key, version) = (&key, query.version.as_ref());
        let read = self.read(access, Some(&query.component), |reader| async move {
            let newest = match version {
                Some(version) => Some(reader.newest_of(key, version).await?),
                None => None,
            };
            // Which deployments took too long depends on all of those before them.
            Ok((newest, timed(reader.series(key, Timestamp::default(), None).await?)))
        });
        let (newest, series) = read.await?;
        let whole = self.whole(access, key, &series, (Timestamp::default(), None)).await?;
        let least = query.budget.min_difference.unwrap_or_else(|| least_difference(&series, whole));
        let at = match newest {
            Some(newest) => newest.and_then(|newest| series.iter().rposition(|timed| timed.id == newest.id)),
            None => series.len().checked_sub(1),
        };
        let series = Arc::new(series);
        let slot = match replay_slot {
            Some(slot) => slot,
            None => self.acquire(&self.slots.cpu).await?,
        };
        let now = self.now();
        let replayed_since = query.replay.map(|span| Lookback::Span(span).begin(now));
        let lookback = Lookback::new(query.since);
        let computing = self.compute(slot, {
            let (series, budget) = (Arc::clone(&series), query.budget.clone());
            move |cancellation| {
                let budgets = Budgets::new(&series, &budget, lookback, least);
                let judged = at.map(|at| (budgets.judge(at), budgets.over_in_a_row(at)));
                (judged, replayed_since.map(|since| replay(&budgets, &series, since, cancellation)))
            }
        });
        let (judged, replayed) = computing.await?;
        let (verdicts, over_in_a_row) = judged.unwrap_or_else(|| (nothing_to_judge(&query), 0));
        let timed = at.and_then(|at| series.get(at)).copied();
        let firings = replayed.iter().flat_map(Replayed::deployments);
        let ids: Vec<StepId> = timed.iter().map(|timed| timed.id).chain(firings).collect();
        let deployments = self.deployments_of(access, &ids).await?;
        let replay = match (replayed, replayed_since) {
            (Some(replayed), Some(since)) => Some(replayed.answer(query.budget.given(), (since, now), &deployments)),
            _ => None,
        };
        Ok(CheckAnswer {
            component: query.component,
            environment: query.environment,
            step: query.step,
            result: verdicts.iter().map(|verdict| verdict.result).max().unwrap_or(CheckResult::NotEnoughData),
            deployment: timed.and_then(|timed| named(timed, &deployments)),
            over_in_a_row,
            budgets: verdicts.into_iter().map(answer).collect(),
            replay,
        })
    }
}

/// The verdict of each limit where there is nothing to judge.
fn nothing_to_judge(query: &CheckQuery) -> Vec<LimitVerdict> {
    let CheckQuery { component, environment, version, step, budget, .. } = query;
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let step = step.as_ref().map(|step| format!(" with the step {step}")).unwrap_or_default();
    let reason = format!("there is no successful deployment of {component}{version} into {environment}{step}");
    let verdict = |budget| LimitVerdict { budget, result: CheckResult::NotEnoughData, reason: reason.clone() };
    budget.given().map(verdict).collect()
}

fn answer(verdict: LimitVerdict) -> BudgetAnswer {
    let LimitVerdict { budget, result, reason } = verdict;
    BudgetAnswer { budget, result, reason }
}

/// A deployment with its version and owner; `None` when folding has taken it away meanwhile.
fn named(timed: Timed, deployments: &HashMap<StepId, Deployment>) -> Option<Judged> {
    let Timed { id, started_at, duration } = timed;
    let Deployment { version, owner, .. } = deployments.get(&id)?;
    Some(Judged { id, version: version.clone(), owner: owner.clone(), started_at, duration })
}

/// The verdicts of the past.
#[derive(Debug, Default)]
struct Replayed {
    first: Option<Timestamp>,
    deployments: u32,
    over: u32,
    budgets: BTreeMap<BudgetKind, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    over: u32,
    not_enough_data: u32,
    firings: VecDeque<(Timed, String)>,
}

/// Judges every deployment since `since`, until it is cancelled.
fn replay(budgets: &Budgets<'_>, series: &[Timed], since: Timestamp, cancellation: &Cancellation) -> Replayed {
    let mut replayed = Replayed::default();
    let all = budgets.replay(series.partition_point(|timed| timed.started_at < since));
    for (timed, verdicts) in all.take_while(|_| !cancellation.is_cancelled()) {
        replayed.first.get_or_insert(timed.started_at);
        replayed.deployments += 1;
        replayed.over += u32::from(verdicts.iter().any(|verdict| verdict.result == CheckResult::Over));
        for LimitVerdict { budget, result, reason } in verdicts {
            let tally = replayed.budgets.entry(budget).or_default();
            match result {
                CheckResult::Within => {}
                CheckResult::NotEnoughData => tally.not_enough_data += 1,
                CheckResult::Over => {
                    tally.over += 1;
                    tally.firings.push_back((*timed, reason));
                    if tally.firings.len() > MAX_FIRINGS {
                        tally.firings.pop_front();
                    }
                }
            }
        }
    }
    replayed
}

impl Replayed {
    /// The deployments that are listed.
    fn deployments(&self) -> impl Iterator<Item = StepId> {
        self.budgets.values().flat_map(|tally| &tally.firings).map(|(timed, _)| timed.id)
    }

    fn answer(
        mut self,
        given: impl Iterator<Item = BudgetKind>,
        (since, until): (Timestamp, Timestamp),
        deployments: &HashMap<StepId, Deployment>,
    ) -> Replay {
        let of = |budget| {
            let Tally { over, not_enough_data, firings } = self.budgets.remove(&budget).unwrap_or_default();
            let firing = |(timed, reason)| Some(Firing { deployment: named(timed, deployments)?, reason });
            ReplayedBudget { budget, over, not_enough_data, firings: firings.into_iter().filter_map(firing).collect() }
        };
        let budgets = given.map(of).collect();
        let Self { first: first_started_at, deployments, over, budgets: _ } = self;
        Replay { since, until, first_started_at, deployments, over, budgets }
    }
}
