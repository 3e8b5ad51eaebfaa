//! Texts whose parts have a meaning.

use std::fmt;

use crate::DeploymentOutcome;

/// What a part of a text means to its reader. Whoever paints it decides how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Meaning {
    /// Nothing in particular.
    #[default]
    Plain,
    /// The most important part.
    Strong,
    /// A remark, less important than the rest.
    Faint,
    /// A good result.
    Good,
    /// A bad result.
    Bad,
    /// Something to look at.
    Warning,
    /// Something that has not ended.
    Running,
    /// The name of a component.
    Component,
}

/// A sign that some outputs cannot show and write in other characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// From one thing to another: `→`.
    Arrow,
    /// Between the two names of a method: `–`.
    NameDash,
    /// Between the ends of a range: `–`.
    RangeDash,
    /// After a factor: `×`.
    Times,
    /// Before what took unusually long: `▲`.
    Slow,
}

/// What a part of a text consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Words, as they are.
    Words(String),
    /// A sign.
    Sign(Sign),
}

/// A part of a text that has one meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it consists of.
    pub content: Content,
    /// What it means.
    pub meaning: Meaning,
}

/// A text. Spaces between words are where it may be broken into lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    spans: Vec<Span>,
}

impl Text {
    /// A text of one meaning.
    #[must_use]
    pub fn new(words: impl Into<String>, meaning: Meaning) -> Self {
        let mut text = Self::default();
        text.add(words, meaning);
        text
    }

    /// Adds words of a meaning. Nothing is put between them and what is there.
    pub fn add(&mut self, words: impl Into<String>, meaning: Meaning) -> &mut Self {
        let words = words.into();
        if !words.is_empty() {
            self.spans.push(Span { content: Content::Words(words), meaning });
        }
        self
    }

    /// Adds words without a particular meaning.
    pub fn say(&mut self, words: impl Into<String>) -> &mut Self {
        self.add(words, Meaning::Plain)
    }

    /// Adds a sign of a meaning.
    pub fn sign(&mut self, sign: Sign, meaning: Meaning) -> &mut Self {
        self.spans.push(Span { content: Content::Sign(sign), meaning });
        self
    }

    /// Adds another text.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.spans.extend(other.spans);
        self
    }

    /// Its parts, in order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The first meaning that is not plain: that of the whole, where it can have only one.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        self.spans.iter().map(|span| span.meaning).find(|meaning| *meaning != Meaning::Plain).unwrap_or_default()
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self::new(words, Meaning::Plain)
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Self::new(words, Meaning::Plain)
    }
}

impl From<DeploymentOutcome> for Meaning {
    fn from(outcome: DeploymentOutcome) -> Self {
        match outcome {
            DeploymentOutcome::Succeeded => Self::Good,
            DeploymentOutcome::Failed => Self::Bad,
            DeploymentOutcome::Running => Self::Running,
            DeploymentOutcome::Cancelled | DeploymentOutcome::Abandoned => Self::Warning,
        }
    }
}

/// In Unicode.
impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Arrow => "→",
            Self::NameDash | Self::RangeDash => "–",
            Self::Times => "×",
            Self::Slow => "▲",
        })
    }
}

/// Without its meanings, in Unicode.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spans.iter().try_for_each(|span| match &span.content {
            Content::Words(words) => f.write_str(words),
            Content::Sign(sign) => write!(f, "{sign}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_parts_in_order() {
        let mut text = Text::default();
        text.say("checkout ").sign(Sign::Arrow, Meaning::Strong).say("").add(" staging", Meaning::Good);
        assert_eq!(text.to_string(), "checkout → staging");
        assert_eq!(text.spans().len(), 3, "an empty part says nothing");
        assert_eq!(text.meaning(), Meaning::Strong);
        assert!(Text::from("").is_empty());
    }
}
