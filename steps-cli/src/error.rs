//! What can go wrong, and the exit code of each.

use std::io::{self, Write};

use crate::exit;

/// Why the command did not do what it was asked. The text is for people: what was wrong, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server or the network failed, or the output could not be written.
    #[error("{0}")]
    Failed(String),
    /// A flag, a variable, a settings file or an input file is wrong.
    #[error("{0}")]
    Usage(String),
    /// The server refused, or lines of an import were refused.
    #[error("{0}")]
    Refused(String),
    /// clap's own errors, and its answers to `--help` and `--version`.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// Whoever read the standard output has read enough.
    #[error("the reader of the output has gone")]
    ClosedPipe,
}

impl Error {
    /// What writing the output failed with.
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

    /// Says it to the user. Where even the standard error is closed there is nobody to tell.
    pub fn report(&self) {
        let _ = match self {
            Self::ClosedPipe => Ok(()),
            Self::Arguments(error) => error.print(),
            other => writeln!(io::stderr(), "error: {other}"),
        };
    }
}
