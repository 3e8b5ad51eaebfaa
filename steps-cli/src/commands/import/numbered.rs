//! Gives each row its id, so that steps of one time are in the order in which they happened.

use std::collections::{HashMap, VecDeque};
use std::io;

use steps_shared::{ImportIds, NewStep, Timestamp, When};

use super::read::{Row, Rows};

/// How many rows tell whether a file begins with the newest.
const LOOKED_AT: usize = 1000;

/// The rows of a file, each step with an id.
pub struct Numbered {
    rows: Rows,
    ids: ImportIds,
    /// Whether the newest step stands first: then rows of one time are in the reverse order. Not known at the beginning.
    newest_first: Option<bool>,
    /// Rows that were read and have no ids yet.
    waiting: VecDeque<Row>,
    /// Whether the file was read to its end.
    ended: bool,
    /// Why no more can be read.
    failed: Option<io::Error>,
    /// Rows that have their ids.
    ready: VecDeque<Row>,
}

impl Numbered {
    /// Numbers these rows.
    pub fn new(rows: Rows) -> Self {
        Self {
            rows,
            ids: ImportIds::default(),
            newest_first: None,
            waiting: VecDeque::new(),
            ended: false,
            failed: None,
            ready: VecDeque::new(),
        }
    }

    /// What is to be told of the columns, once.
    pub fn notes(&mut self) -> Vec<String> {
        self.rows.notes()
    }

    /// The next row.
    ///
    /// # Errors
    /// As [`Rows::next`], once everything before has been returned.
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        if let Some(row) = self.ready.pop_front() {
            return Ok(Some(row));
        }
        let newest_first = self.newest_first();
        let mut time = None;
        while self.look_ahead(1) {
            let Some((_, row)) = self.waiting.front() else { break };
            let next = row.as_ref().ok().and_then(began);
            if !self.ready.is_empty() && (!newest_first || (next.is_some() && time.is_some() && next != time)) {
                break;
            }
            time = time.or(next);
            self.ready.extend(self.waiting.pop_front());
        }
        let mut number = |(_, row): &mut Row| {
            if let Ok(step) = row
                && step.id.is_none()
                && let Some(ts) = began(step)
            {
                step.id = Some(self.ids.next(step, ts));
            }
        };
        if newest_first {
            self.ready.iter_mut().rev().for_each(&mut number);
        } else {
            self.ready.iter_mut().for_each(&mut number);
        }
        match self.ready.pop_front() {
            Some(row) => Ok(Some(row)),
            None => self.failed.take().map_or(Ok(None), Err),
        }
    }

    /// Whether the rows of each stream at the beginning of the file are never in the order of time, and in the reverse
    /// order somewhere.
    fn newest_first(&mut self) -> bool {
        if let Some(known) = self.newest_first {
            return known;
        }
        self.look_ahead(LOOKED_AT);
        let mut last = HashMap::new();
        let (mut forward, mut backward) = (false, false);
        for step in self.waiting.iter().filter_map(|(_, row)| row.as_ref().ok()) {
            let NewStep { component, environment, version, run, .. } = step;
            if let Some(ts) = began(step)
                && let Some(before) = last.insert((component, environment, version, run), ts)
            {
                forward |= before < ts;
                backward |= before > ts;
            }
        }
        *self.newest_first.insert(backward && !forward)
    }

    /// Reads until so many rows wait; says whether one does.
    fn look_ahead(&mut self, rows: usize) -> bool {
        while self.waiting.len() < rows && !self.ended {
            match self.rows.next() {
                Ok(Some(row)) => self.waiting.push_back(row),
                Ok(None) => self.ended = true,
                Err(error) => (self.ended, self.failed) = (true, Some(error)),
            }
        }
        !self.waiting.is_empty()
    }
}

fn began(step: &NewStep) -> Option<Timestamp> {
    match step.when {
        When::At(ts) => Some(ts),
        When::Ago(_) => None,
    }
}
