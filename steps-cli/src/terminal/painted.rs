//! Texts for a person's screen.

use std::fmt::{self, Display};
use std::ops::{Add, AddAssign};

use anstyle::Style;
use steps_shared::escaped;

/// Lines for a person. Words come in escaped, whoever wrote them ([`steps_shared::escaped`]), and styles are added to them
/// afterwards: there is no other way to make one. What is printed for people has this type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Painted(String);

impl Painted {
    /// Words that are on one line: a line break in them is escaped too.
    pub fn plain(words: impl Display) -> Self {
        Self(escaped(&words.to_string()).into_owned())
    }

    /// Words in a style.
    pub fn styled(words: &str, style: Style) -> Self {
        Self(format!("{style}{}{style:#}", escaped(words)))
    }

    /// Lines of a library that was given escaped words alone, such as a table.
    pub(super) fn of_escaped(lines: String) -> Self {
        Self(lines)
    }

    /// These, with an end of the line after each.
    pub fn lines(lines: impl IntoIterator<Item = Self>) -> Self {
        lines.into_iter().map(Self::ended).collect()
    }

    /// These, with an end of the line and an empty line between any two.
    pub fn paragraphs(blocks: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for block in blocks {
            if !all.0.is_empty() {
                all.0.push('\n');
            }
            all += block;
        }
        all
    }

    /// With the end of its line.
    pub fn ended(mut self) -> Self {
        self.0.push('\n');
        self
    }

    /// Without spaces at its end.
    pub fn trim_end(mut self) -> Self {
        self.0.truncate(self.0.trim_end().len());
        self
    }

    /// Whether it has no characters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its characters with the escape sequences of its styles.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Painted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AddAssign for Painted {
    fn add_assign(&mut self, more: Self) {
        self.0 += &more.0;
    }
}

/// Adds words, escaped.
impl<S: AsRef<str>> AddAssign<S> for Painted {
    fn add_assign(&mut self, words: S) {
        self.0 += &escaped(words.as_ref());
    }
}

impl Add for Painted {
    type Output = Self;
    fn add(mut self, more: Self) -> Self {
        self += more;
        self
    }
}

/// Adds words, escaped.
impl<S: AsRef<str>> Add<S> for Painted {
    type Output = Self;
    fn add(mut self, words: S) -> Self {
        self += words;
        self
    }
}

impl FromIterator<Self> for Painted {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        parts.into_iter().fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    #[test]
    fn words_are_escaped_and_styles_are_not() {
        let hostile = "a\u{1b}[2Jb\nc";
        let red = AnsiColor::Red.on_default();
        let text = Painted::plain(hostile) + " " + Painted::styled(hostile, red) + "\u{202e}";
        let shown = "a\\u{1b}[2Jb\\nc";
        assert_eq!(text.as_str(), format!("{shown} \u{1b}[31m{shown}\u{1b}[0m\\u{{202e}}"));
        assert_eq!(Painted::lines([Painted::plain("a\n"), Painted::plain("b")]).as_str(), "a\\n\nb\n");
        let blocks = [Painted::plain("a").ended(), Painted::plain("b").ended()];
        assert_eq!(Painted::paragraphs(blocks).as_str(), "a\n\nb\n");
    }
}
