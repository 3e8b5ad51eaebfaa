//! Why a request was not fulfilled. Knows no statuses: HTTP maps it in one place.

use steps_shared::{FieldError, FieldErrors, IdPrefix, StepId, TokenId};

use super::recorder::RecordError;
use crate::store::StoreError;

/// Why a request was not fulfilled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields or parameters are missing or wrong.
    #[error(transparent)]
    Fields(#[from] FieldErrors),
    /// These fields name what the caller may not record.
    #[error("{0}")]
    Forbidden(FieldErrors),
    /// What was sent contradicts what is recorded.
    #[error("{}", .0.message)]
    Conflict(FieldError),
    /// No step has this id.
    #[error("no step has the id {0}")]
    NoSuchStep(StepId),
    /// No deployment has this id.
    #[error("no deployment has the id {0}; the id of a deployment is that of its first step")]
    NoSuchDeployment(StepId),
    /// No deployment has an id that begins so.
    #[error("no deployment has an id that begins with {0}")]
    NoDeploymentBeginsWith(IdPrefix),
    /// No deployment before this one succeeded.
    #[error("no deployment of this component in this environment succeeded before {0}; name the one to compare with")]
    NothingBefore(StepId),
    /// No note has this id.
    #[error("no note has the id {0}")]
    NoSuchNote(StepId),
    /// No token has this id.
    #[error("no token has the id {0}")]
    NoSuchToken(TokenId),
    /// The database can never store what was sent, for this reason.
    #[error("{0}")]
    Refused(String),
    /// The list has more rows than can be written.
    #[error("the list has more than {0} rows")]
    TooManyRows(u64),
    /// Nothing was recorded, and it may be tried again.
    #[error(transparent)]
    NotRecorded(#[from] RecordError),
    /// The database does not answer.
    #[error("the database does not answer; try again a little later")]
    Store(#[source] StoreError),
    /// Nothing can be recorded or read until somebody mends this, at the server.
    #[error("{0}; try again later")]
    OutOfOrder(String),
    /// The changes before the request were not folded within the deadline.
    #[error("deployments are still being computed from what was recorded last; try again a little later")]
    Behind,
    /// Every slot is taken, or the computation takes longer than the deadline.
    #[error("this takes too long to compute now; ask for a shorter time (since, replay), or again a little later")]
    Busy,
    /// So much of this, which stands in the plural, is under way that its turn did not come within the deadline.
    #[error("too many {0} are under way; ask again a little later")]
    BusyWith(&'static str),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// A fault of the server itself.
    #[error("the server failed: {0}")]
    Internal(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::BusyWith("reads"),
            StoreError::FileLost(problem) => Self::OutOfOrder(problem.to_string()),
            error @ (StoreError::Unwritable(_) | StoreError::ReadOnly(_)) => Self::OutOfOrder(error.to_string()),
            error => Self::Store(error),
        }
    }
}
