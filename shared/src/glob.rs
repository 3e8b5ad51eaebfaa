//! Patterns of names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Component;

/// A pattern of names: `*` stands for any text, also for none and for one with slashes; everything else stands for itself, byte
/// by byte, so that case matters.
///
/// ```
/// use steps_shared::Glob;
/// let glob: Glob = "acme/*".parse().unwrap();
/// assert!(glob.matches("acme/shop") && glob.matches("acme/"));
/// assert!(!glob.matches("acme") && !glob.matches("Acme/shop"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob(String);

/// Why a text is not a pattern. The message reads on after the field's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// It matches nothing.
    #[error("must not be empty; * matches every name")]
    Empty,
    /// Longer than any name.
    #[error("is {0} characters long; at most {limit} are allowed", limit = Glob::LIMIT)]
    TooLong(usize),
    /// A control character, which no name has.
    #[error("has a control character ({0:?}); remove it")]
    Control(char),
    /// A character that SQLite cannot tell from U+FFFD.
    #[error("has the character U+{code:04X}, which stands for one that could not be read; use * in its place", code = *.0 as u32)]
    Unreadable(char),
    /// It begins or ends with a blank, which no name does. Trimmed it would match more than what was written.
    #[error("begins or ends with a blank; remove it")]
    Blank,
}

impl Glob {
    /// The largest number of characters.
    pub const LIMIT: usize = Component::LIMIT;

    /// Whether the name is one of those that the pattern stands for.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut at, mut of_name) = (0, 0);
        // Behind the last star, and where its text ends so far.
        let mut star: Option<(usize, usize)> = None;
        while of_name < name.len() {
            match pattern.get(at) {
                Some(b'*') => {
                    at += 1;
                    star = Some((at, of_name));
                }
                Some(byte) if *byte == name[of_name] => (at, of_name) = (at + 1, of_name + 1),
                // The text of the last star is one byte longer. That of an earlier one need not be: the last one takes any text.
                _ => match &mut star {
                    Some((after, end)) => {
                        *end += 1;
                        (at, of_name) = (*after, *end);
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|byte| *byte == b'*')
    }

    /// The name, where it is the only one that the pattern stands for.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains('*')).then_some(self.0.as_str())
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Glob {
    type Err = GlobError;
    fn from_str(text: &str) -> Result<Self, GlobError> {
        if text.trim().is_empty() {
            return Err(GlobError::Empty);
        }
        if let Some(control) = text.chars().find(|character| character.is_control()) {
            return Err(GlobError::Control(control));
        }
        if let Some(character) = text.chars().find(|character| ('\u{fffd}'..='\u{ffff}').contains(character)) {
            return Err(GlobError::Unreadable(character));
        }
        if text.trim().len() < text.len() {
            return Err(GlobError::Blank);
        }
        match text.chars().count() {
            length if length > Self::LIMIT => Err(GlobError::TooLong(length)),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Glob {
    type Error = GlobError;
    fn try_from(text: String) -> Result<Self, GlobError> {
        text.parse()
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.0
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn glob(text: &str) -> Glob {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_is_any_text_and_all_else_is_itself() {
        let cases = [
            ("*", "", true),
            ("*", "a/b c", true),
            ("shop", "shop", true),
            ("shop", "shop2", false),
            ("shop", "Shop", false),
            ("shop", "", false),
            ("acme/*", "acme/", true),
            ("acme/*", "acme/a/b", true),
            ("acme/*", "acme", false),
            ("*shop", "my-shop", true),
            ("*shop", "shops", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-cc", true),
            ("a*b*c", "a-c-b", false),
            ("a**b", "a-b", true),
            ("?", "a", false),
            ("[ab]", "a", false),
            ("a_", "ab", false),
            ("a%", "ab", false),
            ("a\\*", "a\\x", true),
            ("ä*", "äß", true),
            ("ä", "a\u{308}", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(glob(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_take_no_long_time() {
        let pattern = glob(&"a*".repeat(Glob::LIMIT / 2));
        assert!(!pattern.matches(&format!("{}b", "a".repeat(50))));
        assert!(!glob(&format!("{}c", "*a".repeat(120))).matches(&"a".repeat(255)));
    }

    #[test]
    fn what_would_match_more_or_less_than_it_says_is_refused() {
        assert_eq!("".parse::<Glob>(), Err(GlobError::Empty));
        assert_eq!(" ".parse::<Glob>(), Err(GlobError::Empty));
        assert_eq!("* ".parse::<Glob>(), Err(GlobError::Blank));
        assert_eq!("a\0*".parse::<Glob>(), Err(GlobError::Control('\0')));
        assert_eq!("a\u{fffe}".parse::<Glob>(), Err(GlobError::Unreadable('\u{fffe}')));
        assert_eq!("a".repeat(256).parse::<Glob>(), Err(GlobError::TooLong(256)));
        assert_eq!(serde_json::from_str::<Glob>("\"acme/*\"").unwrap(), glob("acme/*"));
        assert!(serde_json::from_str::<Glob>("\"\"").is_err());
    }

    /// The same by its definition.
    fn matches_slowly(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|length| matches_slowly(rest, &name[length..])),
            Some((byte, rest)) => name.first() == Some(byte) && matches_slowly(rest, &name[1..]),
        }
    }

    proptest! {
        #[test]
        fn it_matches_as_it_is_defined(pattern in "[ab*]{1,8}", name in "[ab]{0,10}") {
            prop_assert_eq!(glob(&pattern).matches(&name), matches_slowly(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn a_name_matches_itself_and_what_hides_a_part_of_it(name in "\\PC{1,40}", from in 0..40_usize, to in 0..40_usize) {
            let name = name.trim();
            prop_assume!(!name.contains('*') && name.parse::<Glob>().is_ok());
            prop_assert!(glob(name).matches(name));
            let characters: Vec<char> = name.chars().collect();
            let from = from.min(characters.len());
            let to = to.max(from).min(characters.len());
            let part = |part: &[char]| part.iter().collect::<String>();
            let hidden = format!("{}*{}", part(&characters[..from]), part(&characters[to..]));
            prop_assume!(hidden.trim() == hidden);
            prop_assert!(glob(&hidden).matches(name));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,300}|[\\x00-\\x7f]{0,20}") {
            if let Ok(glob) = text.parse::<Glob>() {
                prop_assert_eq!(glob.to_string(), text);
            }
        }
    }
}
