//! The steps that wait for one server, in one place or several: where the best may not be used, or its disk is full, the next one
//! has them.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::Url;
use steps_shared::NewStep;
use tokio::time::Instant;

use super::SpooledStep;
use super::place::{Asking, Attempt, Place, SpoolStatus};
use crate::clock::Now;
use crate::error::Error;

/// The places in which steps may wait for one server, the best first. There is at least one.
#[derive(Debug, Clone)]
pub struct Spool {
    first: Place,
    next: Vec<Place>,
}

impl Spool {
    /// The spool of `server` within folders, the best first, for at most `limit` bytes in each; `None` where there is no folder.
    /// Nothing is created or read yet.
    pub fn new(folders: &[PathBuf], server: &Url, limit: u64) -> Option<Self> {
        let mut places = folders.iter().map(|folder| Place::new(folder, server, limit));
        Some(Self { first: places.next()?, next: places.collect() })
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&self.first).chain(&self.next)
    }

    /// The folder of the best place.
    pub fn folder(&self) -> &Path {
        &self.first.folder
    }

    pub fn server(&self) -> &str {
        &self.first.server
    }

    /// Whether nothing waits. A best place that may not be used counts as one in which something does, so that it is told.
    pub fn is_empty(&self) -> bool {
        self.places().all(|place| self.is_empty_place(place))
    }

    pub(super) fn is_empty_place(&self, place: &Place) -> bool {
        // In the temporary folder others may have put what they like in the way.
        let is_first = place.folder == self.first.folder;
        !place.has_steps().unwrap_or(is_first)
    }

    /// Keeps steps that have their age at `now`, in the first place that takes them, and waits until `deadline` for other
    /// processes. They are on the disk when this returns. Says where, and why, where that is not the best place.
    ///
    /// # Errors
    /// As many wait as may, or no place takes them; then none of them is kept.
    pub fn keep(&self, steps: &[NewStep], now: &Now, deadline: Instant) -> Result<Option<String>, Error> {
        let lines: Result<String, Error> = steps.iter().map(|step| SpooledStep::new(step, now)?.to_line()).collect();
        let lines = lines?;
        let mut failures: Vec<String> = Vec::new();
        for place in self.places() {
            let folder = place.folder.display();
            let error = match place.append(lines.as_bytes(), deadline) {
                Ok(()) if failures.is_empty() => return Ok(None),
                Ok(()) => return Ok(Some(format!("{}; so it waits in {folder}", failures.join("; ")))),
                Err(error) => error,
            };
            failures.push(format!("it cannot be kept in {folder}: {error}"));
            if is_over_limit(&error) {
                break;
            }
        }
        Err(Error::Failed(failures.join("; ")))
    }

    /// What waits in all places that can be read, and why the best one cannot.
    pub fn survey(&self) -> (SpoolStatus, Option<io::Error>) {
        let others = self.next.iter().filter_map(|place| place.status().ok());
        let (first, error) = match self.first.status() {
            Ok(status) => (status, None),
            Err(error) => (SpoolStatus::default(), Some(error)),
        };
        (others.fold(first, SpoolStatus::plus), error)
    }

    /// The folders in which steps wait, beside the best place.
    pub fn elsewhere(&self) -> Vec<&Path> {
        let waits = |place: &&Place| place.has_steps().unwrap_or(false);
        self.next.iter().filter(waits).map(|place| place.folder.as_path()).collect()
    }

    /// The folder in which a step would be kept now that does not reach the server; `None` where there is none.
    pub fn keeps_in(&self) -> Option<&Path> {
        self.places().find(|place| place.is_writable()).map(|place| place.folder.as_path())
    }

    /// The other servers for which steps wait, and how many.
    pub fn others(&self) -> Vec<(String, u64)> {
        let mut others: Vec<(String, u64)> = self.places().flat_map(Place::others).collect();
        others.sort();
        others.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            kept.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        others
    }

    /// How many of the steps that wait are of such a component and environment.
    ///
    /// # Errors
    /// The best place may not be used.
    pub fn count_of(&self, is_wanted: impl Fn(&str, &str) -> bool) -> io::Result<u64> {
        let first = self.first.count_of(&is_wanted)?;
        Ok(self.next.iter().filter_map(|place| place.count_of(&is_wanted).ok()).fold(first, u64::saturating_add))
    }

    /// Whether to ask the server; `None` while it counts as away, or another process is asking it.
    pub fn attempt(&self) -> Option<Attempt> {
        let mut attempt = Attempt::default();
        for place in self.places() {
            match place.attempt() {
                Asking::Unmarked => {}
                Asking::Away => return None,
                Asking::Again(again) => attempt = again,
            }
        }
        Some(attempt)
    }

    /// Notes that the server does not answer.
    pub fn mark_away(&self) {
        // Where none can, the next process asks too.
        let _ = self.places().any(|place| place.mark_away().is_ok());
    }

    /// Notes that the server answers.
    pub fn clear_away(&self) {
        self.places().for_each(Place::clear_away);
    }
}

/// Whether it is not the disk that is full, but what the user allows.
fn is_over_limit(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StorageFull && error.raw_os_error().is_none()
}

impl SpoolStatus {
    fn plus(self, other: Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            bytes: self.bytes + other.bytes,
            oldest: self.oldest.max(other.oldest),
            rejected: self.rejected + other.rejected,
            torn: self.torn + other.torn,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_next_place_takes_what_the_best_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (blocked, temporary) = (folder.path().join("file/spool"), folder.path().join("temporary"));
        fs::write(folder.path().join("file"), "").unwrap();
        let spool = Spool::new(&[blocked, temporary.clone()], &"http://h".parse().unwrap(), 600).unwrap();
        let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];
        let steps = [NewStep::from_fields(fields).unwrap()];
        let deadline = Instant::now() + Duration::from_secs(60);
        let told = spool.keep(&steps, &Now::read(), deadline).unwrap().unwrap();
        assert!(told.contains("file/spool") && told.contains("so it waits in") && told.contains("temporary"), "{told}");
        assert_eq!(spool.survey().0.steps, 1);
        assert!(!spool.is_empty() && spool.elsewhere()[0].starts_with(&temporary));
        assert_eq!(spool.keeps_in(), Some(spool.elsewhere()[0]));
        // What the user allows is a limit everywhere.
        let full = (0..9).find_map(|_| spool.keep(&steps, &Now::read(), deadline).err()).unwrap();
        assert!(full.to_string().contains("--spool-limit allows 600"), "{full}");
    }
}
