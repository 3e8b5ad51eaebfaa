//! `steps logout`.

use super::setup;
use crate::credentials::{Entry, Origin, Store};
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::terminal;

/// The flags of `steps logout`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps logout
  steps logout --server https://steps.example.com
  steps logout --all

The token stays valid on the server; 'steps token revoke' ends it.")]
pub struct Args {
    /// Forget the tokens of all servers
    #[arg(long)]
    all: bool,
}

/// Forgets what `steps login` stored.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let origin = Origin::of(&setup::settings(connection)?.server()?);
    let removed = Store::remove(|entry| args.all || entry.url == origin.as_str())?;
    for Entry { url, name, .. } in &removed {
        terminal::say(format!("the token {name} for {url} is forgotten here; the server still accepts it"))?;
    }
    match removed.is_empty() {
        true if args.all => terminal::say("no token is stored"),
        true => terminal::say(format!("no token is stored for {origin}")),
        false => Ok(()),
    }
}
