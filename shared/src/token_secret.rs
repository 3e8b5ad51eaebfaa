//! The text of a token: what its holder sends, and nobody else may see.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer};
use sha2::{Digest as _, Sha256};

/// What every token begins with, so that scanners for secrets find it.
const PREFIX: &str = "steps_";
/// How many digits 256 bits have.
const RANDOM_DIGITS: usize = 43;
/// How many digits a CRC-32 has.
const CHECKSUM_DIGITS: usize = 6;
/// Base 62, as ASCII sorts.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The text of a token: `steps_`, 256 random bits as 43 digits of base 62, and 6 digits of their CRC-32.
///
/// It has no `Display`, and its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenSecret(String);

/// Why a text is no token. The message reads on after the name of what holds it, and never shows the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It begins otherwise.
    #[error("is not a token: it does not begin with steps_")]
    Prefix,
    /// It has more or fewer characters.
    #[error("is not a token: it has {0} characters, and a token has {length}", length = TokenSecret::LENGTH)]
    Length(usize),
    /// It has characters that no token has.
    #[error("is not a token: after steps_ it has letters from A to Z and digits, and nothing else")]
    Digit,
    /// It is mistyped, or was never a token.
    #[error("is not a token: its last 6 characters do not fit the others, so it is mistyped or cut")]
    Checksum,
}

impl TokenSecret {
    /// The number of characters.
    pub const LENGTH: usize = PREFIX.len() + RANDOM_DIGITS + CHECKSUM_DIGITS;

    /// The token of 256 bits, which must be random.
    #[must_use]
    pub fn from_bits(bits: [u8; 32]) -> Self {
        let random = digits(&bits, RANDOM_DIGITS);
        let checksum = checksum(&random);
        Self(format!("{PREFIX}{random}{checksum}"))
    }

    /// The text itself, for the Authorization header and for what shows it once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it: the SHA-256 of the text.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    pub(crate) fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// Of another length, or with other characters, nothing is read: a text of any size costs nothing.
impl FromStr for TokenSecret {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        let digits = text.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        if text.len() != Self::LENGTH {
            return Err(TokenError::Length(text.chars().count()));
        }
        if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(TokenError::Digit);
        }
        let (random, given) = digits.split_at(RANDOM_DIGITS);
        if checksum(random) == given { Ok(Self(text.to_owned())) } else { Err(TokenError::Checksum) }
    }
}

impl<'de> Deserialize<'de> for TokenSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("the secret {error}")))
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(steps_…)")
    }
}

fn checksum(random: &str) -> String {
    digits(&crc32fast::hash(random.as_bytes()).to_be_bytes(), CHECKSUM_DIGITS)
}

/// A number, its highest byte first, in base 62 with so many digits.
fn digits(number: &[u8], count: usize) -> String {
    let mut rest = number.to_vec();
    let mut text = vec![DIGITS[0]; count];
    for digit in text.iter_mut().rev() {
        let mut remainder = 0_usize;
        for byte in &mut rest {
            let value = remainder << 8 | usize::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            remainder = value % 62;
        }
        *digit = DIGITS[remainder];
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn has_one_form_for_ever() {
        let token = TokenSecret::from_bits([0xff; 32]);
        assert_eq!(token.expose(), "steps_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13sRzl1");
        assert_eq!(TokenSecret::from_bits([0; 32]).expose(), "steps_00000000000000000000000000000000000000000002CZclj",);
        assert_eq!((token.expose().len(), TokenSecret::LENGTH), (55, 55));
    }

    #[test]
    fn is_never_shown() {
        let token = TokenSecret::from_bits([7; 32]);
        assert_eq!(format!("{token:?}"), "TokenSecret(steps_…)");
        let error = format!("{}x", &token.expose()[..54]).parse::<TokenSecret>().unwrap_err();
        assert!(!error.to_string().contains(&token.expose()[6..20]), "{error}");
    }

    #[test]
    fn what_is_no_token_says_why() {
        let read = |text: &str| text.parse::<TokenSecret>().unwrap_err();
        assert_eq!(read(""), TokenError::Prefix);
        assert_eq!(read("ghp_0000"), TokenError::Prefix);
        assert_eq!(read("steps_"), TokenError::Length(6));
        assert_eq!(read(&format!("steps_{}", "0".repeat(50))), TokenError::Length(56));
        assert_eq!(read(&format!("steps_{}-", "0".repeat(48))), TokenError::Digit);
        assert_eq!(read(&format!("steps_{}é", "0".repeat(47))), TokenError::Digit);
        assert_eq!(read(&format!("steps_{}1", "0".repeat(48))), TokenError::Checksum);
    }

    proptest! {
        #[test]
        fn reads_its_own_text_and_no_bits_share_one(bits: [u8; 32], others: [u8; 32]) {
            let token = TokenSecret::from_bits(bits);
            prop_assert_eq!(token.expose().parse::<TokenSecret>(), Ok(token.clone()));
            prop_assert_eq!(bits == others, token == TokenSecret::from_bits(others));
        }

        #[test]
        fn one_changed_character_is_noticed(bits: [u8; 32], at in 0..TokenSecret::LENGTH, to in "[ -~]") {
            let text = TokenSecret::from_bits(bits).expose().to_owned();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(changed.parse::<TokenSecret>().is_ok(), changed == text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}", tail in "[0-9A-Za-zé]{40,60}") {
            let _ = text.parse::<TokenSecret>();
            let text = format!("steps_{tail}");
            if let Ok(token) = text.parse::<TokenSecret>() {
                prop_assert_eq!(token.expose(), text);
            }
        }
    }
}
