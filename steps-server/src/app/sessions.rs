//! Sessions: a token that was exchanged for a cookie, so that no page has to keep it.
//!
//! A session is a row with the SHA-256 of 256 random bits and the id of its token. So a stolen database has no cookie in it, no key
//! has to be kept beside it, and revoking the token ends its sessions.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use steps_shared::{Duration, Timestamp, TokenId, TokenSecret};

use super::{App, Caller, Error};
use crate::store::StoredSession;

/// How long a session lasts, in microseconds: twelve hours. It never lasts longer than its token.
const MICROS: i64 = 12 * 3600 * 1_000_000;
/// The most sessions of a token; the oldest are ended.
const MOST: u32 = 32;

/// The value of a session's cookie: 256 random bits, in hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionSecret([u8; 32]);

impl SessionSecret {
    fn random() -> Result<Self, Error> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|error| Error::Internal(format!("no random bits: {error}")))?;
        Ok(Self(bits))
    }

    fn sha256(&self) -> [u8; 32] {
        digest(&SHA256, &self.0).as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// The value, which is for the cookie alone.
    #[must_use]
    pub fn expose(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, byte| {
            let _: fmt::Result = write!(text, "{byte:02x}");
            text
        })
    }
}

impl FromStr for SessionSecret {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (mut bits, digits) = ([0; 32], text.as_bytes());
        if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(());
        }
        for (bits, digits) in bits.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| ())?;
            *bits = u8::from_str_radix(digits, 16).map_err(|_| ())?;
        }
        Ok(Self(bits))
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(…)")
    }
}

/// A session that has begun.
#[derive(Debug)]
pub struct Begun {
    pub secret: SessionSecret,
    /// How long it lasts.
    pub lasts: Duration,
    pub caller: Arc<Caller>,
}

impl App {
    /// Begins a session of a token; `None` where there is no such token any more.
    ///
    /// # Errors
    /// The database does not answer: then it may have begun, and nobody knows its cookie.
    pub async fn begin_session(&self, secret: &TokenSecret) -> Result<Option<Begun>, Error> {
        let Some((token, caller)) = self.tokens.id_of(secret) else { return Ok(None) };
        let now = self.now();
        let end = caller.expires_at.map_or(i64::MAX, Timestamp::micros).min(now.micros() + MICROS);
        let secret = SessionSecret::random()?;
        let expires_at = Timestamp::saturating_from_micros(end);
        let session = StoredSession { sha256: secret.sha256(), token, created_at: now, expires_at };
        self.write(|| self.store.insert_session(&session, MOST)).await?;
        let lasts = Duration::between(now, expires_at).unwrap_or_default();
        Ok(Some(Begun { secret, lasts, caller }))
    }

    /// Who has a session; `None` when it has ended, or its token permits nothing any more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn session(&self, secret: &SessionSecret) -> Result<Option<Arc<Caller>>, Error> {
        let sha256 = secret.sha256();
        let found = self.within_deadline(async { Ok(self.store.session(&sha256).await?) }).await?;
        let Some((token, _)) = found.filter(|(_, expires_at)| *expires_at > self.now()) else { return Ok(None) };
        match self.tokens.with_id(token) {
            Some(caller) => Ok(Some(caller)),
            None => {
                // Another server may have made it a moment ago.
                self.tokens.read_now().await?;
                Ok(self.tokens.with_id(token))
            }
        }
    }

    /// Ends a session, here and on all other servers.
    ///
    /// # Errors
    /// The database does not answer: then it may have ended.
    pub async fn end_session(&self, secret: &SessionSecret) -> Result<(), Error> {
        let sha256 = secret.sha256();
        Ok(self.write(|| self.store.delete_session(&sha256)).await?)
    }
}

impl super::Tokens {
    /// The identity of a token that permits something now.
    fn id_of(&self, secret: &TokenSecret) -> Option<(TokenId, Arc<Caller>)> {
        let token = self.find_token(secret).ok()?;
        Some((token.id, Arc::clone(&token.caller)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cookie_is_written_as_it_is_read_and_shown_to_nobody() {
        let secret = SessionSecret::random().unwrap();
        let text = secret.expose();
        assert_eq!((text.len(), text.parse::<SessionSecret>()), (64, Ok(secret.clone())));
        assert_ne!(secret, SessionSecret::random().unwrap());
        assert!(!format!("{secret:?}").contains(&text[..8]));
        for wrong in [&text[1..], &text.replace(|digit: char| digit.is_ascii_digit(), "A"), &format!("{text}0")] {
            assert!(wrong.parse::<SessionSecret>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,70}|[0-9a-f]{60,66}") {
            if let Ok(secret) = text.parse::<SessionSecret>() {
                prop_assert_eq!(secret.expose(), text);
            }
        }
    }
}
