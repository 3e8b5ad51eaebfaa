//! Making tokens: for who asks, and the one that a server is given at its start.

use std::time::Duration;

use steps_shared::{
    CallerKind, CreatedToken, FieldError, FieldErrors, NewToken, Scope, Timestamp, Token, TokenId, TokenSecret,
};
use subtle::ConstantTimeEq as _;
use tokio::time::sleep;
use uuid::Uuid;

use super::Error;
use super::tokens::in_time;
use crate::projection::apply::retry_on_conflict;
use crate::store::{Store, StoreError, StoredToken};

/// The most tokens: each server reads them all every two seconds.
const MOST: usize = 10_000;
/// The name of the token that is given to the server at its start.
const BOOTSTRAP: &str = "bootstrap";
/// How often servers that start together try to store the same token, and the pause between.
const BOOTSTRAP_TRIES: u32 = 10;
const BOOTSTRAP_PAUSE: Duration = Duration::from_millis(200);

/// Makes a token in the database alone; servers learn of it.
///
/// # Errors
/// Its name is taken, there are too many, its time ends after the year 9999, or the database does not answer.
pub async fn create(store: &Store, deadline: Duration, new: NewToken, now: Timestamp) -> Result<CreatedToken, Error> {
    let NewToken { name, scopes, components, environments, owner, expires_in } = new;
    let wrong = |field, reason: &str| Err(Error::from(FieldErrors::from(FieldError::wrong(field, reason))));
    let taken = |reason: &str| Err(Error::Conflict(FieldError::wrong("name", reason)));
    if name.as_str() == BOOTSTRAP {
        return taken("is \"bootstrap\", which is the name of the token of STEPS_BOOTSTRAP_TOKEN");
    }
    if name.as_str() == CallerKind::Anonymous.name() {
        return taken("is \"anonymous\", which the log calls those who have no token");
    }
    let expires_at = match expires_in.map(|expires_in| now.micros().checked_add(expires_in.micros())) {
        None => None,
        Some(micros) => match micros.and_then(|micros| Timestamp::from_micros(micros).ok()) {
            Some(expires_at) => Some(expires_at),
            None => return wrong("expires_in", "must end before the year 10000"),
        },
    };
    if in_time(store, deadline, store.token_ids()).await?.len() >= MOST {
        return wrong("name", &format!("cannot be taken: there are {MOST} tokens already, so revoke some"));
    }
    let secret = random_secret()?;
    let id = TokenId(Uuid::now_v7());
    let (created_at, last_used_at) = (now, None);
    let token = Token { id, name, scopes, components, environments, owner, created_at, expires_at, last_used_at };
    let stored = StoredToken { token, sha256: secret.sha256() };
    match in_time(store, deadline, retry_on_conflict(|| store.insert_token(&stored))).await {
        Ok(()) => Ok(CreatedToken { token: stored.token, secret }),
        Err(StoreError::Duplicate) => {
            let reason = format!("{:?} is taken by another token", stored.token.name.as_str());
            Err(Error::Conflict(FieldError::wrong("name", reason)))
        }
        Err(error) => Err(error.into()),
    }
}

/// A new text of a token.
///
/// # Errors
/// The system gives no random bits.
pub fn random_secret() -> Result<TokenSecret, Error> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| Error::Internal(format!("no random bits: {error}")))?;
    Ok(TokenSecret::from_bits(bits))
}

/// Stores the token that a server is given at its start: it permits everything. Where there is one already with this text,
/// nothing is done; an earlier one is replaced. Several servers may do it at once.
///
/// # Errors
/// The database does not answer.
pub async fn bootstrap(store: &Store, secret: &TokenSecret, now: Timestamp) -> Result<(), StoreError> {
    let Ok(name) = BOOTSTRAP.parse() else { return Ok(()) };
    let token = Token {
        id: TokenId(Uuid::now_v7()),
        name,
        scopes: Scope::Admin.into(),
        components: Vec::new(),
        environments: Vec::new(),
        owner: None,
        created_at: now,
        expires_at: None,
        last_used_at: None,
    };
    let stored = StoredToken { token, sha256: secret.sha256() };
    let mut tries = 0;
    loop {
        let before = store.tokens().await?;
        if before.iter().any(|other| bool::from(other.sha256.ct_eq(&stored.sha256))) {
            return Ok(());
        }
        let replaces = before.iter().any(|other| other.token.name == stored.token.name);
        tries += 1;
        match store.replace_token(&stored).await {
            Ok(()) if replaces => tracing::warn!("the bootstrap token was replaced by another one"),
            Ok(()) => tracing::info!("the bootstrap token was stored"),
            // Another server does the same.
            Err(StoreError::Duplicate | StoreError::Unavailable(_)) if tries < BOOTSTRAP_TRIES => {
                sleep(BOOTSTRAP_PAUSE).await;
                continue;
            }
            Err(error) => return Err(error),
        }
        return Ok(());
    }
}
