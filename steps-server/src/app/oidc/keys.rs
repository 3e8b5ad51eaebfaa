//! The public keys of an issuer: fetched, kept, and fetched anew when a token names one that is not known.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use steps_shared::innermost;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::signature::family;

/// How long fetching the keys may take altogether.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of a document that is fetched.
const MOST_BYTES: usize = 256 * 1024;
/// The most keys of an issuer.
const MOST_KEYS: usize = 64;
/// How long nothing is fetched because of an unknown key after it has been fetched, …
const PAUSE: Duration = Duration::from_secs(15);
/// … and after that has failed.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The keys of an issuer.
#[derive(Debug)]
pub struct Keys {
    issuer: String,
    jwks_url: Option<Url>,
    client: reqwest::Client,
    /// `None` until they could be fetched.
    known: RwLock<Option<Arc<[Key]>>>,
    /// The last try to fetch them. Who fetches holds it, so that one does at a time.
    last: Mutex<Option<Try>>,
}

#[derive(Debug, Clone)]
struct Try {
    at: Instant,
    failed: Option<String>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, where the issuer says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoKey {
    /// The issuer has none of this name for this algorithm.
    Unknown,
    /// The issuer does not answer.
    Unavailable(String),
}

impl Keys {
    /// Of an issuer, none of which is known yet. `jwks_url`, else the issuer's own description, says where they are.
    ///
    /// # Errors
    /// There can be no client.
    pub fn new(issuer: &Url, name: String, jwks_url: Option<Url>) -> Result<Self, reqwest::Error> {
        // Another one may be installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let is_local = issuer.scheme() == "http";
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("steps-server/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .https_only(!is_local)
            .timeout(FETCH_TIMEOUT);
        if is_local {
            // Nothing of it is sent over TLS.
            client = client.no_proxy().tls_certs_only([]);
        }
        let (known, last) = (RwLock::default(), Mutex::default());
        Ok(Self { issuer: name, jwks_url, client: client.build()?, known, last })
    }

    /// The key of a token. One that is not known is looked for at the issuer, but not often.
    ///
    /// # Errors
    /// [`NoKey`].
    pub async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, NoKey> {
        if let Some(key) = self.known_key(id, algorithm) {
            return Ok(key);
        }
        let failed = self.fetch_for_unknown().await;
        match (self.known_key(id, algorithm), failed) {
            (Some(key), _) => Ok(key),
            (None, Some(error)) => Err(NoKey::Unavailable(error)),
            (None, None) => Err(NoKey::Unknown),
        }
    }

    fn known_key(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let fits =
            |key: &&Key| key.key.family() == family(algorithm) && key.algorithm.is_none_or(|only| only == algorithm);
        let mut fitting = known.iter().filter(fits).filter(|key| id.is_none() || key.id.as_deref() == id);
        let found = fitting.next()?;
        // A token that names no key has one only where there is no choice.
        (id.is_some() || fitting.next().is_none()).then(|| found.key.clone())
    }

    /// Fetches the keys, unless that was tried a moment ago. Why the last try has failed, if it has.
    async fn fetch_for_unknown(&self) -> Option<String> {
        let mut last = self.last.lock().await;
        if let Some(Try { at, failed }) = last.as_ref() {
            let pause = if failed.is_some() { PAUSE_AFTER_FAILURE } else { PAUSE };
            if at.elapsed() < pause {
                return failed.clone();
            }
        }
        self.fetch_now(&mut last).await
    }

    /// Fetches the keys. Those that are known stay when the issuer does not answer.
    pub async fn fetch(&self) -> Option<String> {
        self.fetch_now(&mut *self.last.lock().await).await
    }

    async fn fetch_now(&self, last: &mut Option<Try>) -> Option<String> {
        let fetched = timeout(FETCH_TIMEOUT, self.fetched()).await;
        let failed = match fetched.unwrap_or_else(|_| Err("it does not answer in time".to_owned())) {
            Ok(keys) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(keys.into());
                None
            }
            Err(error) => Some(error),
        };
        let had_failed = last.as_ref().is_some_and(|last| last.failed.is_some());
        match &failed {
            Some(error) if !had_failed => {
                tracing::warn!(
                    issuer = self.issuer,
                    "the keys of an issuer cannot be fetched: {error}; those that are known stay"
                );
            }
            None if had_failed => tracing::info!(issuer = self.issuer, "the keys of an issuer are fetched again"),
            _ => {}
        }
        *last = Some(Try { at: Instant::now(), failed: failed.clone() });
        failed
    }

    async fn fetched(&self) -> Result<Vec<Key>, String> {
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => self.discovered().await?,
        };
        let set: KeySet = self.document(url).await?;
        let keys: Vec<Key> = set.keys.into_iter().filter_map(Key::of).take(MOST_KEYS).collect();
        match keys.is_empty() {
            true => Err("it tells no key that can be used".to_owned()),
            false => Ok(keys),
        }
    }

    /// Where the keys are, by the issuer's description of itself.
    async fn discovered(&self) -> Result<Url, String> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|error| error.to_string())?;
        let is_local = url.scheme() == "http";
        let description: Description = self.document(url).await?;
        if description.issuer != self.issuer {
            return Err(format!("it calls itself {:?}", description.issuer));
        }
        let jwks_url = checked_url(&description.jwks_uri).map_err(|error| format!("its jwks_uri {error}"))?;
        match jwks_url.scheme() == "http" && !is_local {
            true => Err("its jwks_uri is not of https".to_owned()),
            false => Ok(jwks_url),
        }
    }

    async fn document<T: DeserializeOwned>(&self, url: Url) -> Result<T, String> {
        let shown = url.clone();
        let failed = |error: reqwest::Error| format!("{shown}: {}", innermost(&error));
        let mut response = self.client.get(url).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(format!("{shown} answers {}", response.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                return Err(format!("{shown} answers with more than {MOST_BYTES} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("{shown} answers with something else: {error}"))
    }
}

impl Key {
    /// A key that can be used for signatures.
    fn of(value: Value) -> Option<Self> {
        // What is of another kind than is known here is another key's matter.
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_))
            || jwk.common.public_key_use.as_ref().is_some_and(|is_for| *is_for != PublicKeyUse::Signature)
        {
            return None;
        }
        let algorithm = match jwk.common.key_algorithm {
            Some(algorithm) => Some(algorithm.to_string().parse().ok()?),
            None => None,
        };
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithm, key })
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Description {
    issuer: String,
    jwks_uri: String,
}

/// A URL of https, or of http on this machine.
///
/// # Errors
/// Why it is not. The message reads on after a name.
pub fn checked_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {text:?} ({error})"))?;
    let is_local = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => Err("must not have a password in it".to_owned()),
        "https" if url.host().is_some() => Ok(url),
        "http" if is_local => Ok(url),
        _ => Err(format!("must begin with https://, not {text:?}; http:// is for this machine only")),
    }
}
