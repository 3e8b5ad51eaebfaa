//! CSV, JSON and JSONL: rows to bytes. Pure.

use std::io;

use csv_core::{QuoteStyle, Terminator};
use steps_shared::{Cell, ListColumn as _, ListFormat, Resource, neutralized};
use uuid::Uuid;

use super::layout::Layout;

/// Writes a list part by part.
#[derive(Debug)]
pub struct TextWriter<R: Resource> {
    layout: Layout<R::Column>,
    /// Whether a row has been written: in JSON the next one needs a comma.
    begun: bool,
}

impl<R: Resource> TextWriter<R> {
    /// A writer that has written nothing yet.
    pub fn new(layout: Layout<R::Column>) -> Self {
        Self { layout, begun: false }
    }

    /// What stands before the first row.
    pub fn head(&self) -> Vec<u8> {
        match self.layout.format {
            ListFormat::Csv => {
                let mut csv = Csv::new(self.layout.safe);
                csv.line(self.layout.columns.iter().map(|column| Cell::Text(column.name())));
                csv.text
            }
            ListFormat::Json => format!(r#"{{"{}":["#, R::NAME).into_bytes(),
            ListFormat::Jsonl | ListFormat::Xlsx => Vec::new(),
        }
    }

    /// The next rows.
    pub fn rows(&mut self, rows: &[R]) -> io::Result<Vec<u8>> {
        match self.layout.format {
            ListFormat::Csv => {
                let mut csv = Csv::new(self.layout.safe);
                for row in rows {
                    csv.line(self.layout.columns.iter().map(|column| row.cell(*column)));
                }
                Ok(csv.text)
            }
            ListFormat::Json | ListFormat::Jsonl | ListFormat::Xlsx => self.json_rows(rows),
        }
    }

    /// What stands behind the last row.
    pub fn foot(&self) -> &'static [u8] {
        match self.layout.format {
            ListFormat::Json => b"\n]}\n",
            ListFormat::Csv | ListFormat::Jsonl | ListFormat::Xlsx => b"",
        }
    }

    fn json_rows(&mut self, rows: &[R]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(rows.len() * 256);
        for row in rows {
            if self.layout.format == ListFormat::Json {
                bytes.extend_from_slice(if self.begun { b",\n" } else { b"\n" });
                self.begun = true;
            }
            serde_json::to_writer(&mut bytes, &self.layout.object(row))?;
            if self.layout.format == ListFormat::Jsonl {
                bytes.push(b'\n');
            }
        }
        Ok(bytes)
    }
}

/// Writes lines of CSV. csv-core says what needs quotes. Its writer and the csv crate's ask that of every byte, of ids and times as
/// well, and take half as long again for a list (430 ns a row; these 270).
struct Csv {
    rules: csv_core::Writer,
    safe: bool,
    text: Vec<u8>,
}

impl Csv {
    fn new(safe: bool) -> Self {
        // Quoted, a text has no separator in it for those that know quotes.
        let style = if safe { QuoteStyle::NonNumeric } else { QuoteStyle::Necessary };
        let rules = csv_core::WriterBuilder::new().terminator(Terminator::CRLF).quote_style(style).build();
        Self { rules, safe, text: Vec::with_capacity(64 * 1024) }
    }

    fn line<'a>(&mut self, cells: impl IntoIterator<Item = Cell<'a>>) {
        let start = self.text.len();
        for (at, cell) in cells.into_iter().enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            self.cell(cell);
        }
        if self.text.len() == start {
            // An empty line would be no line.
            self.text.extend_from_slice(b"\"\"");
        }
        self.text.extend_from_slice(b"\r\n");
    }

    fn cell(&mut self, cell: Cell<'_>) {
        match cell {
            Cell::Empty => self.plain(b""),
            Cell::Text(text) if self.safe => self.any(neutralized(text).as_bytes()),
            Cell::Text(text) => self.any(text.as_bytes()),
            Cell::List(_) if self.safe => self.any(neutralized(&cell.to_string()).as_bytes()),
            Cell::List(_) => self.any(cell.to_string().as_bytes()),
            Cell::Id(id) => self.plain(id.0.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes()),
            Cell::Time(time) => self.plain(&time.rfc3339()),
            Cell::TimeInSeconds(time) => self.plain(&time.seconds_text()),
            Cell::Bool(value) => self.plain(if value { b"true" } else { b"false" }),
            Cell::Duration(duration) => self.plain(duration.to_seconds_text().as_bytes()),
            Cell::Integer(_) | Cell::Float(_) => self.plain(cell.to_string().as_bytes()),
        }
    }

    /// Text that has neither a separator nor a quote in it.
    fn plain(&mut self, text: &[u8]) {
        if self.safe { self.any(text) } else { self.text.extend_from_slice(text) }
    }

    /// Any text.
    fn any(&mut self, text: &[u8]) {
        if !self.rules.should_quote(text) {
            return self.text.extend_from_slice(text);
        }
        self.text.push(b'"');
        for piece in text.split_inclusive(|byte| *byte == b'"') {
            self.text.extend_from_slice(piece);
            if piece.ends_with(b"\"") {
                self.text.push(b'"');
            }
        }
        self.text.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_the_csv_crate(lines: &[Vec<String>], safe: bool) -> Vec<u8> {
        let style = if safe { csv::QuoteStyle::NonNumeric } else { csv::QuoteStyle::Necessary };
        let mut csv = csv::WriterBuilder::new();
        csv.flexible(true).terminator(csv::Terminator::CRLF).quote_style(style);
        let mut csv = csv.from_writer(Vec::new());
        for line in lines {
            csv.write_record(line).unwrap();
        }
        csv.into_inner().unwrap()
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_csv_crate(
            lines in prop::collection::vec(prop::collection::vec("[a0.,;\"\r\n é]{0,6}", 1..5), 0..8),
            safe: bool,
        ) {
            let mut csv = Csv::new(safe);
            for line in &lines {
                csv.line(line.iter().map(|text| Cell::Text(text)));
            }
            let neutral = |text: &String| if safe { neutralized(text).into_owned() } else { text.clone() };
            let lines: Vec<Vec<String>> = lines.iter().map(|line| line.iter().map(neutral).collect()).collect();
            prop_assert_eq!(String::from_utf8(csv.text).unwrap(), String::from_utf8(of_the_csv_crate(&lines, safe)).unwrap());
        }

        #[test]
        fn what_is_no_text_needs_no_quotes_unless_all_does(micros in 0..253_402_300_799_999_999_i64, id: u128, safe: bool) {
            let time = steps_shared::Timestamp::from_micros(micros).unwrap();
            let duration = steps_shared::Duration::from_micros(micros).unwrap();
            let cells = [
                Cell::Empty,
                Cell::Id(steps_shared::StepId(Uuid::from_u128(id))),
                Cell::Time(time),
                Cell::TimeInSeconds(time),
                Cell::Duration(duration),
                Cell::Integer(-micros),
                Cell::Float(micros as f64 / 7.0),
                Cell::Bool(safe),
            ];
            let mut csv = Csv::new(safe);
            csv.line(cells);
            let texts = vec![cells.iter().map(Cell::to_string).collect()];
            prop_assert_eq!(String::from_utf8(csv.text).unwrap(), String::from_utf8(of_the_csv_crate(&texts, safe)).unwrap());
        }
    }
}
