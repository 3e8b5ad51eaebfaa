//! Threads that compute give way to the one that serves.

/// Gives the calling thread a lower priority.
pub fn give_way() {
    if let Err(error) = rustix::process::nice(10) {
        tracing::debug!(%error, "a thread keeps its priority");
    }
}
