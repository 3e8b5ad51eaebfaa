//! Which columns a list has, and what stands in them.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use steps_shared::{Column, Format, Step, Timestamp};

/// The columns of a list in its format.
#[derive(Debug, Clone)]
pub struct Layout {
    /// How it is written.
    pub format: Format,
    /// What is written, in this order.
    pub columns: Vec<Column>,
}

/// What stands in one cell.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// Nothing is known: empty, never 0.
    Empty,
    /// A text.
    Text(&'a str),
    /// An identity.
    Id(steps_shared::StepId),
    /// A moment; where the format has no type for it, RFC 3339.
    Moment(Timestamp),
    /// A moment that CSV writes as the old service did, in whole seconds.
    Second(Timestamp),
}

impl Layout {
    /// The chosen columns, or those the format has by itself.
    #[must_use]
    pub fn new(format: Format, chosen: &[Column]) -> Self {
        let columns = match (chosen, format) {
            ([], Format::Json | Format::Jsonl) => Column::JSON.to_vec(),
            ([], Format::Csv | Format::Xlsx) => Column::ALL.to_vec(),
            (chosen, _) => chosen.to_vec(),
        };
        Self { format, columns }
    }

    /// A step as a JSON object with these columns.
    #[must_use]
    pub fn row<'a>(&'a self, step: &'a Step) -> Row<'a> {
        Row { columns: &self.columns, step }
    }
}

/// What stands in a column for a step.
#[must_use]
pub fn cell(step: &Step, column: Column) -> Cell<'_> {
    match column {
        Column::Component => Cell::Text(step.component.as_str()),
        Column::Version => Cell::Text(step.version.as_str()),
        Column::Owner => Cell::Text(step.owner.as_str()),
        Column::Status => Cell::Text(step.status.as_str()),
        Column::Ts => Cell::Second(step.ts),
        Column::Environment => Cell::Text(step.environment.as_str()),
        Column::Run => step.run.as_ref().map_or(Cell::Empty, |run| Cell::Text(run.as_str())),
        Column::Id => Cell::Id(step.id),
        Column::StartedAt => Cell::Moment(step.ts),
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Id(id) => id.serialize(serializer),
            Self::Moment(moment) | Self::Second(moment) => moment.serialize(serializer),
        }
    }
}

/// A step as a JSON object.
#[derive(Debug)]
pub struct Row<'a> {
    columns: &'a [Column],
    step: &'a Step,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            map.serialize_entry(column.name(), &cell(self.step, *column))?;
        }
        map.end()
    }
}
