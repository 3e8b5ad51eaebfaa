//! Tokens: making, listing and revoking them, and knowing them without asking the database.
//!
//! All tokens are in memory. They are read anew every two seconds, and at once when a token is sent that is not known. While the
//! database does not answer, what is known stays: then nothing can be recorded or read anyway.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use steps_shared::{CreatedToken, NewToken, Timestamp, Token, TokenId, TokenSecret};
use subtle::ConstantTimeEq as _;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::new_tokens::create;
use super::{Caller, Error};
use crate::projection::apply::retry_on_conflict;
use crate::store::{Store, StoreError, StoredToken};

/// How often the tokens are read anew. With [`READ_TIMEOUT`], a token that another server revokes is refused within 5 s.
const READ_PAUSE: Duration = Duration::from_secs(2);
/// How long the database may take to tell the tokens.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the first read is tried.
const TRIES: u32 = 5;
/// The least time between two reads, however many tokens are sent that nobody knows.
const LEAST_PAUSE: Duration = Duration::from_millis(200);
/// How often it is looked which tokens were used.
const USES_PAUSE: Duration = Duration::from_secs(2);
/// A use is stored when the one that is stored is older than this, in microseconds: a minute.
const USE_MICROS: i64 = 60_000_000;

/// The tokens, as this server knows them.
#[derive(Debug)]
pub struct Tokens {
    store: Store,
    now: fn() -> Timestamp,
    /// How long a request about tokens may wait for the database.
    deadline: Duration,
    known: RwLock<Arc<Known>>,
    /// When the last read began. Who reads or changes tokens holds it, so that no read brings back what was just revoked.
    reading: Mutex<Option<Instant>>,
    /// Whether there has been a token since this server started.
    seen: AtomicBool,
    /// Whether the last read failed.
    failed: AtomicBool,
    /// Changes with what is known.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the first bytes of the SHA-256, so that no comparison of a whole one is left to the map.
    by_start: HashMap<[u8; 8], Vec<Arc<KnownToken>>>,
    /// Of all, also of those that cannot be read.
    ids: BTreeSet<TokenId>,
}

impl Known {
    /// Of tokens that were read after their ids. One that was made in between is left out, and known after the next read: else
    /// the ids would not tell that it is revoked.
    fn new(ids: BTreeSet<TokenId>, tokens: Vec<Arc<KnownToken>>) -> Self {
        let mut known = Self { ids, ..Self::default() };
        for token in tokens {
            if known.ids.contains(&token.id) {
                known.by_start.entry(start_of(&token.sha256)).or_default().push(token);
            }
        }
        known
    }
}

#[derive(Debug)]
pub(super) struct KnownToken {
    pub id: TokenId,
    sha256: [u8; 32],
    pub caller: Arc<Caller>,
    /// Microseconds; 0 is never.
    used_at: AtomicI64,
    /// The last use that is stored.
    stored_at: AtomicI64,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// None has this text.
    #[error("the token is not known: it was revoked, or is of another server")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired at {0}")]
    Expired(Timestamp),
}

