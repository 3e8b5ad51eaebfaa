//! What is written, and where to.

pub mod destination;
pub mod export;
pub mod line_ends;
pub mod table;

use std::io::{self, IsTerminal, Write};

use crate::error::Error;

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
