//! The errors of the command, and their exit codes.

use std::borrow::Cow;
use std::io;

use crate::exit;

/// Between two sentences of one error: each has its line, below the first.
pub const NEXT_SENTENCE: &str = "\n       ";

/// Why the command failed. The text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server or the network failed, or the output could not be written.
    #[error("{}", without_codes(.0))]
    Failed(String),
    /// A flag, a variable, a settings file or an input file is wrong.
    #[error("{}", without_codes(.0))]
    Usage(String),
    /// The server refused, or lines of an import were refused.
    #[error("{0}")]
    Refused(String),
    /// clap's own errors, and its answers to `--help` and `--version`.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The reader of the standard output closed it early, as `head` does.
    #[error("the reader of the output has gone")]
    ClosedPipe,
}

/// A text without the numbers that the system gives its errors (`Connection refused (os error 111)`): they say nothing more.
fn without_codes(text: &str) -> Cow<'_, str> {
    const BEFORE: &str = " (os error ";
    if !text.contains(BEFORE) {
        return text.into();
    }
    let mut pieces = text.split(BEFORE);
    let first = pieces.next().unwrap_or_default().to_owned();
    let rest = pieces.map(|piece| match piece.split_once(')') {
        Some((number, rest)) if number.parse::<i32>().is_ok() => rest.to_owned(),
        _ => format!("{BEFORE}{piece}"),
    });
    rest.fold(first, |text, piece| text + &piece).into()
}

impl Error {
    /// An error of writing to the standard output.
    pub(crate) fn output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Failed(format!("cannot write the output: {error}")),
        }
    }

    /// The code that the process exits with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ClosedPipe => exit::DONE,
            Self::Failed(_) => exit::FAILED,
            Self::Usage(_) => exit::USAGE,
            Self::Refused(_) => exit::REFUSED,
            Self::Arguments(error) if error.use_stderr() => exit::USAGE,
            Self::Arguments(_) => exit::DONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_system_are_left_out() {
        let told = |text: &str| Error::Failed(text.to_owned()).to_string();
        assert_eq!(
            told("a: Connection refused (os error 111); b: gone (os error 2)"),
            "a: Connection refused; b: gone"
        );
        assert_eq!(told("as it is (os error x) and (os error "), "as it is (os error x) and (os error ");
    }
}
