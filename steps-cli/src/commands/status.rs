//! `steps status`.

use std::time::Instant;

use super::setup;
use crate::client::{block_on, shown};
use crate::delivery::Spool;
use crate::error::Error;
use crate::exit;
use crate::flags::{ConnectionFlags, SpoolFlags};
use crate::terminal::pairs;

/// The flags of `steps status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps status
  steps status --format json

'waiting_elsewhere' names other servers for which steps wait; 'steps flush --from' delivers them here.

Exit codes: 0 the server can record, 1 it cannot or is not reached.")]
pub struct Args {
    #[command(flatten)]
    spool: SpoolFlags,
    /// How it is printed [default: a table on a terminal, else csv]
    #[arg(long, value_name = "FORMAT")]
    format: Option<pairs::PairsFormat>,
}

/// Shows whether the server is there, and what waits for it; returns the exit code.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<u8, Error> {
    let Args { spool, format } = args;
    let settings = setup::settings(connection)?.with_flags(spool.values());
    let client = setup::client(&settings)?;
    let begun = Instant::now();
    let ready = block_on(async { Ok(client.ready().await) })?;
    let took = begun.elapsed();
    let (state, version, code) = match ready {
        Ok(version) => (format!("ready, in {:.1} ms", took.as_secs_f64() * 1e3), version, exit::DONE),
        Err(error) => (error.to_string(), None, exit::FAILED),
    };
    let mut rows = vec![
        ("server", shown(&settings.server()?)),
        ("state", state),
        ("version", version.unwrap_or_else(|| "unknown".to_owned())),
        ("authentication", "none".to_owned()),
    ];
    match setup::spool(&settings)? {
        None => rows.push(("spool", "none".to_owned())),
        Some(spool) => {
            let status = spool.status();
            let status = status.map_err(|error| Error::Failed(format!("{}: {error}", spool.folder().display())))?;
            rows.extend([
                ("spool", spool.folder().display().to_string()),
                ("waiting", status.steps.to_string()),
                ("waiting_bytes", status.bytes.to_string()),
                ("oldest_seconds", status.oldest.map_or_else(String::new, |waited| waited.as_secs().to_string())),
                ("rejected", status.rejected.to_string()),
                ("torn", status.torn.to_string()),
                ("waiting_elsewhere", elsewhere(&spool)),
            ]);
        }
    }
    pairs::print(&rows, format)?;
    Ok(code)
}

/// The other servers for which steps wait.
fn elsewhere(spool: &Spool) -> String {
    let others = spool.others().into_iter().map(|(server, count)| format!("{count} for {server}"));
    others.collect::<Vec<_>>().join(", ")
}
