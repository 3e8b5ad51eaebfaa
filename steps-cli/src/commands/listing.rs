//! What the lists of steps and of deployments have in common.

use reqwest::Response;
use serde::de::DeserializeOwned;
use steps_shared::view::Table;
use steps_shared::view::words::grouped;
use steps_shared::{ListColumn, ListFormat, ListQuery, Order, Timestamp};

use super::nothing;
use crate::client::{Client, Count, Listed, MAX_DOCUMENT, clock};
use crate::error::Error;
use crate::flags::ListFlags;
use crate::terminal;
use crate::terminal::canvas::Canvas;
use crate::terminal::destination::Destination;
use crate::terminal::export::export_of;
use crate::terminal::painted::Painted;
use crate::terminal::table::lay_out;

/// How many rows a table shows by itself.
const TABLE_ROWS: u64 = 100;

/// Answers with what was asked for: a count, an export, or a table that `table` makes of the rows and the time now.
pub async fn answer<F: Listed + Clone, C: ListColumn, T: DeserializeOwned>(
    client: &Client,
    query: ListQuery<F, C>,
    flags: ListFlags,
    table: impl FnOnce(&[T], &[C], Option<Timestamp>) -> Table,
) -> Result<(), Error> {
    let ListFlags { limit, order, output: place, count } = flags;
    let canvas = Canvas::of_format(place.is_markdown(), false);
    if count {
        let count = client.count(&query.filter).await?;
        print_count(count)?;
        if count.count == 0 {
            explain(client, &query.filter).await;
        }
        return Ok(());
    }
    if let Some(format) = query.format {
        let destination = Destination::open(place.path())?;
        let query = ListQuery { order: order.unwrap_or_default(), limit, ..query };
        let response = client.list(&query).await?;
        let exported = export_of(client, response, format, destination, expected_rows(client, &query)).await?;
        if exported.is_empty() {
            explain(client, &query.filter).await;
        }
        return Ok(());
    }

    // A table ends with the newest, where the eye is; an order that was asked for is kept.
    let limit = limit.unwrap_or(TABLE_ROWS);
    let from = order.unwrap_or(Order::Descending);
    let ListQuery { filter, columns, .. } = query;
    let format = Some(ListFormat::Jsonl);
    let query = ListQuery { filter, order: from, limit: Some(limit), columns: Vec::new(), format, safe: false };
    let response = client.list::<F, C>(&query).await?;
    let now = Some(clock(&response));
    let mut rows: Vec<T> = rows(client, response, limit).await?;
    if rows.is_empty() {
        terminal::note(format!("no {}", F::PLURAL));
        explain(client, &query.filter).await;
        return Ok(());
    }
    let shown = rows.len() as u64;
    let count = if shown < limit { None } else { Some(client.count(&query.filter).await?) };
    if order.is_none() {
        rows.reverse();
    }
    let rest = count
        .and_then(|count| rest::<F>(count, shown, from))
        .map_or_else(Painted::default, |rest| Painted::plain(rest).ended());
    // What stands directly below a table of Markdown would be a row of it.
    let gap = if canvas.is_markdown() && !rest.is_empty() { Painted::default().ended() } else { Painted::default() };
    terminal::show(lay_out(&table(&rows, &columns, now), canvas) + gap + rest)
}

/// How many rows a list has, where the server counts so far. A question that fails is no fault of the list.
async fn expected_rows<F: Listed, C: ListColumn>(client: &Client, query: &ListQuery<F, C>) -> Option<u64> {
    let count = client.count(&query.filter).await.ok()?;
    let limit = query.limit.unwrap_or(u64::MAX);
    (count.exact || count.count >= limit).then(|| count.count.min(limit))
}

async fn explain<F: Listed + Clone>(client: &Client, filter: &F) {
    let names = filter.names();
    nothing::explain(client, filter, names.since.is_some() || names.until.is_some()).await;
}

fn print_count(count: Count) -> Result<(), Error> {
    if !count.exact {
        terminal::note("there are at least so many; the server counts no further");
    }
    terminal::say(count.count)
}

/// What the table does not show.
fn rest<F: Listed>(count: Count, shown: u64, order: Order) -> Option<String> {
    let more = count.count.checked_sub(shown).filter(|more| *more > 0)?;
    let least = if count.exact { "" } else { "at least " };
    let which = match order {
        Order::Descending => "older",
        Order::Ascending => "newer",
    };
    let (noun, shows) = if more == 1 { (F::SINGULAR, "shows it") } else { (F::PLURAL, "shows them") };
    Some(format!("… and {least}{} {which} {noun}; --limit N or --format csv {shows}", grouped(more)))
}

/// The rows of a list in JSONL of which `limit` were requested.
pub async fn rows<T: DeserializeOwned>(client: &Client, response: Response, limit: u64) -> Result<Vec<T>, Error> {
    let body = client.body(response);
    body.expect_list(ListFormat::Jsonl)?;
    let rows = read_rows(&body.document(MAX_DOCUMENT).await?, limit).map_err(unreadable)?;
    rows.ok_or_else(|| Error::Failed(format!("the server sent more than the {limit} rows that were requested")))
}

/// The JSON document of a body.
pub async fn one<T: DeserializeOwned>(client: &Client, response: Response) -> Result<T, Error> {
    serde_json::from_slice(&client.body(response).document(MAX_DOCUMENT).await?).map_err(unreadable)
}

pub(super) fn unreadable(error: serde_json::Error) -> Error {
    Error::Failed(format!("the server's answer cannot be read ({error}); is --server right?"))
}

/// `None` where there are more than `limit`.
fn read_rows<T: DeserializeOwned>(body: &[u8], limit: u64) -> Result<Option<Vec<T>>, serde_json::Error> {
    let mut rows = Vec::new();
    for row in serde_json::Deserializer::from_slice(body).into_iter() {
        rows.push(row?);
        if rows.len() as u64 > limit {
            return Ok(None);
        }
    }
    Ok(Some(rows))
}

#[cfg(test)]
mod tests {
    use steps_shared::{DeploymentFilter, Step, StepFilter};

    use super::*;

    #[test]
    fn says_what_the_table_leaves_out() {
        let rest = |count, exact, order| rest::<StepFilter>(Count { count, exact }, 100, order);
        let expected = "… and 1,234 older steps; --limit N or --format csv shows them";
        assert_eq!(rest(1334, true, Order::Descending).as_deref(), Some(expected));
        assert_eq!(rest(100, true, Order::Descending), None);
        assert_eq!(rest(99, true, Order::Descending), None);
        assert!(rest(1_000_000, false, Order::Ascending).unwrap().starts_with("… and at least 999,900 newer"));
        let one = super::rest::<DeploymentFilter>(Count { count: 8, exact: true }, 7, Order::Descending);
        assert_eq!(one.as_deref(), Some("… and 1 older deployment; --limit N or --format csv shows it"));
    }

    #[test]
    fn rows_are_read_line_by_line() {
        assert_eq!(read_rows::<u8>(b"1\n2\n", 2).unwrap(), Some(vec![1, 2]));
        assert_eq!(read_rows::<u8>(b"1\n2\n", 1).unwrap(), None);
        assert_eq!(read_rows::<u8>(b"", 1).unwrap(), Some(Vec::new()));
        assert!(read_rows::<Step>(b"<html>", 1).is_err());
    }
}
