//! CSV that the command writes itself.

use csv::{QuoteStyle, WriterBuilder};
use steps_shared::neutralized;

/// Rows as CSV; with `safe`, without what a spreadsheet runs as a formula, as the server writes it.
///
/// # Errors
/// Rows of different lengths.
pub fn csv_text<R, C>(rows: impl IntoIterator<Item = R>, safe: bool) -> Result<Vec<u8>, csv::Error>
where
    R: IntoIterator<Item = C>,
    C: AsRef<str>,
{
    let quotes = if safe { QuoteStyle::NonNumeric } else { QuoteStyle::Necessary };
    let mut writer = WriterBuilder::new().quote_style(quotes).from_writer(Vec::new());
    for row in rows {
        for cell in row {
            match safe {
                true => writer.write_field(neutralized(cell.as_ref()).as_ref())?,
                false => writer.write_field(cell.as_ref())?,
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_runs_only_where_it_is_not_made_safe() {
        let text = |safe| String::from_utf8(csv_text([["a", "-1.5"], ["=1,2", "x;@y"]], safe).unwrap()).unwrap();
        assert_eq!(text(false), "a,-1.5\n\"=1,2\",x;@y\n");
        assert_eq!(text(true), "\"a\",\"'-1.5\"\n\"'=1,2\",\"x;'@y\"\n");
    }
}
