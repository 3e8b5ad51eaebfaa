//! What is read to judge a deployment by its budget; how it is judged is in [`crate::analysis::budget`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use steps_shared::{
    Budget, BudgetAnswer, BudgetKind, CheckAnswer, CheckQuery, CheckResult, Deployment, Firing, Judged, Replay,
    ReplayedBudget, Timestamp,
};

use crate::analysis::budget::Said;
use crate::analysis::{Budgets, Lookback, Timed};
use crate::app::state::{State, Wanted};
use crate::http::problem::ApiError;
use crate::store::SeriesKey;

/// How many deployments are told of those that a limit would have been over at.
const MOST_FIRINGS: usize = 20;

/// Judges a deployment by its budget, and those of the past where that is asked for.
///
/// # Errors
/// The database does not answer in time.
pub async fn check(state: &State, query: CheckQuery) -> Result<CheckAnswer, ApiError> {
    // A replay takes long: gates do not wait behind it.
    let replaying = if query.replay.is_some() { Some(state.turn(&state.replays).await?) } else { None };
    let _asker = state.turn(&state.askers).await?;
    let key = SeriesKey {
        component: query.component.clone(),
        environment: query.environment.clone(),
        step: query.step.clone(),
    };
    let asking = async {
        state.caught_up().await?;
        let newest = match &query.version {
            Some(version) => Some(state.store.newest_of(&key, version).await?),
            None => None,
        };
        // Which deployments took too long depends on all that there are before them.
        Ok((newest, state.store.series(&key, Timestamp::default(), None).await?))
    };
    let (newest, series) = state.within_deadline(asking).await?;
    let at = match newest {
        Some(newest) => newest.and_then(|newest| series.iter().rposition(|timed| timed.id == newest.id)),
        None => series.len().checked_sub(1),
    };
    let series = Arc::new(series);
    let turn = match replaying {
        Some(turn) => turn,
        None => state.turn(&state.computers).await?,
    };
    let now = (state.now)();
    let replayed_since = query.replay.map(|span| Lookback::Span(span).begin(now));
    let lookback = Lookback::new(query.since);
    let (said, replayed) = state
        .computing(turn, {
            let (series, budget) = (Arc::clone(&series), query.budget.clone());
            move |wanted| {
                let budgets = Budgets::new(&series, &budget, lookback);
                let said = at.map(|at| (budgets.judge(at), budgets.over_in_a_row(at)));
                (said, replayed_since.map(|since| replay(&budgets, &series, since, wanted)))
            }
        })
        .await?;
    let (said, over_in_a_row) = said.unwrap_or_else(|| (nothing_to_judge(&query), 0));
    let telling = async {
        let deployment = match at.and_then(|at| series.get(at)) {
            Some(timed) => judged(state, *timed).await?,
            None => None,
        };
        let replay = match (replayed, replayed_since) {
            (Some(replayed), Some(since)) => Some(replayed.told(state, given(&query.budget), (since, now)).await?),
            _ => None,
        };
        Ok((deployment, replay))
    };
    let (deployment, replay) = state.within_deadline(telling).await?;
    Ok(CheckAnswer {
        component: query.component,
        environment: query.environment,
        step: query.step,
        result: said.iter().map(|said| said.result).max().unwrap_or(CheckResult::NotEnoughData),
        deployment,
        over_in_a_row,
        budgets: said.into_iter().map(answer).collect(),
        replay,
    })
}

/// The limits that are given.
fn given(budget: &Budget) -> impl Iterator<Item = BudgetKind> {
    let Budget { max, baseline, last: _, margin: _, max_growth } = budget;
    let limits = [
        (BudgetKind::Max, max.is_some()),
        (BudgetKind::Baseline, baseline.is_some()),
        (BudgetKind::MaxGrowth, max_growth.is_some()),
    ];
    limits.into_iter().filter(|(_, given)| *given).map(|(budget, _)| budget)
}

/// What each limit says where there is nothing to judge.
fn nothing_to_judge(query: &CheckQuery) -> Vec<Said> {
    let CheckQuery { component, environment, version, step, budget, since: _, replay: _ } = query;
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let step = step.as_ref().map(|step| format!(" with the step {step}")).unwrap_or_default();
    let reason = format!("there is no successful deployment of {component}{version} into {environment}{step}");
    let said = |budget| Said { budget, result: CheckResult::NotEnoughData, reason: reason.clone() };
    given(budget).map(said).collect()
}

fn answer(said: Said) -> BudgetAnswer {
    let Said { budget, result, reason } = said;
    BudgetAnswer { budget, result, reason }
}

/// A deployment by its names; `None` where folding has taken it away meanwhile.
async fn judged(state: &State, timed: Timed) -> Result<Option<Judged>, ApiError> {
    let Timed { id, started_at, duration } = timed;
    let found = state.store.deployment(id).await?;
    Ok(found.map(|Deployment { version, owner, .. }| Judged { id, version, owner, started_at, duration }))
}

/// What the limits would have said.
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

/// Judges every deployment since a moment, as long as somebody waits for it.
fn replay(budgets: &Budgets<'_>, series: &[Timed], since: Timestamp, wanted: &Wanted) -> Replayed {
    let mut replayed = Replayed::default();
    let all = budgets.replay(series.partition_point(|timed| timed.started_at < since));
    for (timed, said) in all.take_while(|_| wanted.still()) {
        replayed.first.get_or_insert(timed.started_at);
        replayed.deployments += 1;
        replayed.over += u32::from(said.iter().any(|said| said.result == CheckResult::Over));
        for Said { budget, result, reason } in said {
            let tally = replayed.budgets.entry(budget).or_default();
            match result {
                CheckResult::Within => {}
                CheckResult::NotEnoughData => tally.not_enough_data += 1,
                CheckResult::Over => {
                    tally.over += 1;
                    tally.firings.push_back((*timed, reason));
                    if tally.firings.len() > MOST_FIRINGS {
                        tally.firings.pop_front();
                    }
                }
            }
        }
    }
    replayed
}

impl Replayed {
    async fn told(
        mut self,
        state: &State,
        given: impl Iterator<Item = BudgetKind>,
        (since, until): (Timestamp, Timestamp),
    ) -> Result<Replay, ApiError> {
        let mut budgets = Vec::new();
        for budget in given {
            let Tally { over, not_enough_data, firings } = self.budgets.remove(&budget).unwrap_or_default();
            let mut told = Vec::new();
            for (timed, reason) in firings {
                told.extend(judged(state, timed).await?.map(|deployment| Firing { deployment, reason }));
            }
            budgets.push(ReplayedBudget { budget, over, not_enough_data, firings: told });
        }
        let Self { first: first_started_at, deployments, over, budgets: _ } = self;
        Ok(Replay { since, until, first_started_at, deployments, over, budgets })
    }
}
