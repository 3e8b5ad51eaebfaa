//! `steps stats`.

use steps_shared::view::stats::table;
use steps_shared::{GroupBy, ListFormat, StatsAnswer, StatsQuery};

use super::{listing, nothing, setup};
use crate::client::block_on;
use crate::error::Error;
use crate::flags::{ConnectionFlags, DeploymentFilterFlags, OutputFlags, listed};
use crate::settings::Key;
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
  steps stats                                        # each component
  steps stats --component checkout --by week --since 12w
  steps stats --by component,environment --since 90d
  steps stats --component checkout --by version --since 30d
  steps stats --component checkout --by status       # which step takes the time
  steps stats --component checkout --by status,version --since 30d
  steps stats --by month --tz Europe/Berlin --format xlsx --output months.xlsx

Only successful deployments count for the durations; the others are counted apart. The failure rate is failed of those \
that succeeded or failed. --by status is of steps rather than of deployments: a step failed if its command did, or if it \
was the open one when its deployment failed. Excluded deployments and partial retries count nowhere.

Percentiles are by linear interpolation between the two nearest values: definition 7 of Hyndman and Fan (1996), \
the default of NumPy, and PERCENTILE_CONT of SQL.

A deployment belongs to the day, week and month that it started in. A week is named by its Monday (ISO 8601). Those \
without deployments have a row too, from --since or the first deployment on; until --until, until now with --since, \
or until the last deployment.

Work, waiting (only statuses such as queued or approval were open) and gaps (no step was open) are means; they add up \
to the mean duration. With --exclude-waiting the durations are without waiting.

All filters must hold. They come from flags alone, never from STEPS_* variables or settings files."
)]
pub struct Args {
    /// The groups: component, status, owner, environment, day, week, month, version, run or outcome; several combine
    #[arg(
        long, value_name = "A,B,…", value_delimiter = ',', default_value = "component",
        value_parser = listed::<GroupBy>(), hide_possible_values = true
    )]
    by: Vec<GroupBy>,
    /// The time zone of days, weeks and months, and of dates, such as Europe/Berlin [env: STEPS_TZ] [default: UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Durations without the time in which only waiting statuses were open
    #[arg(long)]
    exclude_waiting: bool,
    #[command(flatten)]
    filter: DeploymentFilterFlags,
    #[command(flatten)]
    output: OutputFlags,
}

/// Shows statistics.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { by, tz, exclude_waiting, filter, output: place } = args;
    let settings = setup::settings(connection)?.with_flags([(Key::Tz, tz)]);
    let zone = settings.zone()?;
    let filter = filter.filter(zone)?;
    let format = place.choose()?;
    let client = setup::client(&settings)?;
    let tz = zone.name().parse().unwrap_or_default();
    let safe = place.safe;
    let has_window = filter.base.since.is_some() || filter.base.until.is_some();
    let query = StatsQuery { filter, by, tz, exclude_waiting, format: Some(format.unwrap_or(ListFormat::Json)), safe };
    block_on(async {
        if let Some(format) = format {
            let destination = Destination::open(place.path())?;
            if export(&client, client.stats(&query).await?, format, destination).await?.is_empty() {
                nothing::explain(&client, &query.filter, has_window).await;
            }
            return Ok(());
        }
        let answer: StatsAnswer = listing::one(&client, client.stats(&query).await?).await?;
        if answer.stats.is_empty() {
            terminal::note("no deployments");
            nothing::explain(&client, &query.filter, has_window).await;
            return Ok(());
        }
        terminal::show(lay_out(&table(&answer), Canvas::of_format(place.is_markdown(), false)))
    })
}
