//! How much of what was recorded is not in the deployments yet.

use serde::{Deserialize, Serialize};

/// The answer of `GET /v1/projection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// How many changes wait to be folded into deployments; with `until`, only those up to that one.
    pub waiting: u64,
    /// The newest change that waits. Given as `until`, it tells how many of those that wait now are left.
    pub last: Option<i64>,
}
