//! What an error comes down to.

use std::error::Error;

/// The innermost cause: "Connection refused" rather than "error sending request".
#[must_use]
pub fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
