//! `steps stats`.

use steps_shared::view::stats::table;
use steps_shared::{GroupBy, ListFormat, StatsAnswer, StatsQuery, TimeZone};

use super::{listing, setup};
use crate::client::block_on;
use crate::error::Error;
use crate::flags::{ConnectionFlags, DeploymentFilterFlags, OutputFlags, listed};
use crate::terminal;
use crate::terminal::canvas::Canvas;
use crate::terminal::destination::Destination;
use crate::terminal::export::export;
use crate::terminal::table::lay_out;

/// The flags of `steps stats`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps stats                                        each component
  steps stats --component checkout --by week --since 12w
  steps stats --by component,environment --since 90d
  steps stats --component checkout --by status       which step takes the time
  steps stats --by month --tz Europe/Berlin --format xlsx --output months.xlsx

Only successful deployments count for the durations; failed, running and abandoned ones are counted apart. The \
failure rate is failed of those that ended. --by status is of steps rather than of deployments.

Percentiles are by linear interpolation between the two nearest values: definition 7 of Hyndman and Fan (1996), \
the default of NumPy, and PERCENTILE_CONT of SQL.

A deployment belongs to the day, week and month that it started in. A week is named by its Monday (ISO 8601).

All filters must hold. They come from flags alone, never from STEPS_* variables or settings files."
)]
pub struct Args {
    /// The groups: component, status, owner, environment, day, week or month; several combine
    #[arg(
        long, value_name = "A,B,…", value_delimiter = ',', default_value = "component",
        value_parser = listed::<GroupBy>
    )]
    by: Vec<GroupBy>,
    /// The time zone of days, weeks and months, such as Europe/Berlin
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: TimeZone,
    #[command(flatten)]
    filter: DeploymentFilterFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// Shows statistics.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { by, tz, filter, output: place } = args;
    let filter = filter.filter()?;
    let format = place.choose()?;
    let client = setup::client(&setup::settings(connection)?)?;
    let query = StatsQuery { filter, by, tz, format: Some(format.unwrap_or(ListFormat::Json)) };
    block_on(async {
        if let Some(format) = format {
            let destination = Destination::open(place.path())?;
            return export(&client, client.stats(&query).await?, format, destination).await;
        }
        let answer: StatsAnswer = listing::one(&client, client.stats(&query).await?).await?;
        if answer.stats.is_empty() {
            terminal::note("no deployments");
            return Ok(());
        }
        terminal::show(lay_out(&table(&answer), Canvas::of_output(false)))
    })
}
