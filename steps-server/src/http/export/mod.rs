//! Writes lists: from the database's cursor to the socket, in constant memory.

mod accept;
mod layout;
mod pace;
mod stream;
mod text;
mod workbook;

use std::sync::Arc;

use steps_shared::{ListFormat, Resource};
use tokio::sync::OwnedSemaphorePermit;
use warp::reply::Response;

pub use accept::accepted;
pub use layout::{Layout, Output};

use crate::app::{Rows, SHORT_LIST};
use crate::http::context::Context;
use crate::http::problem::ApiError;

/// Parts of a long list that may wait for the client.
const PARTS: usize = 4;

/// The turn of a list to be written.
#[derive(Debug)]
pub struct Turn {
    workbook: Option<OwnedSemaphorePermit>,
    /// How many parts may wait for the client.
    parts: usize,
}

/// Waits for the turn of a list in this format with this limit, before anything is read for it: workbooks are made one after
/// the other.
///
/// # Errors
/// So many are being made that the turn does not come within the deadline.
pub async fn turn(context: &Context, format: ListFormat, limit: Option<u64>) -> Result<Turn, ApiError> {
    let workbook = match format {
        ListFormat::Xlsx => Some(context.app.workbook_turn().await?),
        ListFormat::Csv | ListFormat::Json | ListFormat::Jsonl => None,
    };
    // A part has at least one row, and the head and the foot of the list are parts.
    let short = limit.filter(|limit| *limit <= SHORT_LIST).and_then(|limit| usize::try_from(limit).ok());
    Ok(Turn { workbook, parts: short.map_or(PARTS, |rows| rows + 2) })
}

/// Answers with a list in its format. A client that does not read it fast enough is cut off.
///
/// # Errors
/// The database fails before the answer has begun.
pub async fn answer<R: Resource>(
    context: &Arc<Context>,
    rows: Rows<R>,
    layout: Layout<R::Column>,
    Turn { workbook, parts }: Turn,
) -> Result<Response, ApiError> {
    match layout.format {
        ListFormat::Xlsx => workbook::workbook(context, rows, layout, workbook).await,
        ListFormat::Csv | ListFormat::Json | ListFormat::Jsonl => stream::text(context, rows, layout, parts).await,
    }
}
