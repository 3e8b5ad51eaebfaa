//! A list as an Excel workbook. It is made whole in a temporary file, because a workbook's parts are only known at
//! its end; memory stays constant all the same.

use std::fs::File;
use std::io::{self, Seek as _};
use std::sync::Arc;

use bytes::BytesMut;
use rust_xlsxwriter::{Format as CellFormat, Workbook, Worksheet, XlsxError};
use steps_shared::{Cell, ListColumn, ListFormat, Resource, Timestamp};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use warp::reply::Response;

use super::layout::Layout;
use super::stream::{Sender, channel, next, response};
use crate::app::{self, Rows, StoreError};
use crate::http::context::Context;
use crate::http::problem::ApiError;

/// Bytes of the finished file that are sent together.
const PART_BYTES: usize = 64 * 1024;
/// Parts that may wait for the writer, or for the client.
const PARTS: usize = 2;
/// Width of a column, in characters.
const WIDTH: f64 = 20.0;
/// 1970-01-01 as Excel counts days.
const EPOCH_DAYS: f64 = 25_569.0;
/// How Excel shows a moment; it knows no finer unit.
const MOMENT: &str = "yyyy-mm-dd hh:mm:ss.000";

/// Answers with a list as a workbook; the answer begins when the workbook is finished.
///
/// # Errors
/// The database fails, there is no room for the temporary file, or the list has more rows than a sheet.
pub async fn workbook<R: Resource>(
    context: &Arc<Context>,
    mut list: Rows<Vec<R>>,
    layout: Layout<R::Column>,
    turn: Option<OwnedSemaphorePermit>,
) -> Result<Response, ApiError> {
    let stall = context.stall_timeout;
    let (rows, received) = mpsc::channel(PARTS);
    let writing = tokio::task::spawn_blocking(move || {
        // Kept until it is written, though the client may have gone.
        let _turn = turn;
        write::<R>(received, &layout)
    });
    while let Some(part) = next(&mut list, stall).await.map_err(|_| StoreError::TimedOut)? {
        tokio::task::yield_now().await;
        if rows.send(part?).await.is_err() {
            // The writer has ended early; its result says why.
            break;
        }
    }
    drop(rows);
    let file = writing.await.map_err(internal)??;
    let (mut sender, receiver) = channel(context, PARTS);
    tokio::spawn(async move {
        if let Err(error) = send(file, &mut sender).await {
            sender.break_off(error, "a workbook broke off");
        }
    });
    Ok(response::<R>(receiver, ListFormat::Xlsx))
}

async fn send(file: File, sender: &mut Sender) -> io::Result<()> {
    let mut file = tokio::fs::File::from_std(file);
    loop {
        let mut part = BytesMut::with_capacity(PART_BYTES);
        if file.read_buf(&mut part).await? == 0 {
            return Ok(());
        }
        sender.send(part.freeze()).await?;
    }
}

fn write<R: Resource>(mut parts: mpsc::Receiver<Vec<R>>, layout: &Layout<R::Column>) -> Result<File, ApiError> {
    let max_rows = ListFormat::Xlsx.max_rows().unwrap_or(u64::MAX);
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory().map_err(internal)?;
    let moment = CellFormat::new().set_num_format(MOMENT);
    write_header(sheet, R::NAME, &layout.columns).map_err(internal)?;
    let mut at = 0;
    while let Some(rows) = parts.blocking_recv() {
        for row in &rows {
            at += 1;
            if u64::from(at) > max_rows {
                return Err(app::Error::TooManyRows(max_rows).into());
            }
            write_row(sheet, at, row, &layout.columns, &moment).map_err(internal)?;
        }
    }
    let mut file = tempfile::tempfile().map_err(internal)?;
    workbook.save_to_writer(&mut file).map_err(internal)?;
    file.rewind().map_err(internal)?;
    Ok(file)
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    app::Error::Internal(error.to_string()).into()
}

fn write_header<C: ListColumn>(sheet: &mut Worksheet, name: &str, columns: &[C]) -> Result<(), XlsxError> {
    let bold = CellFormat::new().set_bold();
    sheet.set_name(name)?.set_freeze_panes(1, 0)?;
    for (at, column) in (0..).zip(columns) {
        sheet.set_column_width(at, WIDTH)?.write_string_with_format(0, at, column.name(), &bold)?;
    }
    Ok(())
}

/// Texts are always written as strings, so that a leading `=` never becomes a formula.
fn write_row<R: Resource>(
    sheet: &mut Worksheet,
    at_row: u32,
    row: &R,
    columns: &[R::Column],
    moment: &CellFormat,
) -> Result<(), XlsxError> {
    for (at, column) in (0..).zip(columns) {
        match row.cell(*column) {
            Cell::Empty => {}
            Cell::Text(text) => drop(sheet.write_string(at_row, at, text)?),
            Cell::Id(id) => drop(sheet.write_string(at_row, at, id.to_string())?),
            Cell::Time(when) | Cell::TimeInSeconds(when) => {
                sheet.write_number_with_format(at_row, at, excel_days(when), moment)?;
            }
            Cell::Duration(duration) => drop(sheet.write_number(at_row, at, duration.seconds())?),
            Cell::Integer(number) => drop(sheet.write_number(at_row, at, number as f64)?),
            Cell::Float(number) => drop(sheet.write_number(at_row, at, number)?),
            Cell::Bool(value) => drop(sheet.write_boolean(at_row, at, value)?),
            Cell::List(list) => drop(sheet.write_string(at_row, at, list.words().join(","))?),
        }
    }
    Ok(())
}

/// A moment as Excel keeps it: days since the end of 1899, UTC.
fn excel_days(moment: Timestamp) -> f64 {
    EPOCH_DAYS + moment.micros() as f64 / 86_400e6
}
