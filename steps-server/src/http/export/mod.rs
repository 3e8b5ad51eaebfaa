//! Writes lists: from the database's cursor to the socket, in constant memory.

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

use crate::app::Rows;
use crate::http::problem::ApiError;

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
