//! Asking for a secret.

use std::io::{self, IsTerminal as _, Read as _};

use super::painted::Painted;
use crate::error::Error;

/// The most that is read where the standard input is no terminal, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Asks for a secret at the terminal, which does not show it; where the standard input is no terminal, reads it from there.
///
/// # Errors
/// Nothing can be read, or the user gives up.
pub fn ask_secret(prompt: &str) -> Result<String, Error> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => Error::Failed("nothing was entered".to_owned()),
        _ => Error::Failed(format!("cannot read from the terminal: {error}")),
    };
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(Painted::plain(prompt).as_str()).map_err(failed);
    }
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text);
    read.map_err(|error| Error::Failed(format!("cannot read the standard input: {error}")))?;
    Ok(text)
}
