//! What is drawn on: the width of its lines, and its characters.

use steps_shared::escaped;
use steps_shared::view::Sign;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{DEFAULT_WIDTH, is_utf8_locale, width};

/// What is drawn on.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    /// The width that lines have to fit, in characters; `None` where nothing has to fit.
    pub fit: Option<u16>,
    /// The characters that it shows.
    pub glyphs: Glyphs,
}

/// A set of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks, arrows, and dots smaller than a character.
    Unicode,
    /// ASCII, which every terminal shows.
    Ascii,
    /// Markdown, in which nothing is drawn: tables and sentences of any width.
    Markdown,
}

impl Canvas {
    /// The standard output. `ascii` keeps it to ASCII whatever the locale says.
    pub fn of_output(ascii: bool) -> Self {
        Self { fit: width(), glyphs: if ascii { Glyphs::Ascii } else { Glyphs::of_locale() } }
    }

    /// The same, or Markdown.
    pub fn of_format(is_markdown: bool, ascii: bool) -> Self {
        if is_markdown { Self { fit: None, glyphs: Glyphs::Markdown } } else { Self::of_output(ascii) }
    }

    /// Whether it is Markdown.
    pub fn is_markdown(self) -> bool {
        self.glyphs == Glyphs::Markdown
    }

    /// The width of drawings and sentences, which need one.
    pub fn width(self) -> usize {
        self.fit.unwrap_or(DEFAULT_WIDTH).into()
    }
}

impl Glyphs {
    /// Those that the locale says can be shown.
    pub fn of_locale() -> Self {
        if is_utf8_locale() { Self::Unicode } else { Self::Ascii }
    }

    /// One of the two.
    pub fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode | Self::Markdown => unicode,
            Self::Ascii => ascii,
        }
    }

    /// What stands for a sign.
    pub fn sign(self, sign: Sign) -> String {
        match (self, sign) {
            (Self::Unicode | Self::Markdown, sign) => sign.to_string(),
            (Self::Ascii, Sign::Arrow) => "->".to_owned(),
            (Self::Ascii, Sign::NameDash) => "-".to_owned(),
            (Self::Ascii, Sign::RangeDash) => " to ".to_owned(),
            (Self::Ascii, Sign::Times) => "x".to_owned(),
            (Self::Ascii, Sign::Slow) => "^".to_owned(),
        }
    }

    /// What stands where a text was cut.
    pub fn ellipsis(self) -> &'static str {
        self.pick("…", "~")
    }
}

/// The text as it is shown, escaped, and cut where that is wider than `width`.
pub fn cut(text: &str, width: usize, glyphs: Glyphs) -> String {
    let text = escaped(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |character: &char| match left.checked_sub(character.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).collect::<String>() + glyphs.ellipsis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_their_width_on_the_screen() {
        assert_eq!(cut("migrating", 9, Glyphs::Unicode), "migrating");
        assert_eq!(cut("migrating", 5, Glyphs::Unicode), "migr…");
        assert_eq!(cut("移行移行", 5, Glyphs::Ascii), "移行~");
        assert_eq!(cut("a\u{200b}bc", 9, Glyphs::Ascii), "a\\u{200b~");
    }
}
