//! `steps exclude`.

use steps_shared::{Deployment, IdPrefix, NewExclusion, Owner, Reason};

use super::setup;
use crate::client::block_on;
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::settings::{Key, Settings};
use crate::terminal;

/// The flags of `steps exclude`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps exclude 0197a000-0000-7000-8000-000000000001 --reason 'a test'
  steps deployments --component checkout --columns id,version,excluded

The deployment and its steps stay, and are listed and shown with the reason. It is left out of statistics, trends, \
checks, baselines and usual times. Said again it replaces the reason; 'steps include' takes it back.")]
pub struct Args {
    /// The deployment's id, or the first eight digits of it and more
    #[arg(value_name = "DEPLOYMENT")]
    deployment: IdPrefix,
    /// Why, for those who see it in lists
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
    /// Who says so [env: STEPS_OWNER] [default: the CI's user, else git's user.name, else the login]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
}

/// Leaves a deployment out of every figure.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { deployment, reason, owner } = args;
    let settings = setup::settings(connection)?.with_flags([(Key::Owner, owner)]);
    let new = NewExclusion { reason, owner: self::owner(&settings)? };
    let client = setup::client(&settings)?;
    let excluded = block_on(async { Ok(client.exclude(client.deployment_id(deployment).await?, &new).await?) })?;
    terminal::say(format!("left out of every figure: {} ({})", named(&excluded), new.reason))
}

/// Who excludes or includes.
pub(super) fn owner(settings: &Settings) -> Result<Owner, Error> {
    let found = settings.find(Key::Owner);
    let found = found.ok_or_else(|| Error::Usage(format!("the owner is missing: {}", Key::Owner.ways())))?;
    found.value.parse().map_err(|error| Error::Usage(format!("owner {error} (from {})", found.source)))
}

/// `checkout 4.2.0 in production of 2026-01-05 09:30:00 UTC`.
pub(super) fn named(deployment: &Deployment) -> String {
    let Deployment { component, version, environment, started_at, .. } = deployment;
    format!("{component} {version} in {environment} of {} UTC", started_at.to_seconds_text())
}
