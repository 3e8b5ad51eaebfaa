//! What is drawn on, and which characters it shows.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{USUAL_WIDTH, is_utf8_locale, wants_colour, width};

/// What is drawn on.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    /// How many characters a line has.
    pub width: usize,
    /// What is drawn is made of.
    pub glyphs: Glyphs,
    /// Whether colours are wanted.
    pub colours: bool,
}

/// What is drawn is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Blocks, arrows, dots finer than a character.
    Unicode,
    /// What every terminal shows.
    Ascii,
}

impl Canvas {
    /// The standard output; `ascii` where more was said not to be wanted.
    pub fn of_output(ascii: bool) -> Self {
        let glyphs = if ascii || !is_utf8_locale() { Glyphs::Ascii } else { Glyphs::Unicode };
        Self { width: width().unwrap_or(USUAL_WIDTH).into(), glyphs, colours: wants_colour() }
    }
}

impl Glyphs {
    /// One or the other, as the terminal's character set allows.
    pub fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        match self {
            Self::Unicode => unicode,
            Self::Ascii => ascii,
        }
    }
}

/// The text, or as much of it as has room.
pub fn cut(text: &str, width: usize, glyphs: Glyphs) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |character: &char| match left.checked_sub(character.width().unwrap_or(0)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).collect::<String>() + glyphs.pick("…", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_by_what_they_take_on_the_screen() {
        assert_eq!(cut("migrating", 9, Glyphs::Unicode), "migrating");
        assert_eq!(cut("migrating", 5, Glyphs::Unicode), "migr…");
        assert_eq!(cut("移行移行", 5, Glyphs::Ascii), "移行~");
    }
}
