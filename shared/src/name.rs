//! The names a step carries: text that is checked once and cannot be wrong afterwards.

use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::StepOutcome;
use crate::visible::has_visible;

/// Why a text is not a valid name. The message reads on after the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// More characters (Unicode scalar values) than the field allows.
    #[error("is {actual} characters long; at most {limit} are allowed")]
    TooLong {
        /// The largest number of characters allowed.
        limit: usize,
        /// The number of characters given, after trimming.
        actual: usize,
    },
    /// A control character such as a newline or NUL.
    #[error("has a control character ({character:?}) at position {position}; remove it")]
    Control {
        /// The offending character.
        character: char,
        /// Its place, counted in characters from 1.
        position: usize,
    },
    /// Nothing that a person sees: spaces of no width, marks without a letter and the like.
    #[error("has no visible character, only such as {}", .first.escape_unicode())]
    Invisible {
        /// The first of its characters.
        first: char,
    },
}

/// Whether a name is of visible ASCII characters and blanks between them, as nearly all are.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().zip(bytes.last()).is_some_and(|(first, last)| first.is_ascii_graphic() && last.is_ascii_graphic())
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

fn check(text: &str, limit: usize) -> Result<&str, NameError> {
    if is_plain(text) && text.len() <= limit {
        return Ok(text);
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let mut actual = 0;
    for character in text.chars() {
        actual += 1;
        if character.is_control() {
            return Err(NameError::Control { character, position: actual });
        }
    }
    if actual > limit {
        return Err(NameError::TooLong { limit, actual });
    }
    Ok(text)
}

macro_rules! names {
    ($($(#[$doc:meta])* $Name:ident, at most $limit:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// Trimmed, no control characters, at least one visible character, any Unicode otherwise; compared by bytes.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $Name(CompactString);

        impl $Name {
            /// The largest number of characters.
            pub const LIMIT: usize = $limit;

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $Name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let text = check(text, Self::LIMIT)?;
                match text.chars().next() {
                    Some(first) if !has_visible(text) => Err(NameError::Invisible { first }),
                    _ => Ok(Self(text.into())),
                }
            }
        }

        /// Of what is recorded already, which may be a name without a visible character.
        impl TryFrom<String> for $Name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::try_from(text.as_str())
            }
        }

        /// The same.
        impl TryFrom<&str> for $Name {
            type Error = NameError;
            fn try_from(text: &str) -> Result<Self, NameError> {
                Ok(Self(check(text, Self::LIMIT)?.into()))
            }
        }

        impl From<$Name> for String {
            fn from(name: $Name) -> String {
                name.0.into_string()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $Name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                crate::openapi::name(Self::LIMIT).into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $Name {}

        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    )*};
}

names! {
    /// What is deployed: a service, an application, a job.
    Component, at most 255;
    /// Which version of the component is deployed.
    Version, at most 255;
    /// Who is responsible for the deployment.
    Owner, at most 255;
    /// The phase a step names (`building`), or the end of its deployment (`succeeded`).
    Status, at most 64;
    /// Where it is deployed to.
    Environment, at most 64;
    /// The CI run a step belongs to.
    Run, at most 255;
    /// Why a deployment is left out of every figure.
    Reason, at most 1000;
    /// What is known of a moment or a span of a component.
    NoteText, at most 255;
    /// What a token is called.
    TokenName, at most 64;
}

impl From<StepOutcome> for Status {
    /// The status that ends a deployment so.
    fn from(outcome: StepOutcome) -> Self {
        Self(outcome.name().into())
    }
}

impl Default for Environment {
    /// `production`.
    fn default() -> Self {
        Self("production".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_and_keeps_any_unicode() {
        assert_eq!("  café 🚀 =1 ".parse::<Component>().unwrap().as_str(), "café 🚀 =1");
        assert_eq!(Owner::try_from(" ann ".to_owned()).unwrap().as_str(), "ann");
    }

    #[test]
    fn counts_characters_not_bytes() {
        assert!("é".repeat(255).parse::<Component>().is_ok());
        let error = "é".repeat(256).parse::<Component>().unwrap_err();
        assert_eq!(error, NameError::TooLong { limit: 255, actual: 256 });
        assert!("x".repeat(64).parse::<Status>().is_ok());
        assert!("x".repeat(65).parse::<Status>().is_err());
    }

    #[test]
    fn refuses_nothing_and_control_characters() {
        assert_eq!(" \t ".parse::<Version>(), Err(NameError::Empty));
        let error = "a\nb".parse::<Version>().unwrap_err();
        assert_eq!(error, NameError::Control { character: '\n', position: 2 });
    }

    #[test]
    fn a_name_must_be_seen_but_what_was_recorded_is_read() {
        for text in ["\u{200b}", " \u{2060}\u{feff} ", "\u{301}", "\u{e0041}"] {
            let error = text.parse::<Component>().unwrap_err().to_string();
            assert!(error.starts_with("has no visible character, only such as \\u{"), "{error}");
            assert_eq!(Component::try_from(text.to_owned()).unwrap().as_str(), text.trim());
        }
        assert!("a\u{200b}".parse::<Component>().is_ok());
    }
}
