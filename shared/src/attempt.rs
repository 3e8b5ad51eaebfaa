//! Which attempt of a CI run a step belongs to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An attempt of a CI run: 1 is the first, at most 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Attempt(u32);

impl Attempt {
    const MAX: u32 = 1_000_000;

    /// As a number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Attempt {
    type Error = String;
    fn try_from(number: u32) -> Result<Self, String> {
        let is_attempt = (1..=Self::MAX).contains(&number);
        if is_attempt {
            Ok(Self(number))
        } else {
            Err(format!("must be a whole number from 1 to 1,000,000, not {number}"))
        }
    }
}

impl From<Attempt> for u32 {
    fn from(attempt: Attempt) -> Self {
        attempt.0
    }
}

impl FromStr for Attempt {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number: u32 =
            text.trim().parse().map_err(|_| format!("must be a whole number from 1 to 1,000,000, not {text:?}"))?;
        number.try_into()
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
