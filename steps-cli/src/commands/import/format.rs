//! How a file is written: told by its name, else by its first line.

use std::path::Path;

use clap::ValueEnum;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// A header and rows, separated by commas, semicolons or tabs
    Csv,
    /// An array of objects, or {"steps": […]}
    Json,
    /// One JSON object a line
    Jsonl,
}

#[derive(Deserialize)]
struct Document {
    steps: Option<IgnoredAny>,
}

impl FileFormat {
    /// The format of a file with this name and first line.
    pub fn detect(file: &Path, first_line: &[u8]) -> Self {
        Self::of_name(file).unwrap_or_else(|| Self::of_content(first_line))
    }

    fn of_name(file: &Path) -> Option<Self> {
        let name = file.file_name()?.to_str()?.to_ascii_lowercase();
        match name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.')?.1 {
            "csv" | "tsv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            // Files called .json have either in them.
            _ => None,
        }
    }

    fn of_content(first_line: &[u8]) -> Self {
        let line = first_line.trim_ascii();
        match line.first() {
            Some(b'[') => Self::Json,
            Some(b'{') => match serde_json::from_slice(line) {
                Ok(Document { steps: None }) => Self::Jsonl,
                _ => Self::Json,
            },
            _ => Self::Csv,
        }
    }
}

/// What separates the columns of a CSV file with this header: the comma, semicolon or tab that is there most often.
pub fn separator(header: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(0, b','), (0, b';'), (0, b'\t')];
    for byte in header {
        match byte {
            b'"' => quoted = !quoted,
            byte if !quoted => {
                counts.iter_mut().filter(|(_, separator)| separator == byte).for_each(|(count, _)| *count += 1)
            }
            _ => {}
        }
    }
    // Of equal ones the first.
    counts.into_iter().rev().max_by_key(|(count, _)| *count).map_or(b',', |(_, separator)| separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_more_than_contents() {
        use FileFormat::{Csv, Json, Jsonl};
        for (name, line, expected) in [
            ("a.csv", "{}", Csv),
            ("a.TSV.gz", "[", Csv),
            ("a.ndjson.gz", "[", Jsonl),
            ("a.jsonl", "{\"component\":", Jsonl),
            ("a.json", "{\"component\":\"c\"}\n", Jsonl),
            ("a.json", "[\n", Json),
            ("a.json", "{\n", Json),
            ("-", "{\"steps\":[\n", Json),
            ("-", "{\"steps\":[{}]}", Json),
            ("-", "component,version\n", Csv),
            ("history", "", Csv),
        ] {
            assert_eq!(FileFormat::detect(Path::new(name), line.as_bytes()), expected, "{name} {line}");
        }
    }

    #[test]
    fn separators() {
        let found = |header: &str| char::from(separator(header.as_bytes()));
        assert_eq!(found("component,version,\"a;b;c;d\"\n"), ',');
        assert_eq!(found("component;version;\"Name, first\"\r\n"), ';');
        assert_eq!(found("component\tversion\n"), '\t');
        assert_eq!(found("component\n"), ',');
    }
}
