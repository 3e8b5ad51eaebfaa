//! Fields of a request, a file's row or the flags of the command: from texts to values, with all errors at once.

use std::fmt;
use std::str::FromStr;

use crate::FieldError;

/// Sorts fields into the order of `known`; unknown and repeated ones are errors.
pub(crate) fn sort<const N: usize, K: AsRef<str>, V: Into<String>>(
    known: &[&str; N],
    fields: impl IntoIterator<Item = (K, V)>,
    errors: &mut Vec<FieldError>,
) -> [Option<String>; N] {
    let mut values = [const { None }; N];
    for (field, value) in fields {
        let field = field.as_ref();
        match known.iter().position(|known| *known == field) {
            None => errors.push(FieldError::unknown(field, known)),
            Some(at) if values[at].is_some() => errors.push(FieldError::repeated(field)),
            Some(at) => values[at] = Some(value.into()),
        }
    }
    values
}

/// The value of a field that must be given.
pub(crate) fn required<T>(field: &'static str, value: Option<String>, errors: &mut Vec<FieldError>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    match value {
        Some(value) => read(field, &value, errors),
        None => {
            errors.push(FieldError::missing(field));
            None
        }
    }
}

/// The value of a field, where one is given; an empty one is not.
pub(crate) fn optional<T>(field: &'static str, value: Option<String>, errors: &mut Vec<FieldError>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    value.filter(|value| !value.is_empty()).and_then(|value| read(field, &value, errors))
}

fn read<T>(field: &'static str, value: &str, errors: &mut Vec<FieldError>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    value.parse().map_err(|error| errors.push(FieldError::wrong(field, error))).ok()
}
