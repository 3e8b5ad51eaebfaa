//! Reads a file into batches, on a thread of its own: a slow pipe must not delay the requests.

use std::io;

use steps_shared::{ImportIds, JsonFields, MAX_BATCH_BYTES, NewStep};
use tokio::sync::mpsc;

use super::columns;
use super::csv_rows::{CsvRows, Input};

/// How many lines go into one batch.
const BATCH_LINES: usize = 1000;

/// What is left of the largest body when a line may still be added: no step is as long as this.
const SPARE_BYTES: usize = 64 * 1024;

/// Some lines of the file, in its order.
#[derive(Debug, Default)]
pub struct Batch {
    /// The steps as NDJSON.
    pub body: Vec<u8>,
    /// The line in the file of each step of the body.
    pub lines: Vec<u64>,
    /// The lines that are no steps, and why.
    pub refused: Vec<(u64, String)>,
    /// The last line of the batch.
    pub last_line: u64,
}

/// The rows of a file.
pub enum Rows {
    /// CSV, whose header was read.
    Csv(Box<CsvRows>),
    /// One JSON object a line; so many lines were read.
    Jsonl(Input, u64),
}

impl Rows {
    /// Begins to read CSV: the header.
    ///
    /// # Errors
    /// A file that cannot be read, or a header that is wrong.
    pub fn csv(source: Input) -> Result<Self, String> {
        CsvRows::begin(source).map(|rows| Self::Csv(Box::new(rows)))
    }

    /// The next row: its line, and the step or what is wrong with it.
    fn next(&mut self, ids: &mut ImportIds) -> io::Result<Option<(u64, Result<NewStep, String>)>> {
        match self {
            Self::Csv(rows) => {
                let row = rows.next()?;
                Ok(row.map(|(line, row)| (line, row.and_then(|fields| columns::step(fields, ids)))))
            }
            Self::Jsonl(source, line) => loop {
                let mut text = Vec::new();
                if source.read_until(b'\n', &mut text)? == 0 {
                    return Ok(None);
                }
                *line += 1;
                let text = if *line == 1 { text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&text) } else { &text };
                if !text.trim_ascii().is_empty() {
                    return Ok(Some((*line, json_step(text, ids))));
                }
            },
        }
    }

    /// Sends batches until the end of the file, or until the receiver is gone.
    pub fn send(mut self, batches: &mpsc::Sender<io::Result<Batch>>) {
        let mut ids = ImportIds::default();
        let mut batch = Batch::default();
        loop {
            match self.next(&mut ids) {
                Ok(Some((line, row))) => batch.push(line, row),
                Ok(None) => {
                    // Without a receiver an error was reported already.
                    let _ = batches.blocking_send(Ok(batch));
                    return;
                }
                Err(error) => {
                    let _ = batches.blocking_send(Ok(batch));
                    let _ = batches.blocking_send(Err(error));
                    return;
                }
            }
            if batch.is_full() && batches.blocking_send(Ok(std::mem::take(&mut batch))).is_err() {
                return;
            }
        }
    }
}

impl Batch {
    fn push(&mut self, line: u64, row: Result<NewStep, String>) {
        self.last_line = line;
        let written = row.and_then(|step| serde_json::to_vec(&step).map_err(|error| error.to_string()));
        match written {
            Ok(json) => {
                self.body.extend_from_slice(&json);
                self.body.push(b'\n');
                self.lines.push(line);
            }
            Err(reason) => self.refused.push((line, reason)),
        }
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= BATCH_LINES
            || self.refused.len() >= BATCH_LINES
            || self.body.len() > MAX_BATCH_BYTES - SPARE_BYTES
    }
}

