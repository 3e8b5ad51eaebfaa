//! `steps list`.

use std::path::{Path, PathBuf};

use clap::{ValueEnum, ValueHint, value_parser};
use reqwest::Response;
use steps_shared::{
    Column, Component, Environment, Format, ListQuery, Order, Owner, Run, Status, Step, StepFilter, StepId, Version,
};

use crate::args::Connection;
use crate::client::{Client, Count, block_on};
use crate::error::Error;
use crate::output::destination::Destination;
use crate::output::export::export;
use crate::output::{self, table};
use crate::settings::Sources;
use crate::time::{self, Bound};

/// How many steps a table shows by itself.
const TABLE_ROWS: u64 = 100;

/// The flags of `steps list`. What is listed is chosen by flags alone: a `STEPS_COMPONENT` that is set for
/// recording must not hide steps.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps list                                         the newest 100, oldest first
  steps list --component checkout --since 7d
  steps list --since 2026-01-05 --until '2026-01-05 18:00:00' --format csv
  steps list --format xlsx --output steps.xlsx
  steps list --status failed --since 30d --count
  steps list --id 0197a000-0000-7000-8000-000000000001 --format json

All filters must hold. They come from flags alone, never from STEPS_* variables or settings files."
)]
pub struct Args {
    /// Only steps of this component
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    component: Option<Component>,
    /// Only steps of this version
    #[arg(long, value_name = "VERSION", help_heading = "Filters")]
    version: Option<Version>,
    /// Only steps of this owner
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    owner: Option<Owner>,
    /// Only steps with this status
    #[arg(long, value_name = "STATUS", help_heading = "Filters")]
    status: Option<Status>,
    /// Only steps in this environment
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    environment: Option<Environment>,
    /// Only steps of this CI run
    #[arg(long, value_name = "RUN", help_heading = "Filters")]
    run: Option<Run>,
    /// Only steps that began then or later: a time, a date (UTC), or a span back from now such as 2h or 7d
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    since: Option<Bound>,
    /// Only steps that began then or earlier; a whole second is included, a date alone is its midnight
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    until: Option<Bound>,
    /// Only the step with this identity
    #[arg(
        long, value_name = "UUID", value_parser = str::parse::<StepId>, help_heading = "Filters",
        conflicts_with_all = [
            "component", "version", "owner", "status", "environment", "run", "since", "until", "limit", "order",
        ]
    )]
    id: Option<StepId>,
    /// At most so many steps: of a table the newest, of an export the first; --order chooses for both
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..=i64::MAX as u64))]
    limit: Option<u64>,
    /// The oldest first (asc), or the newest (desc) [default: asc]
    #[arg(long, value_name = "asc|desc", value_parser = str::parse::<Order>)]
    order: Option<Order>,
    /// Only these columns, in this order: component, version, owner, status, ts, environment, run, id, started_at
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', value_parser = column)]
    columns: Vec<Column>,
    /// How the steps are written [default: by the name of --output; else a table on a terminal, csv when piped]
    #[arg(long, value_name = "FORMAT")]
    format: Option<ListFormat>,
    /// Write to this file, which appears when it is complete
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Print how many steps there are, and nothing else
    #[arg(long, conflicts_with_all = ["id", "limit", "order", "columns", "format", "output"])]
    count: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// Columns to read; the newest 100 unless --limit says otherwise
    Table,
    /// RFC 4180 with a header, and the line ends of the shell's tools
    Csv,
    /// One document
    Json,
    /// One JSON object a line
    Jsonl,
    /// An Excel workbook
    Xlsx,
}

fn column(text: &str) -> Result<Column, String> {
    text.trim().parse()
}

/// Lists steps.
pub fn run(args: Args, connection: &Connection) -> Result<(), Error> {
    let Args { component, version, owner, status, environment, run, since, until, .. } = args;
    let (since, until) = bounds(since, until)?;
    let filter = StepFilter { component, version, owner, status, environment, run, since, until };
    let Args { id, limit, order, columns, format, output, count, .. } = args;
    let stdout = output.as_deref().is_none_or(|path| path == Path::new("-"));
    let format = choose_format(format, output.as_deref(), stdout && output::is_terminal())?;
    let client = Client::new(&Sources::load()?, connection)?;
    block_on(async {
        if count {
            return print_count(client.count(&filter).await?);
        }
        let Some(format) = format else {
            return match id {
                Some(id) => one_in_table(&client, id, &columns).await,
                None => table_of_steps(&client, filter, limit, order, &columns).await,
            };
        };
        let destination = Destination::open(output.as_deref())?;
        let response = match id {
            Some(id) => client.step(id, format, &columns).await?,
            None => {
                let order = order.unwrap_or_default();
                client.list(&ListQuery { filter, order, limit, columns, format: Some(format) }).await?
            }
        };
        export(&client, response, format, destination).await
    })
}

fn bounds(
    since: Option<Bound>,
    until: Option<Bound>,
) -> Result<(Option<steps_shared::Timestamp>, Option<steps_shared::Timestamp>), Error> {
    if since.is_none() && until.is_none() {
        return Ok((None, None));
    }
    let now = time::now().map_err(|error| Error::Usage(format!("this machine's clock {error}")))?;
    let since = since.map(|bound| bound.start(now)).transpose();
    let since = since.map_err(|error| Error::Usage(format!("--since {error}")))?;
    let until = until.map(|bound| bound.end(now)).transpose();
    let until = until.map_err(|error| Error::Usage(format!("--until {error}")))?;
    match (since, until) {
        (Some(since), Some(until)) if since > until => {
            Err(Error::Usage(format!("--since ({since}) is after --until ({until}): no step can be between")))
        }
        _ => Ok((since, until)),
    }
}

