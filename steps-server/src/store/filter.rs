//! Filters as conditions.

use sqlx::{Database, Encode, QueryBuilder, Type};
use steps_shared::{DeploymentFilter, DeploymentOutcome, Glob, NoteFilter, Order, StepFilter, StepId, Timestamp};
use uuid::Uuid;

use super::{Access, Limits};

/// Adds ` WHERE …` with what the caller may see; every query of a [`super::Reader`] begins its conditions with it.
pub(super) fn push_access<DB>(select: &mut QueryBuilder<DB>, access: &Access)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    select.push(" WHERE 1 = 1");
    if let Access::Only(limits) = access {
        let Limits { components, environments } = limits.as_ref();
        push_globs(select, "component", components);
        push_globs(select, "environment", environments);
    }
}

/// Adds ` AND (…)` with a condition for each pattern, none where there is no pattern. All compare bytes, as [`Glob::matches`] does,
/// and a text before the first star is a range of an index.
fn push_globs<DB>(select: &mut QueryBuilder<DB>, column: &str, globs: &[Glob])
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    for (at, glob) in globs.iter().enumerate() {
        select.push(if at == 0 { " AND (" } else { " OR " });
        match glob.exact() {
            // MySQL's collation ignores blanks at the end, which neither side has.
            Some(name) => select.push(column).push(" = ").push_bind(name.to_owned()),
            None if DB::NAME == "SQLite" => select.push(column).push(" GLOB ").push_bind(sqlite_glob(glob)),
            None => push_like(select, column, glob),
        };
    }
    if !globs.is_empty() {
        select.push(")");
    }
}

/// Adds the condition of MySQL for a pattern. The range of an index that MariaDB makes of LIKE by itself ends at U+FFFF, and so leaves
/// names out; of a binary pattern it makes none. The range here is too wide where it ends with a blank: LIKE decides.
fn push_like<'a, DB>(select: &'a mut QueryBuilder<DB>, column: &str, glob: &Glob) -> &'a mut QueryBuilder<DB>
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    let (prefix, _) = glob.as_str().split_once('*').unwrap_or_default();
    select.push("(").push(column).push(" LIKE CAST(").push_bind(mysql_like(glob)).push(" AS BINARY) ESCAPE '|'");
    if !prefix.is_empty() {
        select.push(" AND ").push(column).push(" >= ").push_bind(prefix.to_owned());
    }
    if let Some(end) = behind(prefix) {
        select.push(" AND ").push(column).push(" < ").push_bind(end);
    }
    select.push(")")
}

/// The first text behind all those that begin with `prefix`, in the order of bytes; `None` where there is none.
fn behind(prefix: &str) -> Option<String> {
    let begin = prefix.trim_end_matches(char::MAX);
    let last = begin.chars().next_back()?;
    let next = (last..=char::MAX).nth(1)?;
    Some(format!("{}{next}", &begin[..begin.len() - last.len_utf8()]))
}

/// As SQLite's GLOB has it, where `?` and `[` have a meaning as well.
fn sqlite_glob(glob: &Glob) -> String {
    glob.as_str().replace('[', "[[]").replace('?', "[?]")
}

/// As MySQL's LIKE has it. The escape character is not its own, which is another one in one of its modes.
fn mysql_like(glob: &Glob) -> String {
    let escaped = glob.as_str().replace('|', "||").replace('%', "|%").replace('_', "|_");
    escaped.replace('*', "%")
}

/// Adds ` WHERE …` with what the caller may see and every condition of the filter; `time` is the column that `since` and
/// `until` are of.
pub(super) fn push_filter<DB>(select: &mut QueryBuilder<DB>, access: &Access, filter: &StepFilter, time: &str)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let StepFilter { component, version, owner, status, environment, run, since, until } = filter;
    push_access(select, access);
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

/// Adds what comes behind a place in the order of a time and the id, and the order.
pub(super) fn push_after<DB>(select: &mut QueryBuilder<DB>, time: &str, order: Order, after: Option<(i64, Uuid)>)
where
    DB: Database,
    Uuid: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let (comparison, descending) = match order {
        Order::Ascending => (" > ", ""),
        Order::Descending => (" < ", " DESC"),
    };
    if let Some((micros, id)) = after {
        // The first condition follows from the second; it is where the walk along the key begins.
        select.push(" AND ").push(time).push(comparison.trim_end()).push("= ").push_bind(micros);
        select.push(" AND (").push(time).push(comparison).push_bind(micros);
        select.push(" OR id").push(comparison).push_bind(id).push(")");
    }
    select.push(" ORDER BY ").push(time).push(descending).push(", id").push(descending);
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

