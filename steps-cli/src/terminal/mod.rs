//! What is written to the standard output and error, and how it looks there: texts, tables, timelines and charts for people,
//! exports for programs.
//!
//! Only this folder writes there. What a person reads is [`Painted`], in which everything is escaped that came from elsewhere;
//! CSV and JSON are written as they are, except on a terminal ([`ScreenText`]).

mod arguments;
pub mod bar;
pub mod bottom_line;
pub mod canvas;
pub mod cells;
pub mod chart;
pub mod csv_text;
pub mod destination;
pub mod export;
pub mod guardian;
pub mod inline;
pub mod keys;
pub mod line_ends;
pub mod live;
pub mod markdown;
pub mod painted;
pub mod pairs;
pub mod progress;
#[cfg(test)]
pub mod samples;
pub mod screen;
pub mod secret;
pub mod sparkline;
pub mod table;
pub mod text;
pub mod timeline;
pub mod waiting;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use comfy_table::Table;
use steps_shared::ListFormat;

use self::painted::Painted;
use self::screen::ScreenText;
use crate::error::{Error, NEXT_SENTENCE};

/// The width of a line where none is known.
pub const DEFAULT_WIDTH: u16 = 80;

/// The longest line on the standard error, in characters.
const MAX_NOTE: usize = 4000;

/// Whether what is written for people has styles, whatever the terminal and the variables say.
pub fn set_styles(always: bool) {
    if always { ColorChoice::Always } else { ColorChoice::Never }.write_global();
}

/// Writes bytes of our own, such as a script, to the standard output as they are.
///
/// # Errors
/// The output cannot be written, or its reader is gone.
pub fn print(bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes.as_ref()).and_then(|()| stdout.flush()).map_err(Error::output)
}

/// Writes a document for programs to the standard output: as it is, or escaped where that is a terminal.
///
/// # Errors
/// The output cannot be written, or its reader is gone.
pub fn print_data(document: &[u8], format: ListFormat) -> Result<(), Error> {
    if !is_terminal() {
        return print(document);
    }
    let mut screen = ScreenText::new(format);
    let text = screen.turn(document) + &screen.finish();
    print(text)
}

/// Writes a text for people to the standard output. Its styles are removed unless the output is a terminal that shows them,
/// and where `NO_COLOR` (<https://no-color.org>) or `CLICOLOR=0` (<https://bixense.com/clicolors>) say so.
///
/// # Errors
/// The output cannot be written, or its reader is gone.
pub fn show(text: Painted) -> Result<(), Error> {
    let mut stdout = AutoStream::auto(io::stdout().lock());
    write!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Error::output)
}

/// Writes a line for people to the standard output.
///
/// # Errors
/// The output cannot be written, or its reader is gone.
pub fn say(line: impl Display) -> Result<(), Error> {
    show(Painted::plain(line).ended())
}

/// Writes a line for people to the standard error. A very long one is cut. An error of that is ignored, because there is
/// nowhere left to report it.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", Painted::plain(shortened(line.to_string())));
}

/// Writes an error to the standard error, and clap's answer to `--help` to the standard output.
pub fn report(error: Error) {
    match error {
        Error::ClosedPipe => {}
        Error::Arguments(error) => {
            let to_stderr = error.use_stderr();
            let text = arguments::painted(error);
            // There is nowhere left to report an error of that.
            let _ = match to_stderr {
                true => write!(AutoStream::auto(io::stderr().lock()), "{text}"),
                false => write!(AutoStream::auto(io::stdout().lock()), "{text}"),
            };
        }
        other => {
            // The sentences of an error stand one below the other. What looks like that in a text from elsewhere cannot be
            // taken for another error, because it is indented.
            let sentences = shortened(format!("error: {other}"));
            let lines = sentences.split(NEXT_SENTENCE).map(Painted::plain);
            let lines: Vec<String> = lines.map(|line| line.as_str().to_owned()).collect();
            let _ = writeln!(io::stderr().lock(), "{}", lines.join(NEXT_SENTENCE));
        }
    }
}

fn shortened(mut line: String) -> String {
    if let Some((end, _)) = line.char_indices().nth(MAX_NOTE) {
        let left_out = line[end..].chars().count();
        line.truncate(end);
        line += &format!("… ({left_out} more characters)");
    }
    line
}

/// Whether the standard output is a terminal.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether it is a terminal that moves its cursor where it is told to.
pub fn is_moving(output: &impl IsTerminal) -> bool {
    output.is_terminal() && std::env::var("TERM").is_ok_and(|name| !matches!(name.as_str(), "" | "dumb"))
}

/// The width of the terminal in characters; `None` where the standard output is no terminal and lines may have any length.
pub fn width() -> Option<u16> {
    // A terminal that was never told its size says 0.
    is_terminal().then(|| Table::new().width().filter(|width| *width > 0).unwrap_or(DEFAULT_WIDTH))
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

#[cfg(test)]
mod tests {
    use super::{is_utf8, shortened};

    #[test]
    fn a_line_is_cut_where_it_is_very_long() {
        assert_eq!(shortened("é".repeat(4000)), "é".repeat(4000));
        assert_eq!(shortened("é".repeat(4002)), "é".repeat(4000) + "… (2 more characters)");
    }

    #[test]
    fn locales() {
        assert!(is_utf8("de_DE.UTF-8") && is_utf8("C.utf8") && is_utf8("UTF-8"));
        assert!(!is_utf8("C") && !is_utf8("de_DE@euro"));
    }
}
