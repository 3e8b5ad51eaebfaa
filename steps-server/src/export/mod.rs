//! Lists on their way out: from the database's cursor to the socket, in constant memory.

mod accept;
mod layout;
mod stream;
mod text;
mod workbook;

use std::time::Duration;

use steps_shared::{ListFormat, Resource};
use warp::reply::Response;

pub use accept::accepted;
pub use layout::Layout;
pub use workbook::too_long;

use crate::problem::ApiError;
use crate::store::{Rows, StoreError};

/// Answers with a list in its format. A client that reads no further for `stall` is cut off.
///
/// # Errors
/// The database fails before the answer has begun.
pub async fn answer<R: Resource>(
    rows: Rows<R>,
    layout: Layout<R::Column>,
    stall: Duration,
) -> Result<Response, ApiError> {
    match layout.format {
        ListFormat::Xlsx => workbook::workbook(rows, layout, stall).await,
        ListFormat::Csv | ListFormat::Json | ListFormat::Jsonl => stream::text(rows, layout, stall).await,
    }
}

/// The limit with which a list may be read in its format. Where the format holds only so many rows, `count` says how
/// many there are, up to a limit.
///
/// # Errors
/// There are more rows than the format holds, or they cannot be counted.
pub async fn limit(
    format: ListFormat,
    limit: Option<u64>,
    count: impl AsyncFnOnce(u64) -> Result<u64, StoreError>,
) -> Result<Option<u64>, ApiError> {
    let Some(most) = format.max_rows() else { return Ok(limit) };
    if limit.is_none_or(|limit| limit > most) && count(most + 1).await? > most {
        return Err(too_long(most).into());
    }
    // Should some be recorded between the counting and the reading, the writer sees one too many and refuses.
    Ok(Some(limit.unwrap_or(u64::MAX).min(most + 1)))
}