/// Adds ` AND column IN (…)`; there must be at least one id.
pub(super) fn push_ids<DB>(select: &mut QueryBuilder<DB>, column: &str, ids: &[&StepId])
where
    DB: Database,
    Uuid: for<'q> Encode<'q, DB> + Type<DB>,
{
    select.push(" AND ").push(column).push(" IN (");
    let mut list = select.separated(", ");
    for id in ids {
        list.push_bind(id.0);
    }
    select.push(")");
}

/// The same as [`push_filter`] for deployments.
pub(super) fn push_deployment_filter<DB>(
    select: &mut QueryBuilder<DB>,
    access: &Access,
    filter: &DeploymentFilter,
    now: Timestamp,
) where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let DeploymentFilter { base, outcome, min_duration, max_duration } = filter;
    push_filter(select, access, base, "started_at");
    match outcome {
        None => {}
        Some(DeploymentOutcome::Running) => {
            select.push(" AND (outcome = 'running' OR open_until > ").push_bind(now.micros()).push(")");
        }
        Some(outcome) => {
            select.push(" AND outcome = ").push_bind(outcome.to_string());
            select.push(" AND open_until <= ").push_bind(now.micros());
        }
    }
    if min_duration.is_some() || max_duration.is_some() {
        select.push(" AND open_until <= ").push_bind(now.micros());
    }
    for (comparison, duration) in [(" >= ", min_duration), (" <= ", max_duration)] {
        if let Some(duration) = duration {
            select.push(" AND duration").push(comparison).push_bind(duration.micros());
        }
    }
}

/// Adds ` WHERE …` with the notes that the caller may see: of what they may see, and of all environments where they may see one.
pub(super) fn push_note_access<DB>(select: &mut QueryBuilder<DB>, access: &Access)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    select.push(" WHERE 1 = 1");
    if let Access::Only(limits) = access {
        let Limits { components, environments } = limits.as_ref();
        push_globs(select, "component", components);
        if !environments.is_empty() {
            select.push(" AND (environment IS NULL OR (1 = 1");
            push_globs(select, "environment", environments);
            select.push("))");
        }
    }
}

/// The same as [`push_filter`] for notes: those that are not over before `since`, nor begin after `until`.
pub(super) fn push_note_filter<DB>(select: &mut QueryBuilder<DB>, access: &Access, filter: &NoteFilter)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let NoteFilter { component, environment, owner, since, until } = filter;
    push_note_access(select, access);
    push_text(select, "component", component.as_ref().map(ToString::to_string));
    push_text(select, "owner", owner.as_ref().map(ToString::to_string));
    if let Some(environment) = environment {
        select.push(" AND (environment IS NULL OR environment = ").push_bind(environment.to_string()).push(")");
    }
    if let Some(since) = since {
        select.push(" AND COALESCE(ended_at, started_at) >= ").push_bind(since.micros());
    }
    if let Some(until) = until {
        select.push(" AND started_at <= ").push_bind(until.micros());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::behind;

    #[test]
    fn a_range_of_names_ends_behind_all_that_begin_so() {
        assert_eq!(behind("acme/").as_deref(), Some("acme0"));
        assert_eq!(behind("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(behind("a\u{10ffff}\u{10ffff}").as_deref(), Some("b"));
        assert_eq!((behind(""), behind("\u{10ffff}")), (None, None));
    }

    proptest! {
        #[test]
        fn what_begins_so_is_in_the_range_and_nothing_else(prefix in "\\PC{1,4}", other in "\\PC{1,6}") {
            let end = behind(&prefix);
            let is_within = |text: &str| text >= prefix.as_str() && end.as_deref().is_none_or(|end| text < end);
            let longer = format!("{prefix}{other}");
            prop_assert!(is_within(&longer));
            prop_assert_eq!(is_within(&other), other.starts_with(&prefix));
        }
    }
}
