//! `steps flush`.

use indicatif::{ProgressBar, ProgressStyle};

use super::setup;
use crate::client::block_on;
use crate::delivery::{Delivery, deliver};
use crate::error::Error;
use crate::flags::{ConnectionFlags, SpoolFlags};
use crate::terminal;

/// The flags of `steps flush`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps flush
  steps flush --spool-dir /var/lib/ci/steps-spool

Each step is recorded once, with the time at which it happened. Steps that the server refuses go to the file 'rejected' \
of the spool, with the reason.

Exit codes: 0 nothing waits any more, 1 the server could not be reached and steps still wait, 3 some were refused.")]
pub struct Args {
    #[command(flatten)]
    spool: SpoolFlags,
}

/// Sends what waits.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let settings = setup::settings(connection)?.with_flags(args.spool.values());
    let Some(spool) = setup::spool(&settings)? else {
        return Err(Error::Usage("no spool is used here: see no_spool and spool_dir in 'steps config'".to_owned()));
    };
    let failed = |error| Error::Failed(format!("the spool in {}: {error}", spool.folder().display()));
    let waiting = spool.status().map_err(failed)?.steps;
    if waiting == 0 {
        return terminal::print("nothing waits\n");
    }
    let client = setup::client(&settings)?;
    let bar = ProgressBar::new(waiting);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} steps {eta} left") {
        bar.set_style(style);
    }
    let delivery = block_on(async { Ok(deliver(&spool, &client, None, |done| bar.set_position(done)).await) })?;
    bar.finish_and_clear();
    let Delivery { recorded, already_recorded, refused, warnings, error } = delivery;
    warnings.iter().for_each(|warning| terminal::note(format!("warning: {warning}")));
    let delivered = recorded + already_recorded;
    let summary = format!("delivered {delivered} steps ({already_recorded} were there already), {refused} refused\n");
    if error.is_none() || delivered + refused > 0 {
        terminal::print(summary)?;
    }
    if let Some(error) = error {
        let left = spool.status().map_err(failed)?.steps;
        return Err(Error::Failed(format!("{error}; {left} steps wait on")));
    }
    spool.clear_away();
    match refused {
        0 => Ok(()),
        _ => Err(Error::Refused(format!("{refused} steps were refused; see {}/rejected", spool.folder().display()))),
    }
}
