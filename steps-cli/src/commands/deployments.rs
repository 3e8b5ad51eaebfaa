//! `steps deployments`.

use steps_shared::view::deployments::table;
use steps_shared::{DeploymentColumn, ListQuery, Order};

use super::{listing, setup};
use crate::client::block_on;
use crate::error::Error;
use crate::flags::{ConnectionFlags, DeploymentFilterFlags, ListFlags, ZoneFlags, columns_help, listed};
use crate::settings::Key;

/// The flags of `steps deployments`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps deployments  # the newest 100, oldest first
  steps deployments --component checkout --since 7d
  steps deployments --outcome failed --since 30d --count
  steps deployments --min-duration 15m --order desc --limit 10
  steps deployments --format xlsx --output deployments.xlsx

--since and --until are of the start. The duration is empty where it is unknown: when a deployment was abandoned, \
or when only its end was recorded.

All filters must hold. They come from flags alone, never from STEPS_* variables or settings files."
)]
pub struct Args {
    #[command(flatten)]
    filter: DeploymentFilterFlags,
    #[command(flatten)]
    zone: ZoneFlags,
    #[arg(
        long, value_name = "A,B,…", value_delimiter = ',', value_parser = listed::<DeploymentColumn>(), hide_possible_values = true,
        help = columns_help::<DeploymentColumn>()
    )]
    columns: Vec<DeploymentColumn>,
    #[command(flatten)]
    list: ListFlags,
}

/// Lists deployments.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { filter, zone, columns, list } = args;
    let settings = setup::settings(connection)?.with_flags([(Key::Tz, zone.tz)]);
    let filter = filter.filter(settings.zone()?)?;
    let format = list.output.choose()?;
    let client = setup::client(&settings)?;
    let query = ListQuery { filter, order: Order::default(), limit: None, columns, format, safe: list.output.safe };
    block_on(listing::answer(&client, query, list, table))
}
