//! The rows of a CSV file, and the line on which each begins.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use csv::{ByteRecord, Terminator};
use steps_shared::{looks_neutralized, original};

use super::columns::Columns;
use super::format::separator;
use super::read::MAX_ROW_BYTES;
use super::source::{Input, peek_line};

/// The fields of a row by the names of their columns, or what is wrong with it.
type Fields = Result<Vec<(&'static str, String)>, String>;

/// A CSV file under a header.
pub struct CsvRows {
    reader: csv::Reader<Watched>,
    /// Whether the reader has met the end of the file.
    ended: Arc<AtomicBool>,
    /// How many bytes were read since the last row.
    since_row: Arc<AtomicUsize>,
    /// Which columns of a step each column of the file is.
    columns: Vec<Vec<&'static str>>,
    /// Whether texts have the apostrophes of `--safe`.
    is_safe: bool,
    /// Whether it may be a file of `--safe`: the names of its columns are quoted there, and in no other export.
    may_be_safe: bool,
}

impl CsvRows {
    /// Reads the header.
    ///
    /// # Errors
    /// A file that cannot be read, or a header that is wrong.
    pub fn begin(source: Input, columns: &mut Columns, is_safe: bool) -> Result<Self, String> {
        let (header, source) = peek_line(source).map_err(|error| error.to_string())?;
        let names = header.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&header);
        let may_be_safe = names.trim_ascii_start().starts_with(b"\"");
        let (ended, since_row) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            // With CRLF as one terminator the reader counts lines wrong; the CR is removed below.
            .terminator(Terminator::Any(b'\n'))
            .delimiter(separator(&header))
            .from_reader(Watched { source, ended: Arc::clone(&ended), since_row: Arc::clone(&since_row) });
        let mut record = ByteRecord::new();
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Err("it is empty; CSV begins with the names of its columns".to_owned()),
            Err(_) if since_row.load(Ordering::Relaxed) > MAX_ROW_BYTES => return Err(too_long(1).to_string()),
            Err(error) => return Err(error.to_string()),
        }
        let names: Vec<_> = record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let columns = columns.header(&names)?;
        Ok(Self { reader, ended, since_row, columns, is_safe, may_be_safe })
    }

    /// The next row that is not blank, and the line on which it begins.
    pub fn next(&mut self) -> io::Result<Option<(u64, Fields)>> {
        let mut record = ByteRecord::new();
        while self.read(&mut record)? {
            if record.iter().all(|field| field.trim_ascii().is_empty()) && record.len() == 1 {
                continue;
            }
            // The position is behind the row's last byte: after its line feed, unless the file ended there.
            let terminator = u64::from(!self.ended.load(Ordering::Relaxed));
            let within = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
            let line = self.reader.position().line().saturating_sub(terminator + within);
            return Ok(Some((line, self.fields(&record))));
        }
        Ok(None)
    }

    fn read(&mut self, record: &mut ByteRecord) -> io::Result<bool> {
        let line = self.reader.position().line();
        self.since_row.store(0, Ordering::Relaxed);
        self.reader.read_byte_record(record).map_err(|error| match self.since_row.load(Ordering::Relaxed) {
            bytes if bytes > MAX_ROW_BYTES => too_long(line),
            _ => error.into(),
        })
    }

    fn fields(&self, record: &ByteRecord) -> Fields {
        if record.len() != self.columns.len() {
            return Err(format!("has {} fields, but the header has {}", record.len(), self.columns.len()));
        }
        let last = record.len() - 1;
        let mut fields = Vec::new();
        for (place, (columns, field)) in self.columns.iter().zip(record).enumerate() {
            let Some(first) = columns.first() else { continue };
            let field = if place == last { field.strip_suffix(b"\r").unwrap_or(field) } else { field };
            let text = std::str::from_utf8(field).map_err(|_| format!("{first} is not UTF-8"))?;
            let text = match self.is_safe {
                true => original(text),
                false if self.may_be_safe && looks_neutralized(text) => return Err(made_safe(first)),
                false => text.into(),
            };
            fields.extend(columns.iter().map(|column| (*column, text.clone().into_owned())));
        }
        Ok(fields)
    }
}

/// A text that would be imported as another than the one that was exported.
fn made_safe(column: &str) -> String {
    format!(
        "{column} has an apostrophe before what begins a formula, as in a CSV for spreadsheets (safe=true, --safe): \
         import it with --safe; a text that was recorded so, from JSONL"
    )
}

