//! The parameters of requests: their names are those that are read, each with what may stand in it.

use steps_shared::openapi::{
    SENT_DURATION, SENT_PERCENT, SENT_SPAN, SENT_TIME, boolean, either, id as uuid, integer, one_of, pattern,
    sent_name, text,
};
use steps_shared::{
    Budget, Component, DeploymentOutcome, Environment, EventKind, ListColumn, ListFormat, Order, Owner, PeriodKind,
    Run, Status, Version,
};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema};

/// A span back from now, a time or a date. More that people type is read, which a program has no need of.
const BOUND: &str = "^(now|today|yesterday|(mon|tues|wednes|thurs|fri|satur|sun)day|(this|last) (week|month|year)|0*([0-9]{1,4}(ms|s|m|h|d)|[0-9]{1,3}w|[0-4]?[0-9]y)|[0-9]{1,2}h ?[0-9]{1,2}m|(197[1-9]|19[89][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])([T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])?)?)$";

/// `p95`, or `median`.
const BASELINE: &str = "^([pP]0*([1-9][0-9]?|100)|[mM]edian|MEDIAN)$";

/// `5%/week`.
const GROWTH: &str = "^([0-9]{1,300}(\\.[0-9]*)?|\\.[0-9]+) ?%?(/week)?$";

/// Whole days, from one to 366.
const DAYS: &str = "^([1-9][0-9]?d|[12][0-9]{2}d|3[0-5][0-9]d|36[0-6]d|[1-9]w|[1-4][0-9]w|5[0-2]w)$";

/// The segment of a path that varies.
pub fn in_path(path: &str) -> Parameter {
    if path.contains("{component}") {
        return ParameterBuilder::new()
            .name("component")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("The component"))
            .schema(Some(text().min_length(Some(1))))
            .build();
    }
    id(path)
}

/// The `{id}` of a path.
fn id(path: &str) -> Parameter {
    let of = if path.contains("/tokens") {
        "token"
    } else if path.contains("/deployments") {
        "deployment"
    } else if path.contains("/notes") {
        "note"
    } else {
        "step"
    };
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(format!("The identity of the {of}, a UUID")))
        .schema(Some(uuid()))
        .build()
}

/// Where the page that asks for a token leads to.
pub fn next() -> Parameter {
    ParameterBuilder::new()
        .name("next")
        .parameter_in(ParameterIn::Query)
        .description(Some("Where it leads to afterwards: an address of this server; else `/`"))
        .schema(Some(text()))
        .build()
}

/// Parameters of a query string, of which an empty one counts as not given.
pub fn of(names: impl IntoIterator<Item = &'static str>, columns: &[&'static str]) -> Vec<Parameter> {
    names.into_iter().map(|name| parameter(name, columns)).collect()
}

/// The names of columns.
pub fn names<C: ListColumn>(columns: &[C]) -> Vec<&'static str> {
    columns.iter().map(|column| column.name()).collect()
}

/// The same parameters, of which this one must be given.
pub fn requiring(name: &str, mut parameters: Vec<Parameter>) -> Vec<Parameter> {
    for parameter in parameters.iter_mut().filter(|parameter| parameter.name == name) {
        parameter.required = Required::True;
        parameter.schema = Some(sent_name(Component::LIMIT, "").into());
    }
    parameters
}

/// A parameter of this name. One name means one thing, whatever is asked for.
fn parameter(name: &'static str, columns: &[&'static str]) -> Parameter {
    let (schema, about) = schema(name, columns);
    let is_list = matches!(schema, Schema::Array(_));
    let mut parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(if is_list { schema } else { or_empty(schema) }));
    if is_list {
        parameter = parameter.style(Some(ParameterStyle::Form)).explode(Some(false));
    }
    parameter.build()
}

/// What is given, or nothing.
fn or_empty(schema: Schema) -> Schema {
    either([schema, text().max_length(Some(0)).build().into()])
}

fn words(words: Vec<&'static str>) -> Schema {
    one_of(words).build().into()
}

