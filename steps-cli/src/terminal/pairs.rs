//! Lists of names and values.

use clap::ValueEnum;
use serde_json::{Map, Value};
use steps_shared::ListFormat;

use super::csv_text::csv_text;
use super::table;
use crate::error::Error;
use crate::flags::check_safe;

/// How names and values are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PairsFormat {
    /// Columns to read
    Table,
    /// The same as Markdown, for summaries of jobs and comments on merge requests
    Markdown,
    /// With a header
    Csv,
    /// One document
    Json,
}

/// The flags of a list that the command makes itself.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct PairsFlags {
    /// How it is printed [default: a table on a terminal, else csv]
    #[arg(long, value_name = "FORMAT")]
    format: Option<PairsFormat>,
    /// Of CSV: an apostrophe before each text that a spreadsheet would run as a formula
    #[arg(long)]
    pub safe: bool,
}

impl PairsFlags {
    /// The format: by default a table on a terminal and CSV elsewhere.
    ///
    /// # Errors
    /// `--safe` of another format than CSV.
    pub fn choose(self) -> Result<PairsFormat, Error> {
        let default = if super::is_terminal() { PairsFormat::Table } else { PairsFormat::Csv };
        let format = self.format.unwrap_or(default);
        check_safe(self.safe, matches!(format, PairsFormat::Csv))?;
        Ok(format)
    }
}

/// Prints names and values.
///
/// # Errors
/// The output cannot be written, or the flags do not go together.
pub fn print(rows: &[(&'static str, String)], flags: PairsFlags) -> Result<(), Error> {
    match flags.choose()? {
        format @ (PairsFormat::Table | PairsFormat::Markdown) => {
            let rows = rows.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
            super::show(table::render(&["name", "value"], rows, format == PairsFormat::Markdown))
        }
        PairsFormat::Csv => {
            let header = ["name", "value"];
            let rows = rows.iter().map(|(name, value)| [*name, value.as_str()]);
            let rows = csv_text(std::iter::once(header).chain(rows), flags.safe);
            let rows = rows.map_err(|error| Error::Failed(error.to_string()))?;
            super::print_data(&rows, ListFormat::Csv)
        }
        PairsFormat::Json => {
            let number = |value: &str| value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
            let all: Map<_, _> = rows.iter().map(|(name, value)| ((*name).to_owned(), number(value))).collect();
            super::print_data(format!("{:#}\n", Value::from(all)).as_bytes(), ListFormat::Json)
        }
    }
}
