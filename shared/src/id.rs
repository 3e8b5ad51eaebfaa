//! Step ids: 16 bytes that sort by time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::{ContextV7, Uuid};

use crate::{NewFinish, NewStep, SpanEnd, Timestamp};

/// The identity of a step: a UUID, normally of version 7 (RFC 9562).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub Uuid);

impl StepId {
    /// A new UUIDv7. Those made by one process grow strictly, even within a millisecond, and when the clock is put back. A
    /// clock that stands before 1970 counts as 1970.
    #[must_use]
    pub fn generate() -> Self {
        static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());
        let since_1970 = UNIX_EPOCH.elapsed().unwrap_or_default();
        let time = uuid::Timestamp::from_unix(&CONTEXT, since_1970.as_secs(), since_1970.subsec_nanos());
        Self(Uuid::new_v7(time))
    }
}

impl FromStr for StepId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match Uuid::try_parse(text.trim()) {
            Ok(id) if !id.is_nil() => Ok(Self(id)),
            _ => Err(format!("is not a UUID: {text:?}; leave it out and one is made")),
        }
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes the ids of imported rows: a function of each row's content and of its place among the rows of
/// the same stream and time, so that importing a history again, or a longer export of it, gives the
/// same ids. Rows that are the same to the letter have the id of the first of them.
///
/// The id is a UUIDv8 (RFC 9562, section 5.8): 48 bits of milliseconds, 12 bits of microseconds within
/// the millisecond, 16 bits of place, 46 bits of SHA-256. It sorts like a UUIDv7, and rows of one
/// stream at the same time keep the order of the file.
#[derive(Debug, Default)]
pub struct ImportIds {
    /// The rows of each (stream, time).
    groups: HashMap<[u8; 16], Group>,
    /// The places of the rows that differ from the first of their group.
    places: HashMap<[u8; 16], u32>,
}

/// The rows of one stream and time. Most groups have one row, so that it is kept small.
#[derive(Debug)]
struct Group {
    /// How many there are.
    rows: u32,
    /// What the first of them has beside its stream and time.
    first: [u8; 16],
}

impl ImportIds {
    /// The id of the next row, which began at `ts`.
    pub fn next(&mut self, step: &NewStep, ts: Timestamp) -> StepId {
        let run = step.run.as_ref().map(|run| run.as_str());
        let stream = [step.environment.as_str(), step.component.as_str(), step.version.as_str()];
        let mut content = hash(stream.into_iter().chain(run));
        content.update(ts.micros().to_be_bytes());
        let group = first_half(content.clone());
        for text in [step.owner.as_str(), step.status.as_str()] {
            update(&mut content, text);
        }
        let place = self.place(group, row(content.clone(), step));
        content.update(place.to_be_bytes());
        import_id(ts, place, content.finalize().into())
    }

    /// How many rows of the group came before this one; of a row that is the same as an earlier one, before that.
    fn place(&mut self, group: [u8; 16], row: [u8; 16]) -> u32 {
        match self.groups.entry(group) {
            Entry::Vacant(entry) => {
                entry.insert(Group { rows: 1, first: row });
                0
            }
            Entry::Occupied(mut entry) => {
                let Group { rows, first } = entry.get_mut();
                let next = *rows;
                *rows = rows.saturating_add(1);
                if *first == row { 0 } else { *self.places.entry(row).or_insert(next) }
            }
        }
    }
}

/// A hash of everything that a row has, given the hash of its stream, time and names.
fn row(mut content: Sha256, step: &NewStep) -> [u8; 16] {
    let finish = step.finish.map(|NewFinish { outcome, end, exit_code }| {
        let end = end.map(|end| match end {
            SpanEnd::After(duration) => ("duration", duration.micros()),
            SpanEnd::At(ended_at) => ("ended_at", ended_at.micros()),
        });
        (outcome, end, exit_code)
    });
    update(&mut content, &format!("{:?}", (step.span, finish)));
    first_half(content)
}

fn import_id(ts: Timestamp, place: u32, content: [u8; 32]) -> StepId {
    let millis = (ts.micros() / 1000) as u64;
    let micros = (ts.micros() % 1000) as u16;
    let place = u16::try_from(place).unwrap_or(u16::MAX);
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..8].copy_from_slice(&micros.to_be_bytes());
    // The variant takes the two highest bits of the second half: 16 bits of place and 46 of hash follow.
    let hash = content[..8].iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) >> 18;
    bytes[8..].copy_from_slice(&(u64::from(place) << 46 | hash).to_be_bytes());
    StepId(Uuid::new_v8(bytes))
}

/// A hash of texts in order; each is preceded by its length, so that no two lists look alike.
fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> Sha256 {
    let mut hash = Sha256::new();
    for text in texts {
        update(&mut hash, text);
    }
    hash
}

fn update(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

/// The first 16 bytes of the hash of a stream's names; see [`crate::Step::stream`].
pub(crate) fn stream_key<'a>(names: impl IntoIterator<Item = &'a str>) -> [u8; 16] {
    first_half(hash(names))
}

fn first_half(hash: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = hash.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(status: &str, ts: &str) -> (NewStep, Timestamp) {
        let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", status), ("ts", ts)];
        (NewStep::from_fields(fields).unwrap(), ts.parse().unwrap())
    }

    fn ids(rows: &[(&str, &str)]) -> Vec<StepId> {
        let mut ids = ImportIds::default();
        rows.iter().map(|(status, ts)| step(status, ts)).map(|(step, ts)| ids.next(&step, ts)).collect()
    }

    #[test]
    fn equal_rows_are_one_and_move_no_others() {
        let at = |status| (status, "2026-01-05 09:30:00");
        let [z, a, again, z_again, b] = ids(&["z", "a", "a", "z", "b"].map(at))[..] else { unreachable!() };
        assert_eq!((a, z), (again, z_again));
        // As before equal rows were one.
        assert_eq!(b, ids(&["z", "a", "x", "y", "b"].map(at))[4]);
        assert!(z < a && a < b);
        // Histories were imported with these.
        assert_eq!(z.to_string(), "019b8d7d-f1c0-8000-8000-14b7ca3146bc");
        assert_eq!(a.to_string(), "019b8d7d-f1c0-8000-8000-5248effade41");
        assert_eq!(b.to_string(), "019b8d7d-f1c0-8000-8001-1d6ca35664ee");
    }

    #[test]
    fn equal_times_keep_the_order_of_the_file_and_repeat_exactly() {
        let rows = [
            ("z", "2026-01-05 09:30:00"),
            ("a", "2026-01-05 09:30:00"),
            ("b", "2026-01-05 09:30:00"),
            ("b", "2026-01-05 09:30:01"),
        ];
        let first = ids(&rows);
        assert!(first.is_sorted_by(|a, b| a < b), "{first:?}");
        assert_eq!(first, ids(&rows));
        assert_eq!(first[..2], ids(&rows[..2]));
        assert_eq!(first[0].0.get_version_num(), 8);
        assert_eq!(first[0].0.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn sorts_by_time_beside_version_7() {
        let [earlier, later] = ids(&[("a", "2026-01-05 09:30:00.000999"), ("a", "2026-01-05 09:30:00.001")])[..] else {
            unreachable!()
        };
        assert!(earlier < later);
        let v7 = StepId(Uuid::new_v7(uuid::Timestamp::from_unix_time(1_767_605_400, 500_000_000, 0, 0)));
        assert!(later < v7, "{later} {v7}");
    }

    #[test]
    fn generated_ids_grow() {
        let ids: Vec<_> = (0..1000).map(|_| StepId::generate()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
    }
}