fn json_step(text: &[u8], ids: &mut ImportIds) -> Result<NewStep, String> {
    let fields: JsonFields = serde_json::from_slice(text).map_err(|error| match std::str::from_utf8(text) {
        Ok(_) => format!("is not a JSON object on one line: {error}"),
        Err(_) => "is not UTF-8".to_owned(),
    })?;
    let fields = fields.without(&columns::DERIVED).into_texts().map_err(|errors| errors.to_string())?;
    columns::step(fields.iter().map(|(name, value)| (name.as_str(), value.clone())), ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(rows: Rows) -> Vec<(u64, Result<String, String>)> {
        let mut rows = rows;
        let mut ids = ImportIds::default();
        let mut found = Vec::new();
        while let Some((line, row)) = rows.next(&mut ids).unwrap() {
            found.push((line, row.map(|step| step.status.to_string())));
        }
        found
    }

    fn csv(text: &'static [u8]) -> Vec<(u64, Result<String, String>)> {
        all(Rows::csv(Box::new(text)).unwrap())
    }

    #[test]
    fn bad_lines_stand_alone_and_are_numbered_as_an_editor_does() {
        let rows = csv(b"\xEF\xBB\xBFcomponent,version,owner,status,ts\r\n\
            c,1,o,one,2026-01-05 09:30:00\r\n\
            \r\n\
            c,1,o,\"two\nlines\",2026-01-05 09:30:00\r\n\
            c,1,o,ragged\r\n\
            c,1,\xFF,bytes,2026-01-05 09:30:00\r\n\
            c,1,o,last,2026-01-05 09:30:00");
        let lines: Vec<_> = rows.iter().map(|(line, row)| (*line, row.is_ok())).collect();
        assert_eq!(lines, [(2, true), (4, false), (6, false), (7, false), (8, true)], "{rows:?}");
        assert_eq!(rows[2].1, Err("has 4 fields, but the header has 5".to_owned()));
        assert_eq!(rows[3].1, Err("owner is not UTF-8".to_owned()));
    }

    #[test]
    fn an_empty_file_has_no_header() {
        assert!(Rows::csv(Box::new(&b""[..])).err().unwrap().contains("empty"));
    }

    #[test]
    fn json_lines_ignore_what_is_derived() {
        let text = b"\xEF\xBB\xBF{\"component\":\"c\",\"version\":\"1\",\"owner\":\"o\",\"status\":\"one\",\
            \"ts\":\"2026-01-05T09:30:00Z\",\"run\":null,\"duration_seconds\":1.5,\"deployment_id\":7}\n\
            \n\
            {\"component\":\"c\"\n\
            {\"component\":1}\n";
        let rows = all(Rows::Jsonl(Box::new(&text[..]), 0));
        assert_eq!(rows[0], (1, Ok("one".to_owned())));
        assert_eq!((rows[1].0, rows[2].0, rows.len()), (3, 4, 3));
        assert!(rows[1].1.as_ref().unwrap_err().contains("JSON object on one line"));
        assert!(rows[2].1.as_ref().unwrap_err().contains("must be a JSON string"));
    }

    #[test]
    fn json_lines_of_spans_have_truth_values_and_numbers() {
        let line = |more: &str| {
            let line = format!(
                "{{\"component\":\"c\",\"version\":\"1\",\"owner\":\"o\",\"status\":\"s\",\
                \"ts\":\"2026-01-05T09:30:00Z\",\"ended_at\":\"2026-01-05T09:31:00Z\",\"duration_seconds\":60,{more}}}"
            );
            json_step(line.as_bytes(), &mut ImportIds::default()).map(|step| (step.span, step.finish.is_some()))
        };
        assert_eq!(line("\"span\":true,\"outcome\":\"failed\",\"exit_code\":3"), Ok((true, true)));
        assert_eq!(line("\"span\":true,\"outcome\":\"unfinished\",\"exit_code\":null"), Ok((true, false)));
        assert_eq!(line("\"span\":false,\"outcome\":null,\"exit_code\":null"), Ok((false, false)));
    }

    #[test]
    fn batches_are_limited() {
        let mut text = b"component,version,owner,status,ts\n".to_vec();
        for _ in 0..2500 {
            text.extend_from_slice(b"c,1,o,s,2026-01-05 09:30:00\n");
        }
        let (sender, mut receiver) = mpsc::channel(10);
        Rows::csv(Box::new(io::Cursor::new(text))).unwrap().send(&sender);
        drop(sender);
        let mut sizes = Vec::new();
        while let Some(batch) = receiver.blocking_recv() {
            let batch = batch.unwrap();
            assert_eq!(batch.body.split(|byte| *byte == b'\n').count(), batch.lines.len() + 1);
            sizes.push((batch.lines.len(), batch.last_line));
        }
        assert_eq!(sizes, [(1000, 1001), (1000, 2001), (500, 2501)]);
    }
}