fn too_long(line: u64) -> io::Error {
    let reason = format!("a row is longer than 1 MiB, from line {line} on; is a quote never closed?");
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Notes when the end of the input was met, and ends it where a row is too long.
struct Watched {
    source: Input,
    ended: Arc<AtomicBool>,
    since_row: Arc<AtomicUsize>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if self.since_row.fetch_add(count, Ordering::Relaxed) + count > MAX_ROW_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if count == 0 && !buffer.is_empty() {
            self.ended.store(true, Ordering::Relaxed);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Result<String, String>)> {
        let text = format!("component,version,owner,status,ts\n{text}").into_bytes();
        let mut columns = Columns::new(Vec::new(), chrono_tz::Tz::UTC).unwrap();
        let mut rows = CsvRows::begin(Box::new(io::Cursor::new(text)), &mut columns, false).unwrap();
        let mut found = Vec::new();
        while let Some((line, fields)) = rows.next().unwrap() {
            found.push((line, fields.map(|fields| fields.into_iter().map(|(_, value)| value).collect())));
        }
        found
    }

    fn lines(text: &str) -> Vec<u64> {
        rows(text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does() {
        let text = "c,1,o,one,t\n\n  \nc,1,o,\"two\nlines\n\",t\nc,1,o,ragged\n,,,,\nc,1,o,last,t";
        assert_eq!(lines(text), [2, 5, 8, 9, 10]);
        assert_eq!(lines(&format!("{text}\n")), [2, 5, 8, 9, 10]);
        assert_eq!(lines(&text.replace('\n', "\r\n")), [2, 5, 8, 9, 10]);
        assert_eq!(lines(&(text.replace('\n', "\r\n") + "\r\n\r\n")), [2, 5, 8, 9, 10]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_found_where_it_begins() {
        assert_eq!(lines("c,1,o,one,t\nc,1,o,\"two,t\nc,1,o,three,t\n"), [2, 3]);
    }

    #[test]
    fn a_csv_that_was_made_safe_is_imported_as_what_it_was() {
        let rows = "\n'=c,-1,ann;'=1,\"''-x\",t\nit's,1,o,'s',t\n";
        let (plain, quoted) = ("component,version,owner,status,ts", r#""component","version","owner","status","ts""#);
        let read = |header: &str, is_safe| {
            let text = format!("{header}{rows}");
            let mut columns = Columns::new(Vec::new(), chrono_tz::Tz::UTC).unwrap();
            let source = Box::new(io::Cursor::new(text.into_bytes()));
            let mut rows = CsvRows::begin(source, &mut columns, is_safe).unwrap();
            let mut next = || {
                let (_, fields) = rows.next().unwrap().unwrap();
                fields.map(|fields| fields.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" "))
            };
            (next(), next())
        };
        assert_eq!(read(quoted, true), (Ok("=c -1 ann;=1 '-x t".to_owned()), Ok("it's 1 o 's' t".to_owned())));
        let (first, second) = read(quoted, false);
        assert!(first.unwrap_err().starts_with("component has an apostrophe"));
        assert_eq!(second.unwrap(), "it's 1 o 's' t");
        // An export that was not made safe is imported byte for byte.
        assert_eq!(read(plain, false).0.unwrap(), "'=c -1 ann;'=1 ''-x t");
    }

    #[test]
    fn a_row_has_a_limit() {
        let begin = |text: Vec<u8>| {
            let mut columns = Columns::new(Vec::new(), chrono_tz::Tz::UTC).unwrap();
            CsvRows::begin(Box::new(io::Cursor::new(text)), &mut columns, false)
        };
        let header = "component,version,owner,status,ts\nc,1,o,one,t\n";
        let mut rows = begin(format!("{header}c,1,o,\"{}", "x\n".repeat(MAX_ROW_BYTES)).into_bytes()).unwrap();
        assert!(rows.next().unwrap().is_some());
        let error = rows.next().unwrap_err().to_string();
        assert_eq!(error, "a row is longer than 1 MiB, from line 3 on; is a quote never closed?");
        assert!(begin(vec![0; 2 * MAX_ROW_BYTES]).err().unwrap().contains("1 MiB"));
    }

    #[test]
    fn carriage_returns_are_not_part_of_the_last_field() {
        assert_eq!(rows("c,1,o,s,t\r\n")[0].1.as_deref(), Ok("c1ost"));
        assert_eq!(rows("c,1,o,s,\"t\"\r\n")[0].1.as_deref(), Ok("c1ost"));
        assert_eq!(rows("c,1,o,s,\r\n")[0].1.as_deref(), Ok("c1os"));
    }
}
