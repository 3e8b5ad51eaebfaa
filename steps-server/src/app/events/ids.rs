//! The ids of events: sealed places. They tell nobody how much others record, and one that is of another database is noticed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};

use crate::store::Place;

/// Seals places with the secret of the database.
pub struct Ids {
    secret: [u8; 32],
    key: Option<LessSafeKey>,
}

impl Ids {
    pub fn new(secret: &[u8]) -> Self {
        let secret: [u8; 32] = Sha256::digest(secret).into();
        Self { key: UnboundKey::new(&CHACHA20_POLY1305, &secret).ok().map(LessSafeKey::new), secret }
    }

    /// The id of the event at a place: the same on every server.
    pub fn of_event(&self, place: Place) -> Option<String> {
        // The nonce is another one for each place, and tells nothing without the secret.
        let digest = Sha256::new().chain_update(b"event").chain_update(self.secret).chain_update(bytes(place));
        self.sealed(place, digest.finalize().first_chunk().copied()?)
    }

    /// An id to resume from at a place, of no event: another one each time, so that nothing is told by its change.
    pub fn of_mark(&self, place: Place) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        self.sealed(place, nonce)
    }

    fn sealed(&self, place: Place, nonce: [u8; NONCE_LEN]) -> Option<String> {
        let mut sealed = bytes(place).to_vec();
        let nonce_of = Nonce::assume_unique_for_key(nonce);
        self.key.as_ref()?.seal_in_place_append_tag(nonce_of, Aad::empty(), &mut sealed).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// The place of an id; `None` where this database has not made it.
    pub fn place(&self, id: &str) -> Option<Place> {
        let mut sealed = URL_SAFE_NO_PAD.decode(id.trim()).ok()?;
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let place = self.key.as_ref()?.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        let (batch, seq) = place.split_first_chunk::<8>()?;
        Some(Place { batch: i64::from_be_bytes(*batch), seq: i64::from_be_bytes(seq.try_into().ok()?) })
    }
}

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ids").finish_non_exhaustive()
    }
}

fn bytes(Place { batch, seq }: Place) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&batch.to_be_bytes());
    bytes[8..].copy_from_slice(&seq.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_ids_and_from_no_others() {
        let (ids, others) = (Ids::new(b"one database"), Ids::new(b"another one"));
        let place = Place { batch: 3, seq: 1_000_000 };
        let event = ids.of_event(place).unwrap();
        assert_eq!(ids.of_event(place).as_ref(), Some(&event));
        assert_ne!(ids.of_mark(place), ids.of_mark(place));
        for id in [event.clone(), ids.of_mark(place).unwrap()] {
            assert_eq!(ids.place(&id), Some(place));
            assert_eq!(others.place(&id), None);
        }
        for other in ["", "1", "x", &event[1..], &format!("{event}A"), "ünïcode", &"A".repeat(10_000)] {
            assert_eq!(ids.place(other), None, "{other:?}");
        }
    }
}
