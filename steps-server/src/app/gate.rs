//! Whether commits are tried: while the database cannot write, one caller at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::RecordError;

/// How long the log is not told again that the database cannot write.
const QUIET: Duration = Duration::from_secs(60);

/// Open, or closed for a reason.
#[derive(Debug, Default)]
pub struct Gate {
    reason: RwLock<Option<String>>,
    /// When the log was last told that it closes: where only large commits find no room, it opens and closes all the time.
    told: Mutex<Option<Instant>>,
    /// Whether a caller tries.
    is_tried: AtomicBool,
}

/// A caller that has passed the gate.
#[derive(Debug)]
pub struct Entered<'a> {
    /// The closed gate that it tries.
    tries: Option<&'a AtomicBool>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(is_tried) = self.tries {
            is_tried.store(false, Ordering::Release);
        }
    }
}

impl Gate {
    /// Why it is closed.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.reason.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes it after a commit that failed.
    pub fn close(&self, reason: &str) {
        let before = self.reason.write().unwrap_or_else(PoisonError::into_inner).replace(reason.to_owned());
        if before.is_some() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| told.elapsed() < QUIET) {
            tracing::debug!("{reason}: closed again");
        } else {
            *told = Some(Instant::now());
            tracing::error!(
                "{reason}: recording is answered 503 at once, and the server is not ready, until a commit succeeds. Make room, \
                 or make it writable again; nothing has to be restarted"
            );
        }
    }

    /// Opens it after a commit.
    pub fn open(&self) {
        if self.reason.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            return;
        }
        if self.reason.write().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!("the database writes again; recording goes on");
        }
    }

    /// Says whether a caller may pass now.
    ///
    /// # Errors
    /// [`RecordError::Unwritable`]: it is closed, and another caller tries.
    pub fn check_room(&self) -> Result<(), RecordError> {
        match self.reason() {
            Some(reason) if self.is_tried.load(Ordering::Acquire) => Err(RecordError::Unwritable(reason)),
            _ => Ok(()),
        }
    }

    /// Passes the gate: everybody when it is open, and one caller at a time when it is closed.
    ///
    /// # Errors
    /// [`RecordError::Unwritable`]: it is closed, and another caller tries.
    pub fn enter(&self) -> Result<Entered<'_>, RecordError> {
        let Some(reason) = self.reason() else { return Ok(Entered { tries: None }) };
        match self.is_tried.swap(true, Ordering::AcqRel) {
            true => Err(RecordError::Unwritable(reason)),
            false => Ok(Entered { tries: Some(&self.is_tried) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_at_a_time_tries_a_closed_gate() {
        let gate = Gate::default();
        assert!(gate.enter().is_ok() && gate.enter().is_ok());
        gate.close("the disk is full");
        let first = gate.enter().unwrap();
        assert_eq!(gate.enter().unwrap_err(), RecordError::Unwritable("the disk is full".to_owned()));
        assert!(gate.check_room().is_err());
        drop(first);
        assert!(gate.check_room().is_ok());
        let again = gate.enter().unwrap();
        gate.open();
        assert!(gate.enter().is_ok() && gate.reason().is_none());
        drop(again);
    }
}
