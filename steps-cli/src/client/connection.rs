//! How a server is reached: its address, who asks, and which authorities are believed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Url};

use super::cause;
use crate::credentials::Token;
use crate::error::Error;
use crate::files::{Links, Opened};

/// A larger file of certificates is not read, in bytes.
const MAX_CA_BYTES: u64 = 4 * 1024 * 1024;

/// How a server is reached.
#[derive(Debug, Clone)]
pub struct Connection {
    pub server: Url,
    pub timeout: Duration,
    pub token: Option<Token>,
    /// Certificates (PEM) that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// The header that every request has.
pub fn authorization(token: &Token) -> Result<HeaderMap, Error> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.secret.expose()))
        .map_err(|_| Error::Usage(format!("{} cannot be sent", token.source)))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

/// The certificates in a file.
pub fn certificates(path: &Path) -> Result<Vec<Certificate>, Error> {
    let wrong =
        |reason: String| Error::Usage(format!("the certificates in {} cannot be used: {reason}", path.display()));
    let text = Opened::open(path, Links::Followed).and_then(|file| file.read(MAX_CA_BYTES));
    let text = text.map_err(|error| wrong(error.to_string()))?;
    let found = Certificate::from_pem_bundle(text.as_bytes()).map_err(|error| wrong(cause(&error)))?;
    match found.is_empty() {
        true => Err(wrong("no certificate (PEM) is in it".to_owned())),
        false => Ok(found),
    }
}

/// Whether plain HTTP goes through a proxy that is reached over TLS.
pub fn has_tls_proxy() -> bool {
    ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .any(|proxy| proxy.starts_with("https://"))
}
