//! Errors of a request: which field, what is wrong, what would be right; and the problem document.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The most errors that are listed of one thing; how many more there are is told.
pub const MAX_ERRORS: usize = 16;

/// The longest word, in characters, for which a near one is looked for, and which is shown whole.
const MAX_WORD: usize = 64;

/// The longest message, in characters; a longer one is cut.
const MAX_MESSAGE: usize = 1000;

/// One wrong field of a request, a file's row or a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
        let field = cut(field, MAX_WORD);
        let message = format!("{field} {reason}");
        let message = cut(&message, MAX_MESSAGE).into_owned();
        Self { field: field.into_owned(), message, suggestion: None }
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
        let field = cut(field, MAX_WORD);
        let message = match suggestion {
            Some(name) => format!("Unknown parameter {field:?}; did you mean {name:?}?"),
            None => format!("Unknown parameter {field:?}; known are {}", known.join(", ")),
        };
        Self { field: field.into_owned(), message, suggestion: suggestion.map(str::to_owned) }
    }

    /// A field that was given more than once.
    #[must_use]
    pub fn repeated(field: &str) -> Self {
        Self::wrong(field, "is given more than once")
    }
}

/// The text, or its first `most` characters and an ellipsis.
fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((at, _)) => Cow::Owned(format!("{}…", &text[..at])),
        None => Cow::Borrowed(text),
    }
}

/// The name among `known` that `word` was probably meant to be; none for a word of more than 64 characters, because comparing
/// takes its length times that of each name.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.chars().nth(MAX_WORD).is_some() {
        return None;
    }
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
    let listed: Vec<&str> = errors.iter().take(MAX_ERRORS).map(|error| error.message.as_str()).collect();
    match errors.len().saturating_sub(MAX_ERRORS) {
        0 => listed.join("; "),
        more => format!("{}; and {more} more", listed.join("; ")),
    }
}

impl From<FieldError> for FieldErrors {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

/// An error answer: a problem document (RFC 9457) that also carries the old service's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
    /// How many more are wrong than `errors` lists.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_errors: usize,
    /// The id of the request, as in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
pub(crate) fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_neither_compared_nor_shown_whole() {
        let long = "component".repeat(100_000);
        let error = FieldError::unknown(&long, &["component"]);
        assert_eq!((error.suggestion, error.field.chars().count()), (None, 65));
        assert!(error.message.len() < 200, "{}", error.message);
        assert!(FieldError::wrong("ts", &long).message.chars().count() <= 1001);
        assert_eq!(nearest(&"é".repeat(65), &["e"]), None);
    }

    #[test]
    fn many_errors_are_told_as_a_number() {
        let errors = FieldErrors(vec![FieldError::missing("owner"); 20]);
        assert!(errors.to_string().ends_with("; and 4 more"), "{errors}");
    }

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
