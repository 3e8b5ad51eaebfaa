//! The newest events, in memory: what most readers are told of.

use std::collections::VecDeque;
use std::sync::Arc;

use super::reader::Told;
use crate::store::Place;

/// The most events, and the most bytes of them.
const EVENTS: usize = 4096;
const BYTES: usize = 8 * 1024 * 1024;

/// The newest events of the log without a gap: all behind `from`, up to `end`.
#[derive(Debug, Default)]
pub struct Ring {
    events: VecDeque<Arc<Told>>,
    bytes: usize,
    /// `None` while nobody watches.
    bounds: Option<(Place, Place)>,
}

/// What comes behind a place.
#[derive(Debug, PartialEq, Eq)]
pub enum Behind {
    /// These events. Those before them are others' alone.
    Events(Vec<Arc<Told>>),
    /// It is not here any more.
    Gone,
}

impl Ring {
    /// Begins empty, where the log ends.
    pub fn begin(&mut self, end: Place) {
        self.forget();
        self.bounds = Some((end, end));
    }

    /// Forgets everything: nobody watches.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Up to where it has been read.
    pub fn end(&self) -> Option<Place> {
        self.bounds.map(|(_, end)| end)
    }

    /// Behind where it has everything.
    pub fn start(&self) -> Option<Place> {
        self.bounds.map(|(start, _)| start)
    }

    /// Adds what comes next in the log, up to `end`.
    pub fn add(&mut self, events: impl IntoIterator<Item = Arc<Told>>, end: Place) {
        let Some((from, last)) = &mut self.bounds else { return };
        for told in events {
            self.bytes += told.size();
            self.events.push_back(told);
            while self.events.len() > EVENTS || self.bytes > BYTES {
                let Some(first) = self.events.pop_front() else { break };
                self.bytes -= first.size();
                *from = first.place;
            }
        }
        *last = end;
    }

    /// The next events behind a place, at most so many; nothing where it is as far as this, or further.
    pub fn behind(&self, place: Place, most: usize) -> Behind {
        let Some((from, _)) = self.bounds else { return Behind::Gone };
        if place < from {
            return Behind::Gone;
        }
        let first = self.events.partition_point(|told| told.place <= place);
        Behind::Events(self.events.iter().skip(first).take(most).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use steps_shared::{Event, Reset};

    use super::super::ids::Ids;
    use super::*;

    fn told(seq: i64) -> Arc<Told> {
        let reset = Event::Reset(Reset { reason: "a test".to_owned() });
        Arc::new(Told::new(&Ids::new(b"a"), place(seq), reset).unwrap())
    }

    fn place(seq: i64) -> Place {
        Place { batch: 1, seq }
    }

    #[test]
    fn it_holds_the_newest_and_says_what_is_gone() {
        let mut ring = Ring::default();
        assert_eq!(ring.behind(place(0), 10), Behind::Gone);
        ring.add([told(1)], place(1));
        assert_eq!(ring.end(), None);
        ring.begin(place(10));
        assert_eq!((ring.behind(place(9), 10), ring.behind(place(10), 10)), (Behind::Gone, Behind::Events(Vec::new())));
        ring.add([told(11), told(13)], place(14));
        assert_eq!(ring.behind(place(10), 1), Behind::Events(vec![told(11)]));
        assert_eq!(ring.behind(place(11), 10), Behind::Events(vec![told(13)]));
        // It was reset on another server, which has read further.
        assert_eq!((ring.behind(place(20), 10), ring.end()), (Behind::Events(Vec::new()), Some(place(14))));
        let many = i64::try_from(EVENTS).unwrap() + 20;
        ring.add((20..many).map(told), place(many));
        assert_eq!((ring.events.len(), ring.behind(place(10), 1)), (EVENTS, Behind::Gone));
        let bytes: usize = ring.events.iter().map(|told| told.size()).sum();
        assert_eq!(ring.bytes, bytes);
    }
}
