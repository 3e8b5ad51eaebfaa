//! Which columns a list has, and what stands in them.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use steps_shared::{
    Deployment, DeploymentColumn, Duration, ListColumn, ListFormat, Step, StepColumn, StepId, Timestamp,
};

/// What stands in one cell.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// Nothing is known: empty, never 0.
    Empty,
    /// A text.
    Text(&'a str),
    /// An identity.
    Id(StepId),
    /// A moment; where the format has no type for it, RFC 3339.
    Moment(Timestamp),
    /// A moment that CSV writes as the old service did, in whole seconds.
    Second(Timestamp),
    /// A duration, in seconds.
    Seconds(Duration),
    /// A whole number.
    Number(i64),
    /// A number.
    Fraction(f64),
    /// Yes or no.
    Truth(bool),
}

/// A row of a list.
pub trait Row: Send + Sync + 'static {
    /// Its columns.
    type Column: ListColumn + Send + Sync;
    /// What a list of them is called: the member in JSON, the name of a workbook.
    const NAME: &'static str;
    /// The columns of a JSON object, unless they are chosen.
    const JSON: &'static [Self::Column];
    /// What stands in a column.
    fn cell(&self, column: Self::Column) -> Cell<'_>;
}

/// The columns of a list in its format.
#[derive(Debug, Clone)]
pub struct Layout<C> {
    /// How it is written.
    pub format: ListFormat,
    /// What is written, in this order.
    pub columns: Vec<C>,
}

impl<C: ListColumn> Layout<C> {
    /// The chosen columns, or those the format has by itself.
    #[must_use]
    pub fn new<R: Row<Column = C>>(format: ListFormat, chosen: &[C]) -> Self {
        let columns = match (chosen, format) {
            ([], ListFormat::Json | ListFormat::Jsonl) => R::JSON,
            ([], ListFormat::Csv | ListFormat::Xlsx) => C::ALL,
            (chosen, _) => chosen,
        };
        Self { format, columns: columns.to_vec() }
    }

    /// A row as a JSON object with these columns.
    #[must_use]
    pub fn object<'a, R: Row<Column = C>>(&'a self, row: &'a R) -> Object<'a, R> {
        Object { columns: &self.columns, row }
    }
}

impl Row for Step {
    type Column = StepColumn;
    const NAME: &'static str = "steps";
    const JSON: &'static [StepColumn] = &StepColumn::JSON;

    fn cell(&self, column: StepColumn) -> Cell<'_> {
        match column {
            StepColumn::Component => Cell::Text(self.component.as_str()),
            StepColumn::Version => Cell::Text(self.version.as_str()),
            StepColumn::Owner => Cell::Text(self.owner.as_str()),
            StepColumn::Status => Cell::Text(self.status.as_str()),
            StepColumn::Ts => Cell::Second(self.ts),
            StepColumn::Environment => Cell::Text(self.environment.as_str()),
            StepColumn::Run => self.run.as_ref().map_or(Cell::Empty, |run| Cell::Text(run.as_str())),
            StepColumn::Id => Cell::Id(self.id),
            StepColumn::StartedAt => Cell::Moment(self.ts),
            StepColumn::EndedAt => self.ended_at.map_or(Cell::Empty, Cell::Moment),
            StepColumn::DurationSeconds => self.duration().map_or(Cell::Empty, Cell::Seconds),
            StepColumn::DeploymentId => self.deployment_id.map_or(Cell::Empty, Cell::Id),
            StepColumn::Span => Cell::Truth(self.span),
            StepColumn::Outcome if self.is_unfinished() => Cell::Text("unfinished"),
            StepColumn::Outcome => self.outcome.map_or(Cell::Empty, |outcome| Cell::Text(outcome.name())),
            StepColumn::ExitCode => self.exit_code.map_or(Cell::Empty, |code| Cell::Number(code.into())),
        }
    }
}

impl Row for Deployment {
    type Column = DeploymentColumn;
    const NAME: &'static str = "deployments";
    const JSON: &'static [DeploymentColumn] = DeploymentColumn::ALL;

    fn cell(&self, column: DeploymentColumn) -> Cell<'_> {
        match column {
            DeploymentColumn::Component => Cell::Text(self.component.as_str()),
            DeploymentColumn::Version => Cell::Text(self.version.as_str()),
            DeploymentColumn::StartedAt => Cell::Moment(self.started_at),
            DeploymentColumn::EndedAt => self.ended_at.map_or(Cell::Empty, Cell::Moment),
            DeploymentColumn::DurationSeconds => self.duration.map_or(Cell::Empty, Cell::Seconds),
            DeploymentColumn::Outcome => Cell::Text(self.outcome.name()),
            DeploymentColumn::Status => Cell::Text(self.status.as_str()),
            DeploymentColumn::Owner => Cell::Text(self.owner.as_str()),
            DeploymentColumn::Environment => Cell::Text(self.environment.as_str()),
            DeploymentColumn::Run => self.run.as_ref().map_or(Cell::Empty, |run| Cell::Text(run.as_str())),
            DeploymentColumn::Steps => Cell::Number(self.steps.into()),
            DeploymentColumn::Id => Cell::Id(self.id),
        }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Id(id) => id.serialize(serializer),
            Self::Moment(moment) | Self::Second(moment) => moment.serialize(serializer),
            Self::Seconds(duration) => duration.serialize(serializer),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Fraction(number) => serializer.serialize_f64(*number),
            Self::Truth(truth) => serializer.serialize_bool(*truth),
        }
    }
}

/// A row as a JSON object.
#[derive(Debug)]
pub struct Object<'a, R: Row> {
    columns: &'a [R::Column],
    row: &'a R,
}

impl<R: Row> Serialize for Object<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for column in self.columns {
            map.serialize_entry(column.name(), &self.row.cell(*column))?;
        }
        map.end()
    }
}
