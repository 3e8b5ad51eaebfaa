//! The addresses of pages, and of the same as CSV, workbook and JSON.

use steps_shared::{Component, Environment, StepId};
use url::form_urlencoded;

pub const HOME: &str = "/";
pub const COMPONENT: &str = "/component";
pub const DEPLOYMENTS: &str = "/deployments";
pub const TREND: &str = "/trend";
pub const STATS: &str = "/stats";
pub const CHECK: &str = "/check";

/// Names and values as a query string.
pub fn query<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name.as_ref(), value.as_ref());
    }
    query.finish()
}

/// An address with parameters, those without a value left out.
pub fn with<N: AsRef<str>, V: AsRef<str>>(path: &str, pairs: &[(N, V)]) -> String {
    let given: Vec<_> = pairs.iter().filter(|(_, value)| !value.as_ref().is_empty()).collect();
    let pairs: Vec<(&str, &str)> = given.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    match pairs.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", query(&pairs)),
    }
}

/// The page of a component in an environment.
pub fn component(component: &Component, environment: &Environment) -> String {
    with(COMPONENT, &[("component", component.as_str()), ("environment", environment.as_str())])
}

/// The page of a deployment.
pub fn deployment(id: StepId) -> String {
    format!("{DEPLOYMENTS}/{id}")
}

/// The comparison of a deployment with another one; by default with the last successful one before it.
pub fn comparison(id: StepId, with: Option<StepId>) -> String {
    self::with(
        &format!("{DEPLOYMENTS}/{id}/compare"),
        &[("with", with.map(|with| with.to_string()).unwrap_or_default())],
    )
}

/// The names and values of a query string without some of them.
pub fn without(pairs: &[(String, String)], names: &[&str]) -> Vec<(String, String)> {
    let is_kept = |(name, value): &&(String, String)| !names.contains(&name.as_str()) && !value.is_empty();
    pairs.iter().filter(is_kept).cloned().collect()
}

/// The same with one of them changed, or left out where its value is empty.
pub fn changed(pairs: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let mut changed = without(pairs, &[name]);
    if !value.is_empty() {
        changed.push((name.to_owned(), value.to_owned()));
    }
    changed
}
