//! The text of a token.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use steps_shared::TokenSecret;

/// A token as it is sent. It is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

impl Secret {
    /// The text, to be sent or stored.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl FromStr for Secret {
    type Err = String;
    /// Takes what may stand in an Authorization header (RFC 6750, `b64token`): a token of steps, or one that a CI was given by
    /// its own issuer. No error repeats the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if !text.bytes().all(may_stand) {
            return Err("it is no token: only letters, digits and -._~+/= stand in one".to_owned());
        }
        // Of the server's own tokens a mistyped or cut one is known before it is sent.
        if text.starts_with("steps_") {
            text.parse::<TokenSecret>().map_err(|error| format!("it {error}"))?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Secret {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret: Secret = "header.pay_load.si-gn".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        let own = TokenSecret::from_bits([7; 32]).expose().to_owned();
        assert_eq!(own.parse::<Secret>().unwrap().expose(), own);
        for text in ["", "a b", "a\nb", "é", "x\"y", "a\u{0}", "steps_abc"] {
            let error = text.parse::<Secret>().unwrap_err();
            assert!(text.is_empty() || !error.contains(text), "{error}");
            assert!(serde_json::from_value::<Secret>(text.into()).is_err());
        }
    }
}
