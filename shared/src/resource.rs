//! What the server has lists of, and what stands in the columns of each: the same for exports and for tables.

use std::fmt;
use std::str::FromStr;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::{Duration, Glob, Scope, StepId, Timestamp};

/// The columns of one kind of list.
pub trait ListColumn: Copy + PartialEq + fmt::Debug + FromStr<Err = String> + Send + Sync + 'static {
    /// All of them, in the order of a CSV export.
    const ALL: &'static [Self];
    /// As it is written in a header.
    fn name(self) -> &'static str;
}

/// A row of a list. Its `Serialize` is its one JSON object, in lists and in single answers.
pub trait Resource: Serialize + Send + Sync + 'static {
    /// Its columns.
    type Column: ListColumn;
    /// What a list of them is called: the member in JSON, the name of a workbook.
    const NAME: &'static str;
    /// What stands in a column.
    fn cell(&self, column: Self::Column) -> Cell<'_>;
}

/// What stands in one cell. `Display` writes it as CSV does, unquoted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing is known: empty, never 0.
    Empty,
    /// A text.
    Text(&'a str),
    /// An identity.
    Id(StepId),
    /// A time; RFC 3339 with microseconds where the format has no type for it.
    Time(Timestamp),
    /// A time that CSV writes in whole seconds, as the old service did; elsewhere as [`Self::Time`].
    TimeInSeconds(Timestamp),
    /// A duration, in seconds.
    Duration(Duration),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Several words; CSV has commas between them.
    List(List<'a>),
}

/// Several words in one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum List<'a> {
    /// What a token permits.
    Scopes(&'a [Scope]),
    /// Patterns of names.
    Globs(&'a [Glob]),
}

impl<'a> List<'a> {
    /// Each of them.
    #[must_use]
    pub fn words(self) -> Vec<&'a str> {
        match self {
            Self::Scopes(scopes) => scopes.iter().map(|scope| scope.name()).collect(),
            Self::Globs(globs) => globs.iter().map(Glob::as_str).collect(),
        }
    }
}

impl Cell<'_> {
    /// A count. Those above `i64::MAX` do not occur.
    #[must_use]
    pub fn count(count: u64) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

macro_rules! cells {
    ($($Type:ty => $Variant:ident,)*) => {$(
        impl<'a> From<$Type> for Cell<'a> {
            fn from(value: $Type) -> Self {
                Self::$Variant(value.into())
            }
        }
    )*};
}

cells! {
    &'a str => Text,
    StepId => Id,
    Timestamp => Time,
    Duration => Duration,
    u32 => Integer,
    i32 => Integer,
    f64 => Float,
    bool => Bool,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.pad(""),
            Self::Text(text) => f.pad(text),
            Self::Id(id) => id.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::TimeInSeconds(time) => f.pad(&time.to_seconds_text()),
            Self::Duration(duration) => f.pad(&duration.to_seconds_text()),
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Bool(value) => value.fmt(f),
            Self::List(list) => f.pad(&list.words().join(",")),
        }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Id(id) => id.serialize(serializer),
            Self::Time(time) | Self::TimeInSeconds(time) => time.serialize(serializer),
            Self::Duration(duration) => duration.serialize(serializer),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::List(list) => list.words().serialize(serializer),
        }
    }
}

/// A row as a JSON object of some of its columns, in their order.
#[derive(Debug)]
pub struct Selected<'a, R: Resource> {
    /// Which columns.
    pub columns: &'a [R::Column],
    /// Of which row.
    pub row: &'a R,
}

impl<R: Resource> Serialize for Selected<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            map.serialize_entry(column.name(), &self.row.cell(*column))?;
        }
        map.end()
    }
}

/// Declares the columns of a list and their names; see [`words`](crate::words).
macro_rules! columns {
    ($(#[$meta:meta])* $Name:ident { $($columns:tt)* }) => {
        $crate::words::words! { $(#[$meta])* $Name { $($columns)* } }

        impl $crate::ListColumn for $Name {
            const ALL: &'static [Self] = Self::ALL;
            fn name(self) -> &'static str {
                self.name()
            }
        }
    };
}

pub(crate) use columns;
