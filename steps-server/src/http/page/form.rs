//! Filters as a form that needs no script, and reading what it sends.

use std::fmt::Display;
use std::str::FromStr;

use maud::{Markup, html};
use steps_shared::view::words::date;
use steps_shared::{DeploymentOutcome, Environment, FieldError, Timestamp};

use super::links;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// The spans that a click chooses.
const SPANS: [(&str, &str); 4] = [("30d", "30 days"), ("90d", "90 days"), ("1y", "1 year"), ("10y", "all")];

/// A value out of what was given; an empty one counts as not given.
pub fn value<T: FromStr<Err: Display>>(
    given: &[(String, String)],
    name: &'static str,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    let mut values = given.iter().filter(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value);
    let value = values.next()?;
    if values.next().is_some() {
        errors.push(FieldError::repeated(name));
    }
    value.parse().map_err(|error| errors.push(FieldError::wrong(name, error))).ok()
}

/// What was given for a name; empty where nothing was.
pub fn given<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// The parameters of a page as they were written.
pub fn read(request: &Request) -> Result<Vec<(String, String)>, ApiError> {
    Ok(request.parameters()?.map(|(name, value)| (name.into_owned(), value.trim().to_owned())).collect())
}

/// A field for text.
pub fn field(pairs: &[(String, String)], label: &str, name: &str, placeholder: &str, size: u32) -> Markup {
    html! { label { (label) " " input type="text" name=(name) value=(given(pairs, name)) placeholder=(placeholder) size=(size); } }
}

/// What is asked for beside what a form has fields for.
pub fn rest(pairs: &[(String, String)], own: &[&str]) -> Markup {
    html! { @for (name, value) in links::without(pairs, own) { input type="hidden" name=(name) value=(value); } }
}

/// The filters of a component.
pub fn filters(
    pairs: &[(String, String)],
    (since, until): (Timestamp, Option<Timestamp>),
    environment: &Environment,
    environments: &[Environment],
    now: Timestamp,
) -> Markup {
    let outcome = given(pairs, "outcome");
    let span = given(pairs, "since");
    let is_span = |of: &str| given(pairs, "until").is_empty() && (span == of || (span.is_empty() && of == "90d"));
    html! {
        form.filters method="get" action=(links::COMPONENT) aria-label="Filters" {
            input type="hidden" name="component" value=(given(pairs, "component"));
            label { "Environment "
                select name="environment" {
                    @for one in environments { option value=(one.as_str()) selected[one == environment] { (one.as_str()) } }
                    @if !environments.contains(environment) { option value=(environment.as_str()) selected { (environment.as_str()) } }
                }
            }
            label { "Owner " input type="text" name="owner" value=(given(pairs, "owner")) placeholder="anybody" size="10"; }
            label { "Outcome " (outcomes(outcome)) }
            label { "From " input type="date" name="since" value=(date(since)) max=(date(now)); }
            label { "To " input type="date" name="until" value=(until.map(date).unwrap_or_default()) max=(date(now)); }
            button { "Show" }
            span.spans {
                @for (of, text) in SPANS {
                    @let pairs = links::changed(&links::without(pairs, &["until"]), "since", of);
                    a href=(links::with(links::COMPONENT, &pairs)) aria-current=[is_span(of).then_some("true")] { (text) } " "
                }
            }
        }
    }
}

/// A choice of outcomes.
pub fn outcomes(chosen: &str) -> Markup {
    html! {
        select name="outcome" {
            option value="" { "any" }
            @for one in DeploymentOutcome::ALL { option value=(one.name()) selected[one.name() == chosen] { (one.name()) } }
        }
    }
}
