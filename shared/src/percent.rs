//! A share in percent, as people write it.

use std::fmt;
use std::str::FromStr;

/// Percent: finite, and never negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(f64);

impl Percent {
    /// So many percent; `None` when negative, or no number.
    #[must_use]
    pub const fn new(percent: f64) -> Option<Self> {
        if percent >= 0.0 && percent.is_finite() { Some(Self(percent)) } else { None }
    }

    /// The number before the `%`.
    #[must_use]
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The part of one: 0.05 of 5 %.
    #[must_use]
    pub const fn share(self) -> f64 {
        self.0 / 100.0
    }
}

impl FromStr for Percent {
    type Err = String;
    /// Reads `5%`, `0.5 %`, or a bare number: `5`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let number = text.strip_suffix('%').unwrap_or(text).trim_end();
        // Rust reads 1e9, inf and +5 as well; nobody means them.
        let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let value = if plain { number.parse().ok().and_then(Self::new) } else { None };
        value.ok_or_else(|| format!("is not a share in percent: {text:?}; write 5% or 0.5%"))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_with_and_without_the_sign() {
        let read = |text: &str| text.parse::<Percent>().map(Percent::value);
        assert_eq!([read("5%"), read(" 0.5 % "), read("20"), read("0")], [Ok(5.0), Ok(0.5), Ok(20.0), Ok(0.0)]);
        for wrong in ["", "%", "-1%", "1e3", "inf", "NaN", "5%%", "1,5%", "five", "+5", "1.2.3"] {
            assert!(wrong.parse::<Percent>().is_err(), "{wrong:?}");
        }
        assert_eq!("2.50%".parse::<Percent>().unwrap().to_string(), "2.5%");
    }
}