fn list(words: &[&'static str]) -> Schema {
    ArrayBuilder::new().items(one_of(words.iter().copied())).into()
}

fn schema(name: &str, columns: &[&'static str]) -> (Schema, &'static str) {
    let name_of = |limit| sent_name(limit, "");
    let form = |form| pattern(form).build().into();
    let whole = |least, most: i64| -> Schema { integer(least, most).build().into() };
    let all = |built: ObjectBuilder| -> Schema { built.build().into() };
    match name {
        "component" => (name_of(Component::LIMIT), "Only this component"),
        "with" => (
            all(uuid()),
            "The deployment that it is compared with: its identity; of it, the first eight digits and more are enough where no other begins so",
        ),
        "version" => (name_of(Version::LIMIT), "Only this version"),
        "owner" => (name_of(Owner::LIMIT), "Only this owner"),
        "status" => (name_of(Status::LIMIT), "Only with this status; of a deployment, the last that was recorded"),
        "step" => (name_of(Status::LIMIT), "This step of deployments, rather than the whole"),
        "environment" => (name_of(Environment::LIMIT), "Only in this environment; of a check, production by default"),
        "run" => (name_of(Run::LIMIT), "Only of this CI run"),
        "event" => (
            words(EventKind::ALL.iter().map(|kind| kind.name()).collect()),
            "Only this kind of events; a reset comes all the same",
        ),
        "last_event_id" => (all(text()), "Behind the event with this id"),
        "start_datetime" => (form(SENT_TIME), "Only what began then or later"),
        "end_datetime" => (form(SENT_TIME), "Only what began then or earlier; a whole second is included"),
        "since" => (
            form(BOUND),
            "Only what began then or later: a time, a date, yesterday, last month, or a span back from now such as 90d",
        ),
        "until" if columns == ["change"] => (whole(i64::MIN, i64::MAX), "Only what waits up to this change"),
        "until" => (form(BOUND), "Only what began then or earlier"),
        "outcome" => {
            (words(DeploymentOutcome::ALL.iter().map(|outcome| outcome.name()).collect()), "Only with this outcome")
        }
        "min_duration" => (form(SENT_DURATION), "Only what took at least so long: 90s, 15m, 1h30m, or seconds"),
        "max_duration" => (form(SENT_DURATION), "Only what took at most so long"),
        "limit" => (whole(1, i64::MAX), "At most so many rows, from the beginning of the order"),
        "order" => (
            words(Order::ALL.iter().map(|order| order.name()).collect()),
            "The oldest first (asc, the default), or the newest",
        ),
        "columns" => (list(columns), "Only these columns, in this order"),
        "format" => (
            words(ListFormat::ALL.iter().map(|format| format.name()).collect()),
            "How it is written; by default what the Accept header prefers",
        ),
        "safe" => (all(boolean()), "Of CSV: an apostrophe before whatever a spreadsheet would run as a formula"),
        "by" if columns == ["week"] => {
            (words(PeriodKind::ALL.iter().map(|kind| kind.name()).collect()), "Medians of these")
        }
        "by" => (list(columns), "The groups, in this order; none is one group of everything"),
        "tz" => (
            words(chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect()),
            "The zone of days, weeks and months; UTC by default",
        ),
        "exclude_waiting" => (all(boolean()), "Durations without the time in which only waiting statuses were open"),
        "sprint_start" => (
            form("^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$"),
            "The date at which a sprint began",
        ),
        "sprint_length" => (form(DAYS), "How long a sprint is: whole days, from 1d to 366d"),
        "min_change" => (form(GROWTH), "The smallest growth in a week that matters, in percent"),
        "min_difference" => (form(SENT_DURATION), "The smallest difference that matters"),
        "max" => (form(SENT_DURATION), "No longer than this; one of max, min, baseline and max_growth is needed"),
        "min" => (form(SENT_DURATION), "No less than this, which is not more than max"),
        "baseline" => (form(BASELINE), "No longer than this percentile of those before, and the margin"),
        "last" => (
            whole(Budget::MIN_BASELINE_WINDOW.into(), Budget::MAX_BASELINE_WINDOW.into()),
            "How many of those before make the baseline; only with baseline",
        ),
        "margin" => (form(SENT_PERCENT), "How far above the baseline is still within, in percent; only with baseline"),
        "both_ways" => (all(boolean()), "No less than the percentile at the other end, either; only with baseline"),
        "max_growth" => (form(GROWTH), "Growing no faster than this: 5%/week"),
        "replay" => (form(SENT_SPAN), "How often the limits would have fired in so long a time until now"),
        other => (all(text()), described_nowhere(other)),
    }
}

/// A parameter that nobody described. A test finds it.
fn described_nowhere(_: &str) -> &'static str {
    ""
}
