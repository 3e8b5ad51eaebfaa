//! How the deployments of a day, of one component in one environment, are packed into bytes for figures.
//!
//! `data` begins with the version of the layout, the number of owners and the owners. Then, for each deployment in order: a byte
//! of flags with the outcome, when it began (microseconds since the one before; of the first one since 1970), which owner, and
//! those of its duration, waiting, gaps and `open_until` (since it began) that the flags say. `ids` has 16 bytes for each,
//! apart, because statistics need none. Another layout needs a migration that sets `days.state` to 1.

use std::collections::HashMap;

use steps_shared::DeploymentOutcome;
use uuid::Uuid;

use super::packing::{Corrupt, push, push_text, take, take_text, unzigzag, zigzag};

const LAYOUT: u8 = 1;

const OUTCOMES: [DeploymentOutcome; 5] = [
    DeploymentOutcome::Succeeded,
    DeploymentOutcome::Failed,
    DeploymentOutcome::Running,
    DeploymentOutcome::Abandoned,
    DeploymentOutcome::Cancelled,
];
const OUTCOME: u8 = 7;
const DURATION: u8 = 8;
const WAITING: u8 = 16;
const GAPS: u8 = 32;
const OPEN: u8 = 64;

/// A deployment as figures need it. Times are microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// The identity; nil where it was not asked for.
    pub id: Uuid,
    /// Since 1970.
    pub started_at: i64,
    /// Which of the owners began it.
    pub owner: usize,
    /// How it ended, or will have ended at `open_until`.
    pub outcome: DeploymentOutcome,
    /// It is running before this moment; 0 where its end is certain.
    pub open_until: i64,
    pub duration: Option<i64>,
    /// How long only waiting statuses were open.
    pub waiting: Option<i64>,
    /// How long no step was open.
    pub gaps: Option<i64>,
}

/// Deployments of one component in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Day {
    pub owners: Vec<String>,
    pub figures: Vec<Figure>,
}

/// A packed day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    pub data: Vec<u8>,
    pub ids: Vec<u8>,
}

/// Gathers a day.
#[derive(Debug, Default)]
pub struct Gathering {
    day: Day,
    owners: HashMap<String, usize>,
}

impl Gathering {
    /// Adds a deployment; `figure.owner` becomes that of the name.
    pub fn add(&mut self, owner: String, figure: Figure) {
        let next = self.owners.len();
        let owner = *self.owners.entry(owner).or_insert_with_key(|owner| {
            self.day.owners.push(owner.clone());
            next
        });
        self.day.figures.push(Figure { owner, ..figure });
    }

    pub fn finish(self) -> Day {
        self.day
    }
}

impl Day {
    pub fn pack(&self) -> Packed {
        let mut packed = Packed { data: vec![LAYOUT], ids: Vec::with_capacity(self.figures.len() * 16) };
        let data = &mut packed.data;
        push(data, self.owners.len() as u64);
        self.owners.iter().for_each(|owner| push_text(data, owner));
        let mut before = 0;
        for figure in &self.figures {
            let Figure { id, started_at, owner, outcome, open_until, duration, waiting, gaps } = *figure;
            let open = Some(open_until.wrapping_sub(started_at)).filter(|_| open_until != 0);
            let times = [(DURATION, duration), (WAITING, waiting), (GAPS, gaps), (OPEN, open)];
            let outcome = OUTCOMES.iter().position(|known| *known == outcome).unwrap_or_default() as u8;
            data.push(times.iter().filter(|(_, time)| time.is_some()).fold(outcome, |flags, (flag, _)| flags | flag));
            push(data, zigzag(started_at.wrapping_sub(before)));
            push(data, owner as u64);
            times.into_iter().filter_map(|(_, time)| time).for_each(|time| push(data, zigzag(time)));
            packed.ids.extend(id.as_bytes());
            before = started_at;
        }
        packed
    }

    /// The deployments, in order; with their ids where `ids` are given.
    pub fn unpack(data: &[u8], ids: Option<&[u8]>) -> Result<Self, Corrupt> {
        let (&layout, mut rest) = data.split_first().ok_or(Corrupt)?;
        if layout != LAYOUT {
            return Err(Corrupt);
        }
        let mut day = Self::default();
        for _ in 0..take(&mut rest)? {
            day.owners.push(take_text(&mut rest)?.to_owned());
        }
        let mut ids = ids.map(|ids| ids.chunks_exact(16));
        let mut before = 0_i64;
        while let Some((&flags, after)) = rest.split_first() {
            rest = after;
            let started_at = before.wrapping_add(unzigzag(take(&mut rest)?));
            let owner = usize::try_from(take(&mut rest)?).map_err(|_| Corrupt)?;
            let mut time = |flag| match flags & flag {
                0 => Ok(None),
                _ => Ok(Some(unzigzag(take(&mut rest)?))),
            };
            let (duration, waiting, gaps, open) = (time(DURATION)?, time(WAITING)?, time(GAPS)?, time(OPEN)?);
            let id = match &mut ids {
                Some(ids) => Uuid::from_slice(ids.next().ok_or(Corrupt)?).map_err(|_| Corrupt)?,
                None => Uuid::nil(),
            };
            let outcome = *OUTCOMES.get(usize::from(flags & OUTCOME)).ok_or(Corrupt)?;
            if owner >= day.owners.len() {
                return Err(Corrupt);
            }
            let open_until = open.map_or(0, |open| started_at.wrapping_add(open));
            day.figures.push(Figure { id, started_at, owner, outcome, open_until, duration, waiting, gaps });
            before = started_at;
        }
        Ok(day)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_day() -> impl Strategy<Value = Day> {
        let time = || prop_oneof![any::<Option<i64>>(), (0..10_000_000_000_i64).prop_map(Some)];
        let open = prop_oneof![Just(0), any::<i64>()];
        let figure = (any::<u128>(), any::<i64>(), "[a-c]|\\PC{0,40}", 0..5_usize, open, [time(), time(), time()]);
        prop::collection::vec(figure, 0..60).prop_map(|figures| {
            let mut day = Gathering::default();
            for (id, started_at, owner, outcome, open_until, [duration, waiting, gaps]) in figures {
                let (id, outcome) = (Uuid::from_u128(id), OUTCOMES[outcome]);
                day.add(owner, Figure { id, started_at, owner: 0, outcome, open_until, duration, waiting, gaps });
            }
            day.finish()
        })
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(day in any_day()) {
            let Packed { data, ids } = day.pack();
            prop_assert_eq!(&Day::unpack(&data, Some(&ids)).unwrap(), &day);
            let without = Day::unpack(&data, None).unwrap();
            let nil = |figure: &Figure| Figure { id: Uuid::nil(), ..*figure };
            prop_assert_eq!(without.figures, day.figures.iter().map(nil).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut data in prop::collection::vec(any::<u8>(), 0..200), ids in any::<Option<Vec<u8>>>()) {
            let _ = Day::unpack(&data, ids.as_deref());
            data.insert(0, LAYOUT);
            let _ = Day::unpack(&data, ids.as_deref());
        }
    }
}
