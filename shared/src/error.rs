//! Errors of a request: which field, what is wrong, what would be right; and the problem document.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One wrong field of a request, a file's row or a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field as it was written.
    pub field: String,
    /// A sentence that names the field, without a full stop.
    pub message: String,
    /// The valid name that is nearest to an unknown one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl FieldError {
    /// `field` has a value that is wrong as `reason` says: "owner must not be empty".
    #[must_use]
    pub fn wrong(field: &str, reason: impl fmt::Display) -> Self {
        Self { field: field.to_owned(), message: format!("{field} {reason}"), suggestion: None }
    }

    /// A field that must be given was not. The words are those of the service that this one replaces.
    #[must_use]
    pub fn missing(field: &str) -> Self {
        Self { field: field.to_owned(), message: format!("Missing {field} parameter"), suggestion: None }
    }

    /// A field that does not exist; the nearest of `known` is suggested.
    #[must_use]
    pub fn unknown(field: &str, known: &[&str]) -> Self {
        let suggestion = nearest(field, known);
        let message = match suggestion {
            Some(name) => format!("Unknown parameter {field:?}; did you mean {name:?}?"),
            None => format!("Unknown parameter {field:?}; known are {}", known.join(", ")),
        };
        Self { field: field.to_owned(), message, suggestion: suggestion.map(str::to_owned) }
    }

    /// A field that was given more than once.
    #[must_use]
    pub fn repeated(field: &str) -> Self {
        Self::wrong(field, "is given more than once")
    }
}

/// The name among `known` that `word` was probably meant to be.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let (distance, name) = known.iter().map(|name| (strsim::damerau_levenshtein(&word, name), *name)).min()?;
    let close = distance <= 2.max(name.len() / 3);
    (close && distance < name.len()).then_some(name)
}

/// Every wrong field of one thing; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", sentence(.0))]
pub struct FieldErrors(pub Vec<FieldError>);

fn sentence(errors: &[FieldError]) -> String {
    errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl From<FieldError> for FieldErrors {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

/// An error answer: a problem document (RFC 9457) that also carries the old service's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong, in a sentence.
    pub detail: String,
    /// The old service's member: the same sentence, or the old service's own words.
    #[serde(rename = "Error")]
    pub legacy: String,
    /// The old service's other member, which only an unknown path has.
    #[serde(rename = "error", default, skip_serializing_if = "Option::is_none")]
    pub not_found: Option<String>,
    /// Every wrong field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The id of the request, as in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["component", "version", "start_datetime", "owner"];
        assert_eq!(nearest("compnent", &known), Some("component"));
        assert_eq!(nearest("Component", &known), Some("component"));
        assert_eq!(nearest("start_date", &known), Some("start_datetime"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
