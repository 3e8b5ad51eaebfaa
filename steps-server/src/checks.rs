//! What is read to judge a deployment by its budget; how it is judged is in [`crate::trend::budget`].

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::TryStreamExt as _;
use steps_shared::{
    Bound, Budget, BudgetAnswer, BudgetKind, CheckAnswer, CheckQuery, CheckResult, Deployment, DeploymentFilter,
    DeploymentQuery, Firing, Judged, Order, Outcome, Replay, ReplayedBudget, StepFilter, StepId, Timestamp,
};

use crate::problem::ApiError;
use crate::state::State;
use crate::store::SeriesKey;
use crate::trend::budget::Said;
use crate::trend::{Budgets, Lookback, Timed};

/// How many deployments are told of those that a limit would have been over at.
const MOST_FIRINGS: usize = 20;

/// Judges a deployment by its budget, and those of the past where that is asked for.
///
/// # Errors
/// The database does not answer in time.
pub async fn check(state: &State, query: CheckQuery) -> Result<CheckAnswer, ApiError> {
    let lookback = Lookback::new(query.since);
    // Which deployments took too long before depends on all that there are.
    let since = match lookback {
        Lookback::From(moment) => moment,
        Lookback::Span(_) => Timestamp::default(),
    };
    let key = SeriesKey {
        component: query.component.clone(),
        environment: query.environment.clone(),
        step: query.step.clone(),
    };
    let asking = async {
        state.caught_up().await?;
        let series = state.store.series(&key, since, None).await?;
        let at = match newest(state, &query).await? {
            Newest::OfAny => series.len().checked_sub(1),
            Newest::OfVersion(id) => series.iter().rposition(|timed| Some(timed.id) == id),
        };
        Ok((Arc::new(series), at))
    };
    let (series, at) = state.within_deadline(asking).await?;
    let replayed_since = query.replay.map(|span| Lookback::Span(span).begin((state.now)()));
    let (said, replayed) = state
        .computing({
            let (series, budget) = (Arc::clone(&series), query.budget.clone());
            move || {
                let budgets = Budgets::new(&series, &budget, lookback);
                let said = at.map(|at| budgets.judge(at));
                (said, replayed_since.map(|since| replay(&budgets, &series, since)))
            }
        })
        .await?;
    let none = || nothing_to_judge(&query);
    let budgets: Vec<BudgetAnswer> = said.unwrap_or_else(none).into_iter().map(answer).collect();
    let telling = async {
        let deployment = match at.and_then(|at| series.get(at)) {
            Some(timed) => judged(state, *timed).await?,
            None => None,
        };
        let replay = match (replayed, replayed_since) {
            (Some(replayed), Some(since)) => Some(replayed.told(state, since).await?),
            _ => None,
        };
        Ok((deployment, replay))
    };
    let (deployment, replay) = state.within_deadline(telling).await?;
    Ok(CheckAnswer {
        component: query.component,
        environment: query.environment,
        step: query.step,
        result: budgets.iter().map(|budget| budget.result).max().unwrap_or(CheckResult::NotEnoughData),
        deployment,
        budgets,
        replay,
    })
}

/// Which deployment is judged.
enum Newest {
    OfAny,
    /// The newest successful one of the version, if there is one.
    OfVersion(Option<StepId>),
}

async fn newest(state: &State, query: &CheckQuery) -> Result<Newest, ApiError> {
    let Some(version) = query.version.clone() else { return Ok(Newest::OfAny) };
    let base = StepFilter {
        component: Some(query.component.clone()),
        environment: Some(query.environment.clone()),
        version: Some(version),
        ..StepFilter::default()
    };
    let filter = DeploymentFilter { base, outcome: Some(Outcome::Succeeded), ..DeploymentFilter::default() };
    let newest = DeploymentQuery { filter, order: Order::Descending, limit: Some(1), ..DeploymentQuery::default() };
    let found = state.store.deployments(newest).await?.try_next().await?;
    Ok(Newest::OfVersion(found.map(|deployment| deployment.id)))
}

/// What each limit says where there is nothing to judge.
fn nothing_to_judge(query: &CheckQuery) -> Vec<Said> {
    let CheckQuery { component, environment, version, step, budget, since, replay: _ } = query;
    let version = version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let step = step.as_ref().map(|step| format!(" with the step {step}")).unwrap_or_default();
    let since = match since {
        Some(Bound::At(_)) => since.map(|since| format!(" since {since}")).unwrap_or_default(),
        _ => String::new(),
    };
    let reason = format!("there is no successful deployment of {component}{version} into {environment}{step}{since}");
    let Budget { max, baseline, last: _, margin: _, max_growth } = budget;
    let given = [
        (BudgetKind::Max, max.is_some()),
        (BudgetKind::Baseline, baseline.is_some()),
        (BudgetKind::MaxGrowth, max_growth.is_some()),
    ];
    let said = |budget| Said { budget, result: CheckResult::NotEnoughData, reason: reason.clone() };
    given.into_iter().filter(|(_, given)| *given).map(|(budget, _)| said(budget)).collect()
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
    deployments: u32,
    over: u32,
    budgets: BTreeMap<BudgetKind, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    over: u32,
    not_enough_data: u32,
    firings: Vec<(Timed, String)>,
}

fn replay(budgets: &Budgets<'_>, series: &[Timed], since: Timestamp) -> Replayed {
    let mut replayed = Replayed::default();
    for (timed, said) in budgets.replay(series.partition_point(|timed| timed.started_at < since)) {
        replayed.deployments += 1;
        replayed.over += u32::from(said.iter().any(|said| said.result == CheckResult::Over));
        for Said { budget, result, reason } in said {
            let tally = replayed.budgets.entry(budget).or_default();
            match result {
                CheckResult::Within => {}
                CheckResult::NotEnoughData => tally.not_enough_data += 1,
                CheckResult::Over => {
                    tally.over += 1;
                    tally.firings.push((*timed, reason));
                }
            }
        }
    }
    for tally in replayed.budgets.values_mut() {
        tally.firings.drain(..tally.firings.len().saturating_sub(MOST_FIRINGS));
    }
    replayed
}

impl Replayed {
    async fn told(self, state: &State, since: Timestamp) -> Result<Replay, ApiError> {
        let mut budgets = Vec::new();
        for (budget, Tally { over, not_enough_data, firings }) in self.budgets {
            let mut told = Vec::new();
            for (timed, reason) in firings {
                told.extend(judged(state, timed).await?.map(|deployment| Firing { deployment, reason }));
            }
            budgets.push(ReplayedBudget { budget, over, not_enough_data, firings: told });
        }
        Ok(Replay { since, deployments: self.deployments, over: self.over, budgets })
    }
}
