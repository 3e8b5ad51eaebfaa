//! What is written, and where to.

pub mod axis;
pub mod canvas;
pub mod deployments;
pub mod destination;
pub mod export;
pub mod line_ends;
pub mod paint;
pub mod pairs;
pub mod prose;
pub mod sparkline;
pub mod stats;
pub mod steps;
pub mod table;

use std::io::{self, IsTerminal, Write};

use comfy_table::Table;

use crate::error::Error;

/// How many characters a line has unless something else is known.
pub const USUAL_WIDTH: u16 = 80;

/// Writes all of it to the standard output.
pub fn print(bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes.as_ref()).and_then(|()| stdout.flush()).map_err(Error::output)
}

/// Writes a line to the standard error; where that is closed there is nobody to tell.
pub fn note(line: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Whether a person reads the standard output.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether colours are wanted: on a terminal, unless NO_COLOR (<https://no-color.org>) or a dumb one says otherwise.
pub fn wants_colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    is_terminal() && !no_colour && !dumb
}

/// How many characters a line has that a person reads; `None` where nothing needs to fit a line.
pub fn width() -> Option<u16> {
    // A terminal that nobody has told its size says 0.
    is_terminal().then(|| Table::new().width().filter(|width| *width > 0).unwrap_or(USUAL_WIDTH))
}

/// Whether the locale says that the terminal shows UTF-8.
pub fn is_utf8_locale() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    names.into_iter().find(|value| !value.is_empty()).is_some_and(|locale| is_utf8(&locale))
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::{grouped, is_utf8};

    #[test]
    fn locales() {
        assert!(is_utf8("de_DE.UTF-8") && is_utf8("C.utf8") && is_utf8("UTF-8"));
        assert!(!is_utf8("C") && !is_utf8("de_DE@euro"));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(grouped), ["0", "12", "123", "1,234", "1,234,567"]);
    }
}
