//! The formats of an export.

use crate::words::words;

words! {
    /// A format that the server writes, named as in `format=` and `--format`.
    #[derive(Default)]
    ListFormat {
        /// RFC 4180, with a header.
        #[default]
        Csv = "csv",
        /// One JSON document.
        Json = "json",
        /// One JSON object a line.
        Jsonl = "jsonl",
        /// An Excel workbook.
        Xlsx = "xlsx",
    }
}

impl ListFormat {
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
    pub fn max_rows(self) -> Option<u64> {
        (self == Self::Xlsx).then_some(1_048_575)
    }
}