impl Tokens {
    /// Reads the tokens, and goes on doing that until what this returns is dropped.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start(store: Store, now: fn() -> Timestamp, deadline: Duration) -> Result<Arc<Self>, StoreError> {
        let tokens = Arc::new(Self {
            store,
            now,
            deadline,
            known: RwLock::default(),
            reading: Mutex::default(),
            seen: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            changed: watch::Sender::new(()),
        });
        let mut tries = 0;
        // The server may have stood still meanwhile, so that the time was over before the database was asked.
        while let Err(error) = tokens.read(&mut *tokens.reading.lock().await).await {
            tries += 1;
            if tries == TRIES {
                return Err(error);
            }
            sleep(LEAST_PAUSE).await;
        }
        tokio::spawn(keep_reading(Arc::downgrade(&tokens)));
        tokio::spawn(keep_uses(Arc::downgrade(&tokens)));
        Ok(tokens)
    }

    /// Whether there has been no token since this server started. One that is revoked at once does not open it again.
    #[must_use]
    pub fn has_seen_none(&self) -> bool {
        !self.seen.load(Ordering::Relaxed)
    }

    /// Who holds this token, by what is known.
    ///
    /// # Errors
    /// [`TokenRefusal`].
    pub fn find(&self, secret: &TokenSecret) -> Result<Arc<Caller>, TokenRefusal> {
        Ok(Arc::clone(&self.find_token(secret)?.caller))
    }

    /// The same with its identity.
    pub(super) fn find_token(&self, secret: &TokenSecret) -> Result<Arc<KnownToken>, TokenRefusal> {
        let sha256 = secret.sha256();
        let known = self.known();
        let same_start = known.by_start.get(&start_of(&sha256)).into_iter().flatten();
        let mut found = None;
        for token in same_start {
            if bool::from(token.sha256.ct_eq(&sha256)) {
                found = Some(token);
            }
        }
        self.usable(found.ok_or(TokenRefusal::Unknown)?)
    }

    /// Who holds the token with this id, where it permits something now.
    pub(super) fn with_id(&self, id: TokenId) -> Option<Arc<Caller>> {
        let known = self.known();
        let token = known.by_start.values().flatten().find(|token| token.id == id)?;
        Some(Arc::clone(&self.usable(token).ok()?.caller))
    }

    fn usable(&self, token: &Arc<KnownToken>) -> Result<Arc<KnownToken>, TokenRefusal> {
        let now = (self.now)();
        match token.caller.expires_at {
            Some(expires_at) if token.caller.has_expired(now) => Err(TokenRefusal::Expired(expires_at)),
            _ => {
                token.used_at.fetch_max(now.micros(), Ordering::Relaxed);
                Ok(Arc::clone(token))
            }
        }
    }

    /// Reads the tokens anew, and so learns of one that was made before this call. Those who wait at the same time share a read.
    ///
    /// # Errors
    /// The database does not answer in time.
    pub async fn read_now(&self) -> Result<(), Error> {
        let asked = Instant::now();
        let mut last = self.reading.lock().await;
        if let Some(last) = *last {
            if last >= asked {
                return Ok(());
            }
            sleep_until(last + LEAST_PAUSE).await;
        }
        Ok(self.read(&mut last).await?)
    }

    /// Every token, by name.
    ///
    /// # Errors
    /// The database does not answer in time.
    pub async fn list(&self) -> Result<Vec<Token>, Error> {
        let tokens = in_time(&self.store, self.deadline, self.store.tokens()).await?;
        Ok(tokens.into_iter().map(|stored| stored.token).collect())
    }

    /// Makes a token, which permits what it says from now on.
    ///
    /// # Errors
    /// Its name is taken, there are too many, its time ends after the year 9999, or the database does not answer.
    pub async fn create(&self, new: NewToken) -> Result<CreatedToken, Error> {
        let mut last = self.reading.lock().await;
        let created = create(&self.store, self.deadline, new, (self.now)()).await?;
        self.seen.store(true, Ordering::Relaxed);
        if let Err(error) = self.read(&mut last).await {
            tracing::debug!(%error, "a new token is known a little later");
        }
        Ok(created)
    }

    /// Revokes a token, which permits nothing from now on.
    ///
    /// # Errors
    /// There is no such token, or the database does not answer: then it may be revoked nevertheless.
    pub async fn revoke(&self, id: TokenId) -> Result<(), Error> {
        let _reading = self.reading.lock().await;
        let delete = retry_on_conflict(|| self.store.delete_token(id));
        let revoked = in_time(&self.store, self.deadline, delete).await?;
        let known = self.known();
        let others = known.by_start.values().flatten().filter(|token| token.id != id).cloned().collect();
        self.set_known(known.ids.iter().copied().filter(|other| *other != id).collect(), others);
        if revoked { Ok(()) } else { Err(Error::NoSuchToken(id)) }
    }

    /// Changes when tokens are made or revoked.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_known(&self, ids: BTreeSet<TokenId>, tokens: Vec<Arc<KnownToken>>) {
        if !ids.is_empty() {
            self.seen.store(true, Ordering::Relaxed);
        }
        let known = Known::new(ids, tokens);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        self.changed.send_replace(());
    }

    /// Reads what has changed. `last` is what [`Tokens::reading`] holds.
    async fn read(&self, last: &mut Option<Instant>) -> Result<(), StoreError> {
        *last = Some(Instant::now());
        let before = self.known();
        let changed = async {
            let ids: BTreeSet<TokenId> = self.store.token_ids().await?.into_iter().collect();
            if ids == before.ids { Ok(None) } else { Ok(Some((ids, self.store.tokens().await?))) }
        };
        let changed = in_time(&self.store, READ_TIMEOUT, changed).await;
        match &changed {
            Err(error) if !self.failed.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "the tokens cannot be read; those that are known stay valid");
            }
            Ok(_) if self.failed.swap(false, Ordering::Relaxed) => tracing::info!("the tokens can be read again"),
            _ => {}
        }
        let Some((ids, stored)) = changed? else { return Ok(()) };
        let known: HashMap<TokenId, &Arc<KnownToken>> =
            before.by_start.values().flatten().map(|token| (token.id, token)).collect();
        let token = |stored: StoredToken| match known.get(&stored.token.id) {
            Some(token) => Arc::clone(token),
            None => Arc::new(KnownToken::of(&stored)),
        };
        self.set_known(ids, stored.into_iter().map(token).collect());
        Ok(())
    }

    /// Stores the uses that are a minute younger than those that are stored.
    async fn store_uses(&self) {
        let known = self.known();
        let used = known.by_start.values().flatten().filter_map(|token| {
            let used_at = token.used_at.load(Ordering::Relaxed);
            let is_due = used_at - token.stored_at.load(Ordering::Relaxed) >= USE_MICROS;
            is_due.then_some((token, used_at))
        });
        let used: Vec<(&Arc<KnownToken>, i64)> = used.collect();
        if used.is_empty() {
            return;
        }
        let uses: Vec<_> = used.iter().map(|(token, at)| (token.id, Timestamp::saturating_from_micros(*at))).collect();
        match timeout(READ_TIMEOUT, self.store.set_last_used(&uses)).await.unwrap_or(Err(StoreError::TimedOut)) {
            Ok(()) => used.iter().for_each(|(token, at)| token.stored_at.store(*at, Ordering::Relaxed)),
            Err(error) => tracing::debug!(%error, "the last uses of tokens are stored later"),
        }
    }
}

