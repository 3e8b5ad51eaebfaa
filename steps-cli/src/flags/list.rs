//! The flags for the format, the destination and the length of a list.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{ValueEnum, ValueHint};
use steps_shared::{ListFormat, Order};

use super::words::Words;
use crate::error::Error;
use crate::files::is_gzip;

/// The format of an answer, and its destination.
#[derive(Debug, clap::Args)]
pub struct OutputFlags {
    /// How it is written [default: by the name of --output; else a table on a terminal, csv in a pipe]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FormatFlag>,
    /// Write to this file, which appears when it is complete: .csv, .json, .jsonl or .xlsx; .csv.gz is compressed
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Of CSV: an apostrophe before each text that a spreadsheet would run as a formula
    #[arg(long)]
    pub safe: bool,
}

/// The length, order and format of a list.
#[derive(Debug, clap::Args)]
pub struct ListFlags {
    /// At most so many rows: the newest in a table, the first in an export, unless --order says otherwise
    #[arg(long, value_name = "N", value_parser = limit)]
    pub limit: Option<u64>,
    /// The oldest first (asc), or the newest (desc) [default: asc]
    #[arg(
        long, value_name = "asc|desc", hide_possible_values = true,
        value_parser = Words::new(Order::ALL, Order::name, str::parse)
    )]
    pub order: Option<Order>,
    #[command(flatten)]
    pub output: OutputFlags,
    /// Print only how many there are
    #[arg(long, conflicts_with_all = ["limit", "order", "columns", "format", "output", "safe"])]
    pub count: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatFlag {
    /// Columns to read; of a list the newest 100 unless --limit says otherwise
    Table,
    /// The same as Markdown, for summaries of jobs and comments on merge requests
    Markdown,
    /// RFC 4180 with a header, and the line ends of the shell's tools
    Csv,
    /// One document
    Json,
    /// One JSON object a line
    Jsonl,
    /// An Excel workbook
    Xlsx,
}

/// A number of rows.
fn limit(text: &str) -> Result<u64, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=i64::MAX as u64).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1, not {text:?}"))
}

impl OutputFlags {
    /// The format to request from the server; `None` for a table.
    ///
    /// # Errors
    /// A table for a file, or a workbook for a terminal.
    pub fn choose(&self) -> Result<Option<ListFormat>, Error> {
        let output = self.output.as_deref();
        let stdout = output.is_none_or(|path| path == Path::new("-"));
        let format = choose_format(self.format, output, stdout && io::stdout().is_terminal())?;
        check_safe(self.safe, format == Some(ListFormat::Csv))?;
        Ok(format)
    }

    /// Whether what people read is Markdown.
    pub fn is_markdown(&self) -> bool {
        self.format == Some(FormatFlag::Markdown)
    }

    /// The file to write to; `None` for the standard output.
    pub fn path(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

/// Refuses `--safe` where no CSV is written.
///
/// # Errors
/// It is given, and would do nothing.
pub fn check_safe(safe: bool, is_csv: bool) -> Result<(), Error> {
    match safe && !is_csv {
        true => Err(Error::Usage("--safe is of csv, which spreadsheets run; give --format csv".to_owned())),
        false => Ok(()),
    }
}

fn choose_format(
    flag: Option<FormatFlag>,
    output: Option<&Path>,
    on_terminal: bool,
) -> Result<Option<ListFormat>, Error> {
    let file = output.filter(|path| *path != Path::new("-"));
    let is_gzip = file.is_some_and(is_gzip);
    let inner = file.map(|file| if is_gzip { file.with_extension("") } else { file.to_owned() });
    let extension = inner.as_ref().map(|file| file.extension().unwrap_or_default().to_ascii_lowercase());
    let unknown = || {
        let name = file.and_then(Path::file_name).unwrap_or_default().display();
        let known = "the known endings are .csv, .json, .jsonl and .xlsx, and .gz after the first three to compress";
        Error::Usage(format!("how {name} is to be written does not follow from its name; {known}; or give --format"))
    };
    let format = match (flag, extension) {
        (Some(FormatFlag::Table), Some(_)) => {
            return Err(Error::Usage("a table is not written to a file; choose csv, json, jsonl or xlsx".to_owned()));
        }
        (Some(FormatFlag::Markdown), Some(_)) => {
            return Err(Error::Usage("markdown goes to the standard output; write > FILE.md after it".to_owned()));
        }
        (Some(FormatFlag::Table | FormatFlag::Markdown), None) => return Ok(None),
        (Some(FormatFlag::Csv), _) => ListFormat::Csv,
        (Some(FormatFlag::Json), _) => ListFormat::Json,
        (Some(FormatFlag::Jsonl), _) => ListFormat::Jsonl,
        (Some(FormatFlag::Xlsx), _) => ListFormat::Xlsx,
        (None, Some(extension)) if extension.is_empty() => ListFormat::Csv,
        (None, Some(extension)) => extension.to_str().and_then(|name| name.parse().ok()).ok_or_else(unknown)?,
        (None, None) if on_terminal => return Ok(None),
        (None, None) => ListFormat::Csv,
    };
    if format == ListFormat::Xlsx && is_gzip {
        return Err(Error::Usage("a workbook is compressed already; give --output FILE.xlsx".to_owned()));
    }
    if format == ListFormat::Xlsx && on_terminal {
        return Err(Error::Usage("a workbook is not for a terminal; give --output FILE.xlsx".to_owned()));
    }
    Ok(Some(format))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_flag_file_and_terminal() {
        let choose = |flag, output: Option<&str>, terminal| choose_format(flag, output.map(Path::new), terminal);
        assert_eq!(choose(None, None, true).unwrap(), None);
        assert_eq!(choose(None, None, false).unwrap(), Some(ListFormat::Csv));
        assert_eq!(choose(None, Some("-"), false).unwrap(), Some(ListFormat::Csv));
        assert_eq!(choose(None, Some("a/b.XLSX"), false).unwrap(), Some(ListFormat::Xlsx));
        assert_eq!(choose(None, Some("b.jsonl"), false).unwrap(), Some(ListFormat::Jsonl));
        assert_eq!(choose(None, Some("b"), false).unwrap(), Some(ListFormat::Csv));
        assert_eq!(choose(None, Some("b.json.gz"), false).unwrap(), Some(ListFormat::Json));
        assert_eq!(choose(Some(FormatFlag::Csv), Some("b.parquet"), false).unwrap(), Some(ListFormat::Csv));
        for name in ["b.txt", "b.parquet", "b.xslx", "b.csv.bz2", "b.txt.gz", "b.xlsx.gz"] {
            assert!(choose(None, Some(name), false).is_err(), "{name}");
        }
        assert_eq!(choose(Some(FormatFlag::Json), Some("b.csv"), false).unwrap(), Some(ListFormat::Json));
        assert_eq!(choose(Some(FormatFlag::Table), None, false).unwrap(), None);
        assert!(choose(Some(FormatFlag::Xlsx), None, true).is_err());
        assert!(choose(Some(FormatFlag::Table), Some("b.csv"), false).is_err());
    }
}
