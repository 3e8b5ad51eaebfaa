//! Lines at the end of a terminal's text that are written again and again, below lines that stay.
//!
//! Nothing is asked of the terminal, and nothing of it is changed: no other screen, no hidden cursor, no region. The cursor
//! stands on the line below the last one, so that whoever is ended at any moment leaves a terminal in which the next prompt has a line
//! of its own. ratatui's own inline viewport asks the terminal where its cursor is, and has one height for ever.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use rustix::termios::tcgetwinsize;
use unicode_width::UnicodeWidthStr;

use super::painted::Painted;

/// The size of a terminal that was never told one.
const DEFAULT_SIZE: Size = Size { columns: super::DEFAULT_WIDTH, rows: 24 };

/// Clears the rest of the line; the rest of the screen.
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: u16,
    pub rows: u16,
}

impl Size {
    /// The size of the terminal that is the standard output or error.
    pub fn of(terminal: impl std::os::fd::AsFd) -> Self {
        match tcgetwinsize(terminal) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Self { columns: size.ws_col, rows: size.ws_row },
            _ => DEFAULT_SIZE,
        }
    }

    /// The width of a line: terminals differ in what they do behind the last column.
    pub fn line(self) -> u16 {
        self.columns.saturating_sub(1).max(1)
    }

    /// How many lines there may be above that of the cursor.
    pub fn lines(self) -> u16 {
        self.rows.saturating_sub(1).max(1)
    }
}

/// Lines that are written again, at the end of what a terminal shows.
#[derive(Debug)]
pub struct InlineScreen<W> {
    out: W,
    has_styles: bool,
    /// The lines that stand above the cursor, with their widths.
    shown: Vec<(String, usize)>,
    size: Size,
}

impl InlineScreen<io::Stdout> {
    /// The standard output.
    pub fn of_output() -> Self {
        let out = io::stdout();
        let has_styles = AutoStream::choice(&out) != ColorChoice::Never;
        let size = Size::of(&out);
        Self::new(out, has_styles, size)
    }
}

impl<W: Write> InlineScreen<W> {
    fn new(out: W, has_styles: bool, size: Size) -> Self {
        Self { out, has_styles, shown: Vec::new(), size }
    }

    /// Writes `above`, which stays, and `lines` in place of those before, of which only what differs is written.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn show(&mut self, above: &[Painted], lines: &[Painted], size: Size) -> io::Result<()> {
        let lines: Vec<(String, usize)> = lines.iter().map(|line| self.text(line)).collect();
        let is_resized = size != self.size;
        if above.is_empty() && !is_resized && lines == self.shown {
            return Ok(());
        }
        let mut text = self.to_top(size);
        if is_resized {
            text += CLEAR_BELOW;
            self.shown.clear();
        }
        self.size = size;
        for line in above {
            text += &format!("{}{CLEAR_LINE}\r\n", self.text(line).0);
        }
        // What is below moves down by those.
        let before = if above.is_empty() { std::mem::take(&mut self.shown) } else { Vec::new() };
        for (at, line) in lines.iter().enumerate() {
            match before.get(at) {
                Some(same) if same == line => text += "\r\n",
                _ => text += &format!("{}{CLEAR_LINE}\r\n", line.0),
            }
        }
        text += CLEAR_BELOW;
        self.shown = lines;
        // At once, so that no half of it is seen.
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// From now on, what stands there stays; the next lines come below.
    pub fn leave(&mut self) {
        self.shown.clear();
    }

    /// Moves the cursor to the beginning of the first line.
    fn to_top(&self, size: Size) -> String {
        // A terminal that gets narrower breaks the lines that are wider.
        let columns = usize::from(size.columns.max(1));
        let rows: usize = self.shown.iter().map(|(_, width)| width.div_ceil(columns).max(1)).sum();
        match rows.min(size.lines().into()) {
            0 => "\r".to_owned(),
            rows => format!("\r\x1b[{rows}A"),
        }
    }

    fn text(&self, line: &Painted) -> (String, usize) {
        let plain = anstream::adapter::strip_str(line.as_str()).to_string();
        let width = plain.width();
        (if self.has_styles { line.as_str().to_owned() } else { plain }, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { columns: 20, rows: 6 };

    fn lines(texts: &[&str]) -> Vec<Painted> {
        texts.iter().map(Painted::plain).collect()
    }

    /// What a terminal shows, with the cursor at `_`, and the text that was scrolled out of it.
    fn shown(terminal: &mut vt100::Parser, screen: &mut InlineScreen<Vec<u8>>) -> String {
        terminal.process(&std::mem::take(&mut screen.out));
        let (row, column) = terminal.screen().cursor_position();
        assert!(column == 0 && !terminal.screen().hide_cursor());
        let (_, width) = terminal.screen().size();
        let rows = terminal.screen().rows(0, width).enumerate();
        let rows = rows.map(|(at, text)| if at == usize::from(row) { text + "_" } else { text });
        rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    #[test]
    fn lines_are_written_again_below_those_that_stay() {
        let mut terminal = vt100::Parser::new(SIZE.rows, SIZE.columns, 100);
        terminal.process(b"$ steps watch\r\n");
        let mut screen = InlineScreen::new(Vec::new(), false, SIZE);
        screen.show(&[], &lines(&["one", "two longer"]), SIZE).unwrap();
        assert_eq!(shown(&mut terminal, &mut screen), "$ steps watch\none\ntwo longer\n_");
        screen.show(&[], &lines(&["one", "two"]), SIZE).unwrap();
        assert_eq!(screen.out, b"\r\x1b[2A\r\ntwo\x1b[K\r\n\x1b[J", "only what differs");
        assert_eq!(shown(&mut terminal, &mut screen), "$ steps watch\none\ntwo\n_");
        screen.show(&[], &lines(&["one", "two"]), SIZE).unwrap();
        assert!(screen.out.is_empty());
        screen.show(&lines(&["done"]), &lines(&["two"]), SIZE).unwrap();
        assert_eq!(shown(&mut terminal, &mut screen), "$ steps watch\ndone\ntwo\n_");
        // It is at the bottom, and scrolls.
        screen.show(&lines(&["a", "b"]), &lines(&["1", "2", "3"]), SIZE).unwrap();
        assert_eq!(shown(&mut terminal, &mut screen), "a\nb\n1\n2\n3\n_");
        screen.show(&[], &lines(&["1", "2", "4"]), SIZE).unwrap();
        assert_eq!(shown(&mut terminal, &mut screen), "a\nb\n1\n2\n4\n_");
        screen.leave();
        screen.show(&[], &lines(&["5"]), SIZE).unwrap();
        assert_eq!(shown(&mut terminal, &mut screen), "b\n1\n2\n4\n5\n_");
    }

    #[test]
    fn a_terminal_that_gets_narrower_breaks_lines() {
        let mut screen = InlineScreen::new(Vec::new(), true, SIZE);
        screen.show(&[], &lines(&["0123456789012345678", "x", ""]), SIZE).unwrap();
        screen.out.clear();
        screen.show(&[], &lines(&["y"]), Size { columns: 10, rows: 6 }).unwrap();
        assert_eq!(screen.out, b"\r\x1b[4A\x1b[Jy\x1b[K\r\n\x1b[J");
        screen.out.clear();
        // Never above the first row.
        screen.show(&[], &lines(&["y"]), Size { columns: 1, rows: 1 }).unwrap();
        assert_eq!(screen.out, b"\r\x1b[1A\x1b[Jy\x1b[K\r\n\x1b[J");
    }
}
