//! Parameters of a query string: from texts to values, with all errors at once.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::{FieldError, FieldErrors, TimeError, TimeInterval, Timestamp, typed_time};

/// Reads each parameter with `set`, which answers `None` to a name that it does not know.
pub(crate) fn read_parameters<'a>(
    parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    known: &[&str],
    mut set: impl FnMut(&str, &str) -> Option<Result<(), FieldError>>,
) -> Result<(), FieldErrors> {
    let mut errors = Vec::new();
    let mut seen: Vec<Cow<'a, str>> = Vec::new();
    for (name, value) in parameters {
        if seen.contains(&name) {
            errors.push(FieldError::repeated(&name));
            continue;
        }
        // An empty value is set nowhere, but its name must still be a known one.
        match set(&name, &value) {
            None => errors.push(FieldError::unknown(&name, known)),
            Some(Err(error)) if !value.is_empty() => errors.push(error),
            Some(_) => {}
        }
        seen.push(name);
    }
    if errors.is_empty() { Ok(()) } else { Err(FieldErrors(errors)) }
}

/// Reads a value into its place.
pub(crate) fn put<T: FromStr<Err: fmt::Display>>(
    place: &mut Option<T>,
    name: &str,
    value: &str,
) -> Result<(), FieldError> {
    *place = Some(value.parse().map_err(|error| FieldError::wrong(name, error))?);
    Ok(())
}

/// Reads a time into its place: the beginning or the end of what was written.
pub(crate) fn put_time(
    place: &mut Option<Timestamp>,
    name: &str,
    value: &str,
    pick: impl Fn(TimeInterval) -> Timestamp,
) -> Result<(), FieldError> {
    let time = value.parse().map_err(|error| match error {
        TimeError::Malformed(text) => {
            FieldError::wrong(name, format!("is not a time: {text:?}; {}", typed_time::EXAMPLES))
        }
        error => FieldError::wrong(name, error),
    })?;
    *place = Some(pick(time));
    Ok(())
}

/// Reads a switch into its place.
pub(crate) fn switch(place: &mut bool, name: &str, value: &str) -> Result<(), FieldError> {
    let value = value.trim();
    *place = value.parse().map_err(|_| FieldError::wrong(name, format!("must be true or false, not {value:?}")))?;
    Ok(())
}

/// Reads a value into the place of another.
pub(crate) fn replace<T: FromStr<Err: fmt::Display>>(place: &mut T, name: &str, value: &str) -> Result<(), FieldError> {
    *place = value.parse().map_err(|error| FieldError::wrong(name, error))?;
    Ok(())
}

/// The values that are given, with their names.
pub(crate) fn named<const N: usize>(
    names: &[&'static str],
    values: [Option<String>; N],
) -> Vec<(&'static str, String)> {
    names.iter().zip(values).filter_map(|(name, value)| Some((*name, value?))).collect()
}
