//! Reading for a caller: every query of a [`Reader`] is restricted to what the caller may see.

use steps_shared::Timestamp;

use super::Store;

/// What a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// All of it.
    Everything,
}

/// Reads what its caller may see.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) store: Store,
    pub(super) access: Access,
    /// What is running depends on when it is looked at.
    pub(super) now: Timestamp,
}

impl Store {
    /// Reads for a caller, at this time.
    #[must_use]
    pub fn reader(&self, access: &Access, now: Timestamp) -> Reader {
        Reader { store: self.clone(), access: access.clone(), now }
    }
}
