//! Filters as conditions.

use sqlx::{Database, Encode, QueryBuilder, Type};
use steps_shared::{DeploymentFilter, StepFilter};

/// Adds ` WHERE …` with every condition of the filter; `time` is the column that `since` and `until` are of.
pub(super) fn push_filter<DB>(select: &mut QueryBuilder<DB>, filter: &StepFilter, time: &str)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let StepFilter { component, version, owner, status, environment, run, since, until } = filter;
    select.push(" WHERE 1 = 1");
    let texts = [
        ("component", component.as_ref().map(ToString::to_string)),
        ("version", version.as_ref().map(ToString::to_string)),
        ("owner", owner.as_ref().map(ToString::to_string)),
        ("status", status.as_ref().map(ToString::to_string)),
        ("environment", environment.as_ref().map(ToString::to_string)),
        ("run", run.as_ref().map(ToString::to_string)),
    ];
    for (column, text) in texts {
        push_text(select, column, text);
    }
    for (comparison, moment) in [(" >= ", since), (" <= ", until)] {
        if let Some(moment) = moment {
            select.push(" AND ").push(time).push(comparison).push_bind(moment.micros());
        }
    }
}

/// Adds ` AND column = text` where there is a text.
pub(super) fn push_text<DB>(select: &mut QueryBuilder<DB>, column: &str, text: Option<String>)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    if let Some(text) = text {
        select.push(" AND ").push(column).push(" = ").push_bind(text);
    }
}

/// The same for deployments.
pub(super) fn push_deployment_filter<DB>(select: &mut QueryBuilder<DB>, filter: &DeploymentFilter)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let DeploymentFilter { base, outcome, min_duration, max_duration } = filter;
    push_filter(select, base, "started_at");
    if let Some(outcome) = outcome {
        select.push(" AND outcome = ").push_bind(outcome.to_string());
    }
    for (comparison, duration) in [(" >= ", min_duration), (" <= ", max_duration)] {
        if let Some(duration) = duration {
            select.push(" AND duration").push(comparison).push_bind(duration.micros());
        }
    }
}
