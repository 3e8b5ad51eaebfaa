//! Tables: columns, and cells of words or levels.

use super::text::{Meaning, Text};

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Its columns, from the left.
    pub columns: Vec<TableColumn>,
    /// Its rows, each with a cell for every column.
    pub rows: Vec<Vec<TableCell>>,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: &'static str,
    /// Whether its values are aligned at the right, as numbers are.
    pub right: bool,
    /// Whether its values are never cut: half a time or number says nothing.
    pub whole: bool,
    /// Which columns are left out first where there is no room for all: the highest rank first, rank 0 never.
    pub rank: u8,
}

/// What stands in one row of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableCell {
    /// Words; none where a value is unknown.
    Text(Text),
    /// Levels, as of [`super::sparkline::levels`].
    Sparkline(Vec<Option<u8>>),
}

impl TableColumn {
    /// A text, which may be cut.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self { name, right: false, whole: false, rank: 0 }
    }

    /// A time or an identity.
    #[must_use]
    pub const fn whole(name: &'static str) -> Self {
        Self { name, right: false, whole: true, rank: 0 }
    }

    /// A number or a duration.
    #[must_use]
    pub const fn number(name: &'static str) -> Self {
        Self { name, right: true, whole: true, rank: 0 }
    }

    /// The same column, which may be left out.
    #[must_use]
    pub const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

impl TableCell {
    /// Words of a meaning.
    #[must_use]
    pub fn of(words: impl Into<String>, meaning: Meaning) -> Self {
        Self::Text(Text::new(words, meaning))
    }

    /// Words for a value; none where it is unknown.
    #[must_use]
    pub fn known(value: Option<impl ToString>) -> Self {
        value.map_or_else(|| Self::from(""), |value| Self::from(value.to_string()))
    }

    /// Whether it shows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Sparkline(levels) => levels.is_empty(),
        }
    }
}

impl From<Text> for TableCell {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<String> for TableCell {
    fn from(words: String) -> Self {
        Self::Text(words.into())
    }
}

impl From<&str> for TableCell {
    fn from(words: &str) -> Self {
        Self::Text(words.into())
    }
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: Vec<TableColumn>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Leaves the columns out for which `keep` says no: it is given the place of the column and whether all of its cells
    /// are empty.
    pub(super) fn retain_columns(&mut self, keep: impl Fn(usize, bool) -> bool) {
        let is_empty = |at: usize| self.rows.iter().all(|row| row.get(at).is_none_or(TableCell::is_empty));
        let kept: Vec<bool> = (0..self.columns.len()).map(|at| keep(at, is_empty(at))).collect();
        let mut of_columns = kept.iter();
        self.columns.retain(|_| of_columns.next().copied().unwrap_or(true));
        for row in &mut self.rows {
            let mut of_cells = kept.iter();
            row.retain(|_| of_cells.next().copied().unwrap_or(true));
        }
    }

    /// Its lines for tests: the names of the columns, then each row, with `|` between cells and levels as digits.
    #[cfg(test)]
    pub(super) fn to_lines(&self) -> Vec<String> {
        let cell = |cell: &TableCell| match cell {
            TableCell::Text(text) => text.to_string(),
            TableCell::Sparkline(levels) => {
                levels.iter().map(|level| level.map_or(" ".to_owned(), |level| level.to_string())).collect()
            }
        };
        let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join("|"));
        std::iter::once(names.join("|")).chain(rows).collect()
    }
}
