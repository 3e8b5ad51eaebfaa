//! `steps include`.

use steps_shared::{IdPrefix, NewInclusion};

use super::exclude::{named, owner};
use super::setup;
use crate::client::block_on;
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::settings::Key;
use crate::terminal;

/// The flags of `steps include`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps include 0197a000-0000-7000-8000-000000000001
  steps deployments --component checkout --columns id,excluded")]
pub struct Args {
    /// The deployment's id, or the first eight digits of it and more
    #[arg(value_name = "DEPLOYMENT")]
    deployment: IdPrefix,
    /// Who says so [env: STEPS_OWNER] [default: the CI's user, else git's user.name, else the login]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
}

/// Takes an exclusion back.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { deployment, owner: given } = args;
    let settings = setup::settings(connection)?.with_flags([(Key::Owner, given)]);
    let new = NewInclusion { owner: owner(&settings)? };
    let client = setup::client(&settings)?;
    let included = block_on(async { Ok(client.include(client.deployment_id(deployment).await?, &new).await?) })?;
    terminal::say(format!("in figures again: {}", named(&included)))
}
