//! Texts on a terminal: styles by meaning, and lines that fit.

use anstyle::{AnsiColor, Style};
use steps_shared::escaped;
use steps_shared::view::{Content, Meaning, Text};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, Glyphs};
use super::markdown;
use super::painted::Painted;

/// The words in the style of a meaning. Blanks around them are not styled, so that they can still be trimmed.
pub fn paint(words: &str, meaning: Meaning) -> Painted {
    let style = match meaning {
        Meaning::Plain | Meaning::Component => return Painted::plain(words),
        Meaning::Strong => Style::new().bold(),
        Meaning::Faint => Style::new().dimmed(),
        Meaning::Good => AnsiColor::Green.on_default(),
        Meaning::Bad => AnsiColor::Red.on_default(),
        Meaning::Warning => AnsiColor::Yellow.on_default(),
        Meaning::Running => AnsiColor::Cyan.on_default(),
    };
    let core = words.trim();
    if core.is_empty() {
        return Painted::plain(words);
    }
    let start = words.len() - words.trim_start().len();
    Painted::plain(&words[..start]) + Painted::styled(core, style) + &words[start + core.len()..]
}

/// The parts of a text as words, escaped, each with its meaning; neighbours of one meaning are one part.
pub(super) fn parts(text: &Text, glyphs: Glyphs) -> Vec<(String, Meaning)> {
    let mut parts: Vec<(String, Meaning)> = Vec::new();
    for span in text.spans() {
        let words = match &span.content {
            Content::Words(words) => escaped(words).into_owned(),
            Content::Sign(sign) => glyphs.sign(*sign),
        };
        match parts.last_mut() {
            Some((before, meaning)) if *meaning == span.meaning => *before += &words,
            _ => parts.push((words, span.meaning)),
        }
    }
    parts
}

/// A text without styles, escaped.
pub fn plain(text: &Text, glyphs: Glyphs) -> String {
    parts(text, glyphs).into_iter().map(|(words, _)| words).collect()
}

/// A text on one line, in its styles.
pub fn line(text: &Text, glyphs: Glyphs) -> Painted {
    parts(text, glyphs).iter().map(|(words, meaning)| paint(words, *meaning)).collect()
}

/// The words of a text, which are what stands between two spaces: parts that may differ in their meaning.
pub(super) fn words(text: &Text, glyphs: Glyphs) -> Vec<Vec<(String, Meaning)>> {
    let mut words: Vec<Vec<(String, Meaning)>> = Vec::new();
    for (part, meaning) in parts(text, glyphs) {
        for (at, piece) in part.split(' ').enumerate() {
            match words.last_mut() {
                Some(word) if at == 0 => word.push((piece.to_owned(), meaning)),
                _ => words.push(vec![(piece.to_owned(), meaning)]),
            }
        }
    }
    words
}

/// A text on lines that fit, broken between words. A word that is wider than a line has a line of its own.
pub fn lines(text: &Text, canvas: Canvas) -> Vec<Painted> {
    if canvas.is_markdown() {
        return vec![markdown::line(text)];
    }
    let pieces = words(text, canvas.glyphs).into_iter().map(|word| {
        let width = word.iter().map(|(piece, _)| piece.width()).sum();
        (word.iter().map(|(piece, meaning)| paint(piece, *meaning)).collect(), width)
    });
    flow(pieces, 1, canvas.width())
}

/// Puts pieces beside each other, with `gap` spaces between them, on as few lines of `width` as possible. Each piece has its
/// width on the screen.
pub fn flow(pieces: impl IntoIterator<Item = (Painted, usize)>, gap: usize, width: usize) -> Vec<Painted> {
    flow_with(pieces, gap, width, |line, piece| {
        *line += &" ".repeat(gap);
        *line += piece;
    })
}

/// The same with pieces of any kind; `add` puts the gap and the piece behind a line.
pub(super) fn flow_with<L>(
    pieces: impl IntoIterator<Item = (L, usize)>,
    gap: usize,
    width: usize,
    mut add: impl FnMut(&mut L, L),
) -> Vec<L> {
    let mut lines: Vec<L> = Vec::new();
    let mut used = 0;
    for (piece, piece_width) in pieces {
        match lines.last_mut() {
            Some(line) if used + gap + piece_width <= width => {
                add(line, piece);
                used += gap + piece_width;
            }
            _ => {
                lines.push(piece);
                used = piece_width;
            }
        }
    }
    lines
}

/// What remains of a text where styles are not wanted.
#[cfg(test)]
pub fn unstyled(text: &Painted) -> String {
    anstream::adapter::strip_str(text.as_str()).to_string()
}

#[cfg(test)]
mod tests {
    use steps_shared::view::Sign;

    use super::*;

    #[test]
    fn breaks_between_words_and_nowhere_else() {
        let mut text = Text::from("deploys of ");
        text.add("checkout", Meaning::Component).say(" ").add("grew 3.8%", Meaning::Bad).say(", from 6m10s");
        let styled = |width| lines(&text, Canvas { fit: Some(width), glyphs: Glyphs::Unicode });
        let plain = |width| styled(width).iter().map(unstyled).collect::<Vec<_>>();
        assert_eq!(plain(80), ["deploys of checkout grew 3.8%, from 6m10s"]);
        assert_eq!(plain(12), ["deploys of", "checkout", "grew 3.8%,", "from 6m10s"]);
        assert_eq!(plain(3).len(), 7, "a word a line");
        assert!(styled(80)[0].as_str().contains("\u{1b}[31m3.8%\u{1b}[0m, from"), "{:?}", styled(80));
    }

    #[test]
    fn signs_are_written_in_the_characters_of_the_terminal() {
        let mut text = Text::from("a ");
        text.sign(Sign::Arrow, Meaning::Plain).say(" 1").sign(Sign::RangeDash, Meaning::Plain).say("2");
        assert_eq!(plain(&text, Glyphs::Unicode), "a → 1–2");
        assert_eq!(line(&text, Glyphs::Ascii).as_str(), "a -> 1 to 2");
    }

    #[test]
    fn blanks_are_not_styled() {
        assert_eq!(paint("  x ", Meaning::Bad).as_str(), "  \u{1b}[31mx\u{1b}[0m ");
        assert_eq!(paint("  ", Meaning::Bad).as_str(), "  ");
        assert_eq!(paint("x", Meaning::Plain).as_str(), "x");
    }
}
