//! File descriptors: as many as the system gives, and some kept for the database and the log.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for the log, workbooks, and what the runtime opens.
const OTHERS: u64 = 64;
/// An open SQLite file takes three: the file, its WAL and the WAL's index; some are opened while others are being closed.
const OF_DATABASE_CONNECTION: u64 = 4;
/// Connections to the database besides those for reading.
const WRITERS: u64 = 8;

/// Raises the limit of this process as far as it may, and says how many clients' connections fit within it.
pub fn raise(wanted: u32, database_connections: u32) -> u32 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            current
        }
    };
    // No limit is no number.
    let Some(files) = raised else { return wanted };
    let reserve = OTHERS + OF_DATABASE_CONNECTION * (WRITERS + u64::from(database_connections));
    let fit = u32::try_from(files.saturating_sub(reserve).max(1)).unwrap_or(u32::MAX);
    if fit < wanted {
        tracing::warn!(
            files,
            wanted,
            connections = fit,
            "the system's limit of open files allows fewer connections (ulimit -n)"
        );
    }
    fit.min(wanted)
}
