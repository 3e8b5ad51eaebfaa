//! How a deployment's steps are packed into bytes: in order, with what was derived of each.
//!
//! A part begins with the version of the layout. Then, for each step: a byte of flags, the 16 bytes of its id, when it began
//! (microseconds since the step before; of the first one since 1970), how long it took where it has ended, and its status: 0,
//! a length and the text where the part has not had it yet, or else which of those that it has had. Numbers are LEB128.

use steps_shared::StepOutcome;
use uuid::Uuid;

use super::packing::{Corrupt, push, push_text, take, take_text, unzigzag, zigzag};

/// The layout. Another one is folded again: it is part of the fingerprint of the rules.
pub const LAYOUT: u8 = 1;
/// A part takes no more steps than this, and none once it has so many bytes.
const STEPS_PER_PART: usize = 64;
const BYTES_PER_PART: usize = 4096;

const SPAN: u8 = 1;
const ENDED: u8 = 2;
const SUCCEEDED: u8 = 4;
const FAILED: u8 = 8;

/// A step of a deployment, and what was derived of it. Times are microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub id: Uuid,
    /// When it began.
    pub ts: i64,
    pub status: &'a str,
    pub span: bool,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// How it ended.
    pub result: Option<StepOutcome>,
}

/// Some of the steps of a deployment, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// When the first of them began.
    pub ts: i64,
    pub data: Vec<u8>,
}

/// Packs steps. The same steps from the beginning of a part on give the same parts.
pub fn pack<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let (mut count, mut before) = (STEPS_PER_PART, 0);
    let mut statuses: Vec<&str> = Vec::new();
    for entry in entries {
        if count >= STEPS_PER_PART || parts.last().is_some_and(|part| part.data.len() >= BYTES_PER_PART) {
            parts.push(Part { ts: entry.ts, data: vec![LAYOUT] });
            (count, before) = (0, 0);
            statuses.clear();
        }
        let Some(Part { data, .. }) = parts.last_mut() else { continue };
        let result = match entry.result {
            None => 0,
            Some(StepOutcome::Succeeded) => SUCCEEDED,
            Some(StepOutcome::Failed) => FAILED,
        };
        let ended = if entry.ended_at.is_some() { ENDED } else { 0 };
        data.push((u8::from(entry.span) * SPAN) | ended | result);
        data.extend(entry.id.as_bytes());
        push(data, zigzag(entry.ts.wrapping_sub(before)));
        if let Some(ended_at) = entry.ended_at {
            push(data, zigzag(ended_at.wrapping_sub(entry.ts)));
        }
        match statuses.iter().position(|status| *status == entry.status) {
            Some(at) => push(data, at as u64 + 1),
            None => {
                statuses.push(entry.status);
                push(data, 0);
                push_text(data, entry.status);
            }
        }
        before = entry.ts;
        count += 1;
    }
    parts
}

/// The steps of a part, in order.
pub fn unpack(data: &[u8]) -> Result<Vec<Entry<'_>>, Corrupt> {
    let (&layout, mut rest) = data.split_first().ok_or(Corrupt)?;
    if layout != LAYOUT {
        return Err(Corrupt);
    }
    let mut entries: Vec<Entry<'_>> = Vec::with_capacity(rest.len() / 28 + 1);
    let mut statuses: Vec<&str> = Vec::new();
    let mut ts: i64 = 0;
    while let Some((flags, after)) = rest.split_first() {
        let (id, after) = after.split_at_checked(16).ok_or(Corrupt)?;
        rest = after;
        ts = ts.wrapping_add(unzigzag(take(&mut rest)?));
        let ended_at = match flags & ENDED {
            0 => None,
            _ => Some(ts.wrapping_add(unzigzag(take(&mut rest)?))),
        };
        let status = match take(&mut rest)? {
            0 => {
                let status = take_text(&mut rest)?;
                statuses.push(status);
                status
            }
            nth => usize::try_from(nth - 1).ok().and_then(|nth| statuses.get(nth)).ok_or(Corrupt)?,
        };
        let result = match flags & (SUCCEEDED | FAILED) {
            0 => None,
            SUCCEEDED => Some(StepOutcome::Succeeded),
            FAILED => Some(StepOutcome::Failed),
            _ => return Err(Corrupt),
        };
        let id = Uuid::from_slice(id).map_err(|_| Corrupt)?;
        entries.push(Entry { id, ts, status, span: flags & SPAN != 0, ended_at, result });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = (u128, i64, String, bool, Option<i64>, Option<StepOutcome>);

    fn entry((id, ts, status, span, ended_at, result): &Owned) -> Entry<'_> {
        Entry { id: Uuid::from_u128(*id), ts: *ts, status, span: *span, ended_at: *ended_at, result: *result }
    }

    fn any_steps() -> impl Strategy<Value = Vec<Owned>> {
        let result = prop_oneof![Just(None), Just(Some(StepOutcome::Succeeded)), Just(Some(StepOutcome::Failed))];
        let status = prop_oneof!["[a-c]", "\\PC{0,64}"];
        let step = (any::<u128>(), any::<i64>(), status, any::<bool>(), any::<Option<i64>>(), result);
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(steps in any_steps()) {
            let parts = pack(steps.iter().map(entry));
            let unpacked: Vec<Entry<'_>> = parts.iter().flat_map(|part| unpack(&part.data).unwrap()).collect();
            prop_assert_eq!(unpacked, steps.iter().map(entry).collect::<Vec<_>>());
            for part in &parts {
                let first = unpack(&part.data).unwrap()[0];
                prop_assert_eq!(part.ts, first.ts);
                prop_assert!(part.data.len() < BYTES_PER_PART + 400);
            }
            // The fold of a long deployment goes on at the beginning of a part.
            let before = parts.iter().take(1).flat_map(|part| unpack(&part.data).unwrap()).count();
            prop_assert_eq!(&pack(steps[before..].iter().map(entry))[..], &parts[parts.len().min(1)..]);
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&data);
            data.insert(0, LAYOUT);
            let _ = unpack(&data);
        }

        #[test]
        fn what_is_cut_off_is_refused_or_shorter(steps in any_steps(), cut in any::<prop::sample::Index>()) {
            for part in pack(steps.iter().map(entry)) {
                let whole = unpack(&part.data).unwrap();
                let shorter = unpack(&part.data[..cut.index(part.data.len())]);
                prop_assert!(shorter.is_err() || shorter.unwrap()[..] != whole[..]);
            }
        }
    }
}
