//! `steps flush`.

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Url;

use super::setup;
use crate::client::{block_on, shown};
use crate::delivery::{Delivery, deliver};
use crate::error::Error;
use crate::flags::{ConnectionFlags, SpoolFlags};
use crate::settings::parse_server;
use crate::terminal;

/// The flags of `steps flush`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps flush
  steps flush --spool-dir /var/lib/ci/steps-spool
  steps flush --from http://old.example.com  # what waits for a mistyped server

Each step is recorded once, with the time at which it happened. Steps that the server refuses go to the file 'rejected' \
of the spool, with the reason.

Steps that wait for other servers are named, and stay where they are without --from.

Exit codes: 0 nothing waits any more, 1 the server could not be reached and steps still wait, 3 some were refused.")]
pub struct Args {
    /// Deliver what waits for this server to the present one instead
    #[arg(long, value_name = "OLD_URL", value_hint = clap::ValueHint::Url)]
    from: Option<String>,
    #[command(flatten)]
    spool: SpoolFlags,
}

/// Sends what waits.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { from, spool } = args;
    let settings = setup::settings(connection)?.with_flags(spool.values());
    let here = settings.server()?;
    let from = from.map(|text| parse_server(&text).map_err(|reason| Error::Usage(format!("--from {reason}"))));
    let from = from.transpose()?.unwrap_or_else(|| here.clone());
    let Some(spool) = setup::spool_of(&settings, &from)? else {
        return Err(Error::Usage("no spool is used here: see no_spool and spool_dir in 'steps config'".to_owned()));
    };
    let failed = |error| Error::Failed(format!("the spool in {}: {error}", spool.folder().display()));
    let (status, broken) = spool.survey();
    let waiting = status.steps;
    if let Some(error) = broken.filter(|_| waiting == 0) {
        return Err(failed(error));
    }
    let others = setup::spool(&settings)?.map_or_else(Vec::new, |own| own.others());
    if waiting == 0 {
        if others.is_empty() && from == here {
            return terminal::say("nothing waits");
        }
        terminal::say(format!("nothing waits for {}", spool.server()))?;
        tell(&others, &here);
        return Ok(());
    }
    let client = setup::client(&settings)?;
    let bar = ProgressBar::new(waiting);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} steps {eta} left") {
        bar.set_style(style);
    }
    let delivery = block_on(async { Ok(deliver(&spool, &client, None, |done| bar.set_position(done)).await) })?;
    bar.finish_and_clear();
    let Delivery { recorded, already_recorded, refused, warnings, error, .. } = delivery;
    warnings.iter().for_each(|warning| terminal::note(format!("warning: {warning}")));
    let delivered = recorded + already_recorded;
    let summary = format!("delivered {delivered} steps ({already_recorded} were there already), {refused} refused");
    if error.is_none() || delivered + refused > 0 {
        terminal::say(summary)?;
    }
    if let Some(error) = error {
        let left = spool.survey().0.steps;
        return Err(Error::Failed(format!("{error}; {left} steps wait on")));
    }
    spool.clear_away();
    let others: Vec<_> = others.into_iter().filter(|(server, _)| server != spool.server()).collect();
    tell(&others, &here);
    match refused {
        0 => Ok(()),
        _ => Err(Error::Refused(format!(
            "{refused} steps were refused; the lines above say why, and where they are set aside"
        ))),
    }
}

/// Names the other servers for which steps wait.
fn tell(others: &[(String, u64)], here: &Url) {
    for (server, count) in others {
        let steps = if *count == 1 { "1 step waits".to_owned() } else { format!("{count} steps wait") };
        let here = shown(here);
        terminal::note(format!("steps: {steps} for {server}; 'steps flush --from {server}' delivers to {here}"));
    }
}
