//! The formats of an export.

use std::fmt;
use std::str::FromStr;

use crate::nearest;

/// A format that the server writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListFormat {
    /// RFC 4180, with a header.
    #[default]
    Csv,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// An Excel workbook.
    Xlsx,
}

impl ListFormat {
    /// All of them, in the order they are named in messages.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Json, Self::Jsonl, Self::Xlsx];

    /// As it is written in `format=` and `--format`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Xlsx => "xlsx",
        }
    }

    /// The media type of an answer in this format.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Json => "application/json",
            Self::Jsonl => "application/x-ndjson",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// The most rows the format can hold; Excel's sheet has 1,048,576, one of them the header.
    #[must_use]
    pub fn most_rows(self) -> Option<u64> {
        (self == Self::Xlsx).then_some(1_048_575)
    }
}

impl FromStr for ListFormat {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
            let hint = nearest(text, &names).map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
            format!("must be csv, json, jsonl or xlsx, not {text:?}{hint}")
        })
    }
}

impl fmt::Display for ListFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
