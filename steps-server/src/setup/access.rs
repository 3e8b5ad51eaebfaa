//! Who gets in: what is settled before the server listens.

use std::net::SocketAddr;
use std::path::Path;

use steps_shared::{Timestamp, TokenSecret};

use super::Settings;
use crate::app;
use crate::store::Store;

/// The variable that holds the token that is stored at the start.
const BOOTSTRAP: &str = "STEPS_BOOTSTRAP_TOKEN";
/// The most bytes of a file that holds it.
const MOST_BYTES: u64 = 4096;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Others reach it, and nothing says who they are.
    #[error(
        "{0} can be reached from other machines, and there is no token, so anybody could record and read. Either make a token \
         (steps-server token create admin --scope admin; in a container, {BOOTSTRAP} or {BOOTSTRAP}_FILE), or let everybody in \
         with --allow-anonymous, or listen to this machine alone: --listen localhost:{port}", port = .0.port()
    )]
    Open(SocketAddr),
    /// What should be a token is none.
    #[error("{0} {1}; make one with: steps-server token generate")]
    Bootstrap(String, String),
}

/// Stores the token that the server was given, and says whether it may listen.
///
/// # Errors
/// [`AccessError`], or the database does not answer.
pub async fn prepare(store: &Store, settings: &Settings, now: Timestamp) -> anyhow::Result<()> {
    if let Some(secret) = &settings.bootstrap_token {
        app::bootstrap(store, secret, now).await?;
    }
    let is_loopback = settings.listen.ip().to_canonical().is_loopback();
    if is_loopback || settings.allow_anonymous || !settings.oidc.is_empty() || !store.token_ids().await?.is_empty() {
        return Ok(());
    }
    Err(AccessError::Open(settings.listen).into())
}

/// The token that the server is given: of the variable, else of the file. A variable that is empty is not set.
///
/// # Errors
/// It is no token, or the file cannot be read.
pub fn bootstrap_token(file: Option<&Path>) -> anyhow::Result<Option<TokenSecret>> {
    let variable = std::env::var_os(BOOTSTRAP).filter(|text| !text.is_empty());
    let (place, text) = match (variable, file) {
        (Some(text), _) => (BOOTSTRAP.to_owned(), text.to_string_lossy().into_owned()),
        (None, Some(path)) => (path.display().to_string(), read(path)?),
        (None, None) => return Ok(None),
    };
    match text.trim().parse() {
        Ok(secret) => Ok(Some(secret)),
        Err(error) => Err(AccessError::Bootstrap(place, error.to_string()).into()),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    read.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
