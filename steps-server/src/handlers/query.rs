//! Names and values out of a query string or a form.

use std::borrow::Cow;
use std::convert::Infallible;

use percent_encoding::percent_decode;
use url::form_urlencoded;
use warp::Filter;

use crate::problem::ApiError;

/// The query string; empty where there is none.
pub fn raw() -> impl Filter<Extract = (String,), Error = Infallible> + Copy {
    warp::query::raw().or(warp::any().map(String::new)).unify()
}

/// The pairs of a query string or form.
///
/// # Errors
/// It is not UTF-8: decoding it all the same would change what was sent.
pub fn pairs(encoded: &[u8]) -> Result<impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)>, ApiError> {
    match percent_decode(encoded).decode_utf8() {
        Ok(_) => Ok(form_urlencoded::parse(encoded)),
        Err(error) => Err(ApiError::Malformed(format!("the parameters are not UTF-8: {error}"))),
    }
}