/// The server's format, or `None` for a table.
fn choose_format(asked: Option<ListFormat>, output: Option<&Path>, on_terminal: bool) -> Result<Option<Format>, Error> {
    let file = output.filter(|path| *path != Path::new("-"));
    let extension = file.map(|file| file.extension().unwrap_or_default().to_ascii_lowercase());
    let format = match (asked, extension) {
        (Some(ListFormat::Table), Some(_)) => {
            return Err(Error::Usage("a table is not written to a file; choose csv, json, jsonl or xlsx".to_owned()));
        }
        (Some(ListFormat::Table), None) => return Ok(None),
        (Some(ListFormat::Csv), _) => Format::Csv,
        (Some(ListFormat::Json), _) => Format::Json,
        (Some(ListFormat::Jsonl), _) => Format::Jsonl,
        (Some(ListFormat::Xlsx), _) => Format::Xlsx,
        (None, Some(extension)) => extension.to_str().and_then(|name| name.parse().ok()).unwrap_or_default(),
        (None, None) if on_terminal => return Ok(None),
        (None, None) => Format::Csv,
    };
    if format == Format::Xlsx && on_terminal {
        return Err(Error::Usage("a workbook is not for a terminal; give --output FILE.xlsx".to_owned()));
    }
    Ok(Some(format))
}

fn print_count(count: Count) -> Result<(), Error> {
    if !count.exact {
        output::note("there are at least so many; the server counts no further");
    }
    output::print(format!("{}\n", count.count))
}

async fn one_in_table(client: &Client, id: StepId, columns: &[Column]) -> Result<(), Error> {
    let step = read_steps(client, client.step(id, Format::Json, &[]).await?).await?;
    output::print(table::steps(&step, columns))
}

/// A table ends with the newest step, where the eye is; an order that was asked for is kept.
async fn table_of_steps(
    client: &Client,
    filter: StepFilter,
    limit: Option<u64>,
    order: Option<Order>,
    columns: &[Column],
) -> Result<(), Error> {
    let limit = limit.unwrap_or(TABLE_ROWS);
    let from = order.unwrap_or(Order::Descending);
    let query = ListQuery { filter, order: from, limit: Some(limit), columns: Vec::new(), format: Some(Format::Jsonl) };
    let mut steps = read_steps(client, client.list(&query).await?).await?;
    if steps.is_empty() {
        output::note("no steps");
        return Ok(());
    }
    let shown = steps.len() as u64;
    let count = if shown < limit { None } else { Some(client.count(&query.filter).await?) };
    if order.is_none() {
        steps.reverse();
    }
    let rest = count.and_then(|count| rest(count, shown, from)).unwrap_or_default();
    output::print(table::steps(&steps, columns) + &rest)
}

/// What the table does not show.
fn rest(count: Count, shown: u64, order: Order) -> Option<String> {
    let more = count.count.checked_sub(shown).filter(|more| *more > 0)?;
    let least = if count.exact { "" } else { "at least " };
    let which = match order {
        Order::Descending => "older",
        Order::Ascending => "newer",
    };
    let steps = if more == 1 { "step" } else { "steps" };
    let shows = if more == 1 { "shows it" } else { "shows them" };
    Some(format!("… and {least}{} {which} {steps}; --limit N or --format csv {shows}\n", grouped(more)))
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

async fn read_steps(client: &Client, mut response: Response) -> Result<Vec<Step>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = client.next_chunk(&mut response).await? {
        body.extend_from_slice(&chunk);
    }
    serde_json::Deserializer::from_slice(&body)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Failed(format!("the server's list cannot be read ({error}); is --server right?")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_flag_file_and_terminal() {
        let choose = |asked, output: Option<&str>, terminal| choose_format(asked, output.map(Path::new), terminal);
        assert_eq!(choose(None, None, true).unwrap(), None);
        assert_eq!(choose(None, None, false).unwrap(), Some(Format::Csv));
        assert_eq!(choose(None, Some("-"), false).unwrap(), Some(Format::Csv));
        assert_eq!(choose(None, Some("a/b.XLSX"), false).unwrap(), Some(Format::Xlsx));
        assert_eq!(choose(None, Some("b.jsonl"), false).unwrap(), Some(Format::Jsonl));
        assert_eq!(choose(None, Some("b.txt"), false).unwrap(), Some(Format::Csv));
        assert_eq!(choose(Some(ListFormat::Json), Some("b.csv"), false).unwrap(), Some(Format::Json));
        assert_eq!(choose(Some(ListFormat::Table), None, false).unwrap(), None);
        assert!(choose(Some(ListFormat::Xlsx), None, true).is_err());
        assert!(choose(Some(ListFormat::Table), Some("b.csv"), false).is_err());
    }

    #[test]
    fn says_what_the_table_leaves_out() {
        let rest = |count, exact, order| rest(Count { count, exact }, 100, order);
        let expected = "… and 1,234 older steps; --limit N or --format csv shows them\n";
        assert_eq!(rest(1334, true, Order::Descending).as_deref(), Some(expected));
        assert_eq!(rest(100, true, Order::Descending), None);
        assert_eq!(rest(99, true, Order::Descending), None);
        assert!(rest(1_000_000, false, Order::Ascending).unwrap().starts_with("… and at least 999,900 newer"));
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(grouped), ["0", "12", "123", "1,234", "1,234,567"]);
    }
}
