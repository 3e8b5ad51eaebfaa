//! Which columns a list has in its format.

use serde::ser::{Serialize, Serializer};
use steps_shared::{ListColumn, ListFormat, Resource, Selected};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    pub format: ListFormat,
    /// Of CSV: without what a spreadsheet runs as a formula.
    pub safe: bool,
}

/// The columns of a list in its format.
#[derive(Debug, Clone)]
pub struct Layout<C> {
    /// How it is written.
    pub format: ListFormat,
    /// See [`Output::safe`].
    pub safe: bool,
    /// The columns in their order. Empty in JSON and JSONL means each row's own object.
    pub columns: Vec<C>,
}

impl<C: ListColumn> Layout<C> {
    /// The `chosen` columns; where none are, `all` of them in CSV and workbooks, and each row's own object in JSON and JSONL.
    #[must_use]
    pub fn new(Output { format, safe }: Output, chosen: &[C], all: &[C]) -> Self {
        let columns = match (chosen, format) {
            ([], ListFormat::Csv | ListFormat::Xlsx) => all,
            (chosen, _) => chosen,
        };
        Self { format, safe, columns: columns.to_vec() }
    }

    /// A row as a JSON object.
    #[must_use]
    pub fn object<'a, R: Resource<Column = C>>(&'a self, row: &'a R) -> Object<'a, R> {
        if self.columns.is_empty() {
            Object::Whole(row)
        } else {
            Object::Selected(Selected { columns: &self.columns, row })
        }
    }
}

/// A row as a JSON object.
#[derive(Debug)]
pub enum Object<'a, R: Resource> {
    /// All of it.
    Whole(&'a R),
    /// The chosen columns.
    Selected(Selected<'a, R>),
}

impl<R: Resource> Serialize for Object<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(row) => row.serialize(serializer),
            Self::Selected(selected) => selected.serialize(serializer),
        }
    }
}
