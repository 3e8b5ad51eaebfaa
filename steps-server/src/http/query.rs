//! Names and values out of a query string or a form.

use std::convert::Infallible;

use percent_encoding::percent_decode;
use steps_shared::{FieldError, FieldErrors, MAX_FIELDS, StepQuery};
use url::form_urlencoded;
use warp::Filter;

use super::problem::ApiError;

/// The query string; empty where there is none.
pub fn raw() -> impl Filter<Extract = (String,), Error = Infallible> + Copy {
    warp::query::raw().or(warp::any().map(String::new)).unify()
}

/// Names and values.
pub type Pairs<'a> = form_urlencoded::Parse<'a>;

/// The pairs of a query string or form.
///
/// # Errors
/// There are more than 64, or they are not UTF-8: decoding them all the same would change what was sent.
pub fn pairs(encoded: &[u8]) -> Result<Pairs<'_>, ApiError> {
    if encoded.split(|byte| *byte == b'&').nth(MAX_FIELDS).is_some() {
        return Err(ApiError::Malformed(format!("there are more than {MAX_FIELDS} parameters")));
    }
    match percent_decode(encoded).decode_utf8() {
        Ok(_) => Ok(form_urlencoded::parse(encoded)),
        Err(error) => Err(ApiError::Malformed(format!("the parameters are not UTF-8: {error}"))),
    }
}

/// The parameters of a request for one step or deployment.
pub const PARAMETERS_OF_ONE: [&str; 3] = ["format", "columns", "safe"];

/// How one step, or the steps of one deployment, are to be written.
///
/// # Errors
/// Any other parameter, and a wrong value.
pub fn of_one(query: &str) -> Result<StepQuery, ApiError> {
    let unknown: Vec<_> = pairs(query.as_bytes())?
        .filter(|(name, _)| !PARAMETERS_OF_ONE.contains(&name.as_ref()))
        .map(|(name, _)| FieldError::unknown(&name, &PARAMETERS_OF_ONE))
        .collect();
    if !unknown.is_empty() {
        return Err(FieldErrors(unknown).into());
    }
    Ok(StepQuery::from_parameters(pairs(query.as_bytes())?)?)
}
