//! `steps notes`.

use steps_shared::view::note::table;
use steps_shared::{Component, Environment, ListQuery, NoteColumn, NoteFilter, Order, Owner};

use super::{listing, setup};
use crate::client::block_on;
use crate::error::Error;
use crate::flags::{ConnectionFlags, ListFlags, TypedTime, ZoneFlags, bounds, columns_help, listed};
use crate::settings::Key;

/// The flags of `steps notes`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps notes  # the newest 100, oldest first
  steps notes checkout --since 90d
  steps notes --environment production --format csv

With --environment those are listed, too, that are of all environments. 'steps note --remove ID' removes one."
)]
pub struct Args {
    /// Only of this component
    #[arg(value_name = "COMPONENT")]
    component: Option<Component>,
    /// Only in this environment, or in all of them
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    environment: Option<Environment>,
    /// Only by this owner
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    owner: Option<Owner>,
    /// Only what was not over then: 2026-01-05 09:30, yesterday, monday, last month, or a span back from
    /// now such as 2h or 7d
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    since: Option<TypedTime>,
    /// Only what began then or earlier
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    until: Option<TypedTime>,
    #[command(flatten)]
    zone: ZoneFlags,
    #[arg(
        long, value_name = "A,B,…", value_delimiter = ',', value_parser = listed::<NoteColumn>(), hide_possible_values = true,
        help = columns_help::<NoteColumn>()
    )]
    columns: Vec<NoteColumn>,
    #[command(flatten)]
    list: ListFlags,
}

/// Lists notes.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { component, environment, owner, since, until, zone, columns, list } = args;
    let settings = setup::settings(connection)?.with_flags([(Key::Tz, zone.tz)]);
    let zone = settings.zone()?;
    let since = since.map(|since| since.bound("--since", zone)).transpose()?;
    let until = until.map(|until| until.bound("--until", zone)).transpose()?;
    let (since, until) = bounds(since, until)?;
    let filter = NoteFilter { component, environment, owner, since, until };
    let format = list.output.choose()?;
    let client = setup::client(&settings)?;
    let query = ListQuery { filter, order: Order::default(), limit: None, columns, format, safe: list.output.safe };
    block_on(listing::answer(&client, query, list, |notes, columns, _| table(notes, columns)))
}
