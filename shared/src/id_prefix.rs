//! The beginnings of ids, as people copy them out of tables.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::StepId;

/// The fewest hexadecimal digits of a beginning.
const MIN_DIGITS: usize = 8;

/// The digits of the milliseconds in a UUIDv7, which tables show at least: `0197a000-0000`.
const TIME_DIGITS: usize = 12;

/// All hexadecimal digits of an id.
const DIGITS: usize = 32;

/// An id, or its first eight hexadecimal digits and more: all ids between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdPrefix {
    /// The first id that begins so.
    pub first: StepId,
    /// The last id that begins so.
    pub last: StepId,
}

impl IdPrefix {
    /// The id, where it is whole.
    #[must_use]
    pub fn whole(&self) -> Option<StepId> {
        (self.first == self.last).then_some(self.first)
    }
}

impl From<StepId> for IdPrefix {
    fn from(id: StepId) -> Self {
        Self { first: id, last: id }
    }
}

impl FromStr for IdPrefix {
    type Err = String;
    /// Reads a whole UUID in any of its forms, or its first eight digits and more, with its hyphens or without.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(id) = text.parse::<StepId>() {
            return Ok(id.into());
        }
        let digits: String = text.chars().filter(|character| *character != '-').collect();
        let is_beginning = (MIN_DIGITS..DIGITS).contains(&digits.len())
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
            && hyphenated(&digits).starts_with(&text.to_ascii_lowercase()) | !text.contains('-');
        let number = |fill: &str| u128::from_str_radix(&format!("{digits}{}", fill.repeat(DIGITS - digits.len())), 16);
        match (is_beginning.then(|| (number("0"), number("f"))), digits.as_str()) {
            (Some((Ok(first), Ok(last))), _) => {
                Ok(Self { first: StepId(Uuid::from_u128(first)), last: StepId(Uuid::from_u128(last)) })
            }
            _ => Err(format!(
                "is not an id, nor the first {MIN_DIGITS} digits or more of one: {text:?}; write 0197a000-0000-7000-8000-000000000001, \
                 or its beginning 0197a000-0000"
            )),
        }
    }
}

/// With the hyphens of a UUID, as far as it reaches, and one behind the last group.
fn hyphenated(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        text.push(digit.to_ascii_lowercase());
        if matches!(place, 7 | 11 | 15 | 19) {
            text.push('-');
        }
    }
    text
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first.0.simple().to_string(), self.last.0.simple().to_string());
        let common = first.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
        f.pad(hyphenated(&first[..common]).trim_end_matches('-'))
    }
}

/// The beginning of each id that no other of them has: at least the milliseconds in it, so that hardly any other id has it.
#[must_use]
pub fn shortest_prefixes(ids: &[StepId]) -> HashMap<StepId, String> {
    let mut sorted: Vec<(StepId, String)> = ids.iter().map(|id| (*id, id.0.simple().to_string())).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let common = |one: &str, other: &str| one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let length = |place: usize| {
        let text = &sorted[place].1;
        let before = place.checked_sub(1).map_or(0, |before| common(&sorted[before].1, text));
        let after = sorted.get(place + 1).map_or(0, |(_, after)| common(after, text));
        (before.max(after) + 1).clamp(TIME_DIGITS, DIGITS)
    };
    let short = |place: usize| hyphenated(&sorted[place].1[..length(place)]).trim_end_matches('-').to_owned();
    (0..sorted.len()).map(|place| (sorted[place].0, short(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_every_id_that_begins_so() {
        let prefix: IdPrefix = "0197A000-00".parse().unwrap();
        assert_eq!(prefix.first.to_string(), "0197a000-0000-0000-0000-000000000000");
        assert_eq!(prefix.last.to_string(), "0197a000-00ff-ffff-ffff-ffffffffffff");
        assert_eq!((prefix.to_string().as_str(), prefix.whole()), ("0197a000-00", None));
        for text in ["0197a000", "0197a0000000", "0197a000-0000-", "0197a000-0000-7000-8000-00000000000"] {
            let prefix: IdPrefix = text.parse().unwrap();
            assert_eq!(prefix.to_string().parse(), Ok(prefix), "{text}");
        }
        let whole: IdPrefix = "0197a000-0000-7000-8000-000000000001".parse().unwrap();
        assert_eq!(whole.whole().map(|id| id.to_string()), Some(whole.to_string()));
        for text in [
            "",
            "0197a00",
            "0197-a000",
            "checkout",
            "0197a000_0000",
            "0197a000-0000-7000-8000-0000000000011",
            "é197a000",
        ] {
            assert!(text.parse::<IdPrefix>().unwrap_err().contains("0197a000-0000"), "{text}");
        }
    }

    #[test]
    fn tables_show_what_tells_an_id_from_the_others() {
        let ids: Vec<StepId> = [
            "0197a000-0000-7000-8000-000000000001",
            "0197a000-0000-7000-8000-0000000000f1",
            "0197a000-0001-7000-8000-000000000001",
            "0197a000-0001-7000-8000-000000000001",
        ]
        .map(|id| id.parse().unwrap())
        .into();
        let short = shortest_prefixes(&ids);
        assert_eq!(short[&ids[0]], "0197a000-0000-7000-8000-00000000000");
        assert_eq!(short[&ids[2]], "0197a000-0001");
        assert_eq!(shortest_prefixes(&[]).len(), 0);
    }
}
