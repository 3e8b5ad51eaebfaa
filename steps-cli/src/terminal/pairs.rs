//! Lists of names and values.

use clap::ValueEnum;
use serde_json::{Map, Value};
use steps_shared::ListFormat;

use super::table;
use crate::error::Error;

/// How names and values are printed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PairsFormat {
    /// Columns to read
    Table,
    /// With a header
    Csv,
    /// One document
    Json,
}

/// Prints names and values; without a format, as a table on a terminal and as CSV elsewhere.
///
/// # Errors
/// The output cannot be written.
pub fn print(rows: &[(&'static str, String)], format: Option<PairsFormat>) -> Result<(), Error> {
    let default = if super::is_terminal() { PairsFormat::Table } else { PairsFormat::Csv };
    match format.unwrap_or(default) {
        PairsFormat::Table => {
            let rows = rows.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
            super::show(table::render(&["name", "value"], rows))
        }
        PairsFormat::Csv => {
            let rows = csv(rows).map_err(|error| Error::Failed(error.to_string()))?;
            super::print_data(&rows, ListFormat::Csv)
        }
        PairsFormat::Json => {
            let number = |value: &str| value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
            let all: Map<_, _> = rows.iter().map(|(name, value)| ((*name).to_owned(), number(value))).collect();
            super::print_data(format!("{:#}\n", Value::from(all)).as_bytes(), ListFormat::Json)
        }
    }
}

fn csv(rows: &[(&'static str, String)]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "value"])?;
    for (name, value) in rows {
        writer.write_record([name, value.as_str()])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}