impl KnownToken {
    fn of(stored: &StoredToken) -> Self {
        let StoredToken { token, sha256 } = stored;
        let used_at = token.last_used_at.map_or(0, Timestamp::micros);
        let caller = Arc::new(Caller::of_token(token));
        let [used_at, stored_at] = [used_at; 2].map(AtomicI64::new);
        Self { id: token.id, sha256: *sha256, caller, used_at, stored_at }
    }
}

fn start_of(sha256: &[u8; 32]) -> [u8; 8] {
    sha256.first_chunk().copied().unwrap_or_default()
}

async fn keep_reading(tokens: Weak<Tokens>) {
    loop {
        sleep(READ_PAUSE).await;
        let Some(tokens) = tokens.upgrade() else { return };
        // It has been logged.
        let _: Result<(), _> = tokens.read(&mut *tokens.reading.lock().await).await;
    }
}

async fn keep_uses(tokens: Weak<Tokens>) {
    loop {
        sleep(USES_PAUSE).await;
        let Some(tokens) = tokens.upgrade() else { return };
        tokens.store_uses().await;
    }
}

/// Waits for the database for so long, and gives its connection up where it does not answer.
pub(super) async fn in_time<T>(
    store: &Store,
    limit: Duration,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let began = Instant::now();
    let answered = timeout(limit, answer).await.unwrap_or(Err(StoreError::TimedOut));
    if let Err(StoreError::TimedOut | StoreError::Unavailable(_)) = answered {
        store.renew_token_readers(began);
    }
    answered
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn token(bits: u8) -> Arc<KnownToken> {
        let caller = Arc::new(Caller::anonymous(None));
        let id = TokenId(Uuid::from_bytes([bits; 16]));
        let sha256 = [bits; 32];
        Arc::new(KnownToken { id, sha256, caller, used_at: AtomicI64::default(), stored_at: AtomicI64::default() })
    }

    #[test]
    fn what_was_made_while_tokens_were_read_is_not_known_without_its_id() {
        let (before, between) = (token(1), token(2));
        let known = Known::new([before.id].into(), vec![Arc::clone(&before), between]);
        let ids: Vec<_> = known.by_start.values().flatten().map(|token| token.id).collect();
        assert_eq!(ids, [before.id]);
        // One that was revoked in between has its id, so that the next read finds a difference.
        assert_eq!(Known::new([before.id].into(), Vec::new()).ids, [before.id].into());
    }
}
