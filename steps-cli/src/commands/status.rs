//! `steps status`.

use std::time::Instant;

use reqwest::StatusCode;
use steps_shared::{CallerKind, CurrentCaller};

use super::setup;
use crate::client::{RequestError, block_on, shown};
use crate::credentials::TokenSource;
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
    #[command(flatten)]
    output: pairs::PairsFlags,
}

/// Shows whether the server is there, and what waits for it; returns the exit code.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<u8, Error> {
    let Args { spool, output } = args;
    output.choose()?;
    let settings = setup::settings(connection)?.with_flags(spool.values());
    let client = setup::client(&settings)?;
    let begun = Instant::now();
    let (ready, took, caller) = block_on(async {
        let ready = client.ready().await;
        let took = begun.elapsed();
        let caller = if ready.is_ok() { Some(client.current_caller().await) } else { None };
        Ok((ready, took, caller))
    })?;
    let (state, version, code) = match ready {
        Ok(version) => (format!("ready, in {:.1} ms", took.as_secs_f64() * 1e3), version, exit::DONE),
        Err(error) => (error.to_string(), None, exit::FAILED),
    };
    let mut rows = vec![
        ("server", shown(&settings.server()?)),
        ("state", state),
        ("version", version.unwrap_or_else(|| "unknown".to_owned())),
        ("authentication", authentication(client.token(), caller)),
    ];
    match setup::spool(&settings)? {
        None => rows.push(("spool", "none".to_owned())),
        Some(spool) => {
            let (status, broken) = spool.survey();
            let mut places = vec![spool.folder().display().to_string()];
            if let Some(error) = broken {
                places[0] += &format!(" ({error})");
            }
            places.extend(spool.elsewhere().into_iter().map(|folder| folder.display().to_string()));
            rows.extend([
                ("spool", places.join(", ")),
                ("waiting", status.steps.to_string()),
                ("waiting_bytes", status.bytes.to_string()),
                ("oldest_seconds", status.oldest.map_or_else(String::new, |waited| waited.as_secs().to_string())),
                ("rejected", status.rejected.to_string()),
                ("torn", status.torn.to_string()),
                ("waiting_elsewhere", elsewhere(&spool)),
            ]);
        }
    }
    pairs::print(&rows, output)?;
    Ok(code)
}

/// Which token is sent, and whom the server takes its sender for.
fn authentication(token: Option<&TokenSource>, caller: Option<Result<CurrentCaller, RequestError>>) -> String {
    let sent = token.map_or_else(|| "no token".to_owned(), ToString::to_string);
    match caller {
        None => sent,
        Some(Ok(CurrentCaller { kind: CallerKind::Anonymous, scopes, .. })) => {
            format!("{sent}; the server lets everybody {scopes}")
        }
        Some(Ok(CurrentCaller { name, scopes, .. })) => format!("{sent}: {name} ({scopes})"),
        Some(Err(error)) if error.status == Some(StatusCode::NOT_FOUND) => {
            format!("{sent}; this server knows no tokens")
        }
        Some(Err(error)) => format!("{sent}: {}", error.error),
    }
}

/// The other servers for which steps wait.
fn elsewhere(spool: &Spool) -> String {
    let others = spool.others().into_iter().map(|(server, count)| format!("{count} for {server}"));
    others.collect::<Vec<_>>().join(", ")
}
