//! The token that a request is made with: where it comes from, and which server may have it.
//!
//! Strongest first: `--token-file`, `STEPS_TOKEN`, `STEPS_TOKEN_FILE`, what `steps login` stored for the server. A server that
//! only the text of a project names gets none but one that was stored for just that server.

mod origin;
mod secret;
mod store;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use reqwest::Url;

pub use origin::{Origin, is_loopback};
pub use secret::Secret;
pub use store::{Entry, Store};

use crate::error::Error;
use crate::files::{Links, Opened};
use crate::settings::Settings;

/// The variable that holds a token.
const VARIABLE: &str = "STEPS_TOKEN";

/// The variable that names a file with one.
const FILE_VARIABLE: &str = "STEPS_TOKEN_FILE";

/// A larger file holds no token, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// A token for a server.
#[derive(Debug, Clone)]
pub struct Token {
    pub secret: Secret,
    pub source: TokenSource,
}

/// Where a token is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// The file that `--token-file` names.
    Flag(PathBuf),
    /// A variable, or the file that it names.
    Variable(&'static str),
    /// What `steps login` stored, by the name that the server has for it.
    Stored { name: String },
    /// What was typed at `steps login`.
    Entered,
}

impl std::fmt::Display for TokenSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(path) => write!(f, "the token in {}", path.display()),
            Self::Variable(name) => write!(f, "the token of {name}"),
            Self::Stored { name } => write!(f, "the token {name:?}, which 'steps login' stored"),
            Self::Entered => f.write_str("this token"),
        }
    }
}

/// The token for a request, and what the user should know of it.
#[derive(Debug, Default)]
pub struct Chosen {
    pub token: Option<Token>,
    pub notes: Vec<String>,
}

/// Chooses the token for a server.
///
/// # Errors
/// A token that is none, or a file that cannot be read or is not the user's alone.
pub fn choose(settings: &Settings, server: &Url) -> Result<Chosen, Error> {
    let mut notes = Vec::new();
    let origin = Origin::of(server);
    // Nothing is read that is not used.
    let given = given(settings);
    if !server.username().is_empty() || server.password().is_some() {
        if let Some(source) = given {
            notes.push(format!("steps: {source} is not sent: the server's address has a user, who is sent instead"));
        }
        return Ok(Chosen { token: None, notes });
    }
    let project = settings.server_of_project();
    let token = match (given, project) {
        (Some(source), None) => Some(read(source, &mut notes)?),
        (given, project) => {
            let stored = Store::read()?.and_then(|store| store.get(&origin).cloned());
            if let (Some(source), Some(file)) = (given, project) {
                notes.push(format!(
                    "steps: {source} is not sent to {origin}, which only {file} names; \
                     name the server with --server or STEPS_SERVER, or run 'steps login --server {origin}'"
                ));
            }
            stored.map(|Entry { name, token, .. }| Token { secret: token, source: TokenSource::Stored { name } })
        }
    };
    if token.is_some() {
        notes.extend(plain_text_warning(server));
    }
    Ok(Chosen { token, notes })
}

/// Where a token is from that is given for this command, without reading it.
pub fn given(settings: &Settings) -> Option<TokenSource> {
    match settings.token_file.clone() {
        Some(path) => Some(TokenSource::Flag(path)),
        None => [VARIABLE, FILE_VARIABLE].into_iter().find(|name| is_set(name)).map(TokenSource::Variable),
    }
}

/// Warns where a token can be read on its way to the server.
pub fn plain_text_warning(server: &Url) -> Option<String> {
    let origin = Origin::of(server);
    (server.scheme() == "http" && !is_loopback(server))
        .then(|| format!("warning: the token goes to {origin} without TLS: whoever is on the way can read and use it"))
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

/// Reads a token that was given for this command.
fn read(source: TokenSource, notes: &mut Vec<String>) -> Result<Token, Error> {
    let wrong = |reason: String| Error::Usage(format!("{source} cannot be used: {reason}"));
    let variable = |name: &str| std::env::var_os(name).unwrap_or_default();
    let text = match &source {
        TokenSource::Flag(path) => file(path, notes).map_err(wrong)?,
        TokenSource::Variable(name) if *name == FILE_VARIABLE => {
            file(Path::new(&variable(name)), notes).map_err(wrong)?
        }
        TokenSource::Variable(name) => {
            OsString::into_string(variable(name)).map_err(|_| wrong("it is not UTF-8".to_owned()))?
        }
        TokenSource::Stored { .. } | TokenSource::Entered => String::new(),
    };
    let secret = text.trim().parse().map_err(wrong)?;
    Ok(Token { secret, source })
}

/// The text of a file with a token. Secrets that a container is given are links, of root, and often readable by all.
fn file(path: &Path, notes: &mut Vec<String>) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = Opened::open(path, Links::Followed).map_err(failed)?;
    if let Some(owner) = file.stranger() {
        return Err(format!("{} belongs to another user, uid {owner}", path.display()));
    }
    if file.is_writable_by_others() {
        return Err(format!("others may write {}; run chmod 600", path.display()));
    }
    if file.is_readable_by_others() {
        notes.push(format!("warning: others can read the token in {}; run chmod 600", path.display()));
    }
    file.read(MAX_BYTES).map_err(failed)
}
