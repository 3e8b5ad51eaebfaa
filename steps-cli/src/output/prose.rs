//! Sentences that fit a terminal: pieces that stand out, broken between words.

use unicode_width::UnicodeWidthStr;

use super::paint::{Look, paint};

/// A paragraph.
#[derive(Debug, Default)]
pub struct Prose {
    /// Each word is what stands between two spaces: runs of one look.
    words: Vec<Vec<(String, Look)>>,
}

impl Prose {
    /// Adds a text as it is: a space at its beginning parts it from what is there.
    pub fn add(&mut self, text: &str, look: Look) -> &mut Self {
        for (at, part) in text.split(' ').enumerate() {
            match self.words.last_mut() {
                Some(word) if at == 0 => word.push((part.to_owned(), look)),
                _ => self.words.push(vec![(part.to_owned(), look)]),
            }
        }
        self
    }

    /// Adds a text that does not stand out.
    pub fn say(&mut self, text: &str) -> &mut Self {
        self.add(text, Look::Plain)
    }

    /// Lines of at most so many characters, unless one word is longer.
    pub fn lines(&self, width: usize, colours: bool) -> Vec<String> {
        let words = self.words.iter().map(|word| {
            let long = word.iter().map(|(text, _)| text.width()).sum();
            (word.iter().map(|(text, look)| paint(text, *look, colours)).collect(), long)
        });
        flow(words, 1, width)
    }
}

/// Puts pieces, each with how wide it is on the screen, on as few lines as it takes, with a gap between them.
pub fn flow(pieces: impl IntoIterator<Item = (String, usize)>, gap: usize, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for (piece, long) in pieces {
        match lines.last_mut() {
            Some(line) if used + gap + long <= width => {
                *line += &" ".repeat(gap);
                *line += &piece;
                used += gap + long;
            }
            _ => {
                lines.push(piece);
                used = long;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breaks_between_words_and_nowhere_else() {
        let mut prose = Prose::default();
        prose.say("deploys of checkout ").add("grew 3.8%", Look::Bad).say(", from 6m10s");
        assert_eq!(prose.lines(80, false), ["deploys of checkout grew 3.8%, from 6m10s"]);
        assert_eq!(prose.lines(12, false), ["deploys of", "checkout", "grew 3.8%,", "from 6m10s"]);
        assert_eq!(prose.lines(3, false).len(), 7, "a word a line");
        let painted = prose.lines(80, true).concat();
        assert!(painted.contains("\u{1b}[31m3.8%\u{1b}[0m, from"), "{painted:?}");
    }
}
