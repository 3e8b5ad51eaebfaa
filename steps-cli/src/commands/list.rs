//! `steps list`.

use steps_shared::view::steps::table;
use steps_shared::{ListFormat, ListQuery, Order, StepColumn, StepFilter, StepId};

use super::{listing, setup};
use crate::client::block_on;
use crate::error::Error;
use crate::flags::{ConnectionFlags, FilterFlags, ListFlags, ZoneFlags, columns_help, listed};
use crate::settings::Key;
use crate::terminal;
use crate::terminal::canvas::Canvas;
use crate::terminal::destination::Destination;
use crate::terminal::export::export;
use crate::terminal::table::lay_out;

/// The flags of `steps list`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps list  # the newest 100, oldest first
  steps list --component checkout --since 7d
  steps list --since 2026-01-05 --until '2026-01-05 18:00:00' --format csv
  steps list --format xlsx --output steps.xlsx
  steps list --status failed --since 30d --count
  steps list --columns status,ts,duration_seconds,exit_code
  steps list --id 0197a000-0000-7000-8000-000000000001 --format json

All filters must hold. They come from flags alone, never from STEPS_* variables or settings files."
)]
pub struct Args {
    #[command(flatten)]
    filter: FilterFlags,
    #[command(flatten)]
    zone: ZoneFlags,
    /// Only the step with this id
    #[arg(
        long, value_name = "UUID", value_parser = id, help_heading = "Filters",
        conflicts_with_all = [
            "component", "version", "owner", "status", "environment", "run", "since", "until", "limit", "order",
            "count",
        ]
    )]
    id: Option<StepId>,
    #[arg(
        long, value_name = "A,B,…", value_delimiter = ',', value_parser = listed::<StepColumn>(), hide_possible_values = true,
        help = columns_help::<StepColumn>()
    )]
    columns: Vec<StepColumn>,
    #[command(flatten)]
    list: ListFlags,
}

fn id(text: &str) -> Result<StepId, String> {
    text.parse().map_err(|_| format!("is not the id of a step: {text:?}; write 0197a000-0000-7000-8000-000000000001"))
}

/// Lists steps.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { filter, zone, id, columns, list } = args;
    let settings = setup::settings(connection)?.with_flags([(Key::Tz, zone.tz)]);
    let filter = filter.filter(settings.zone()?)?;
    let format = list.output.choose()?;
    let client = setup::client(&settings)?;
    block_on(async {
        match (id, format) {
            (Some(id), None) => {
                let response = client.one::<StepFilter>(id, ListFormat::Json, false, &[] as &[StepColumn]).await?;
                let table = table(&[listing::one(&client, response).await?], &columns);
                terminal::show(lay_out(&table, Canvas::of_format(list.output.is_markdown(), false)))
            }
            (Some(id), Some(format)) => {
                let destination = Destination::open(list.output.path())?;
                let safe = list.output.safe;
                let response = client.one::<StepFilter>(id, format, safe, &columns).await?;
                export(&client, response, format, destination).await.map(drop)
            }
            (None, format) => {
                let safe = list.output.safe;
                let query = ListQuery { filter, order: Order::default(), limit: None, columns, format, safe };
                listing::answer(&client, query, list, |steps, columns, _| table(steps, columns)).await
            }
        }
    })
}
