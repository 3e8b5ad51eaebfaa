//! Notes: what is known of a moment or a span of a component, such as a move to another cluster.

use serde::{Deserialize, Serialize};

use crate::fields::{optional, required, sort};
use crate::parameters::{named, put, put_time};
use crate::resource::columns;
use crate::{
    Cell, Component, Environment, FieldError, FieldErrors, Filter, ListQuery, NewStep, NoteText, Owner, Resource,
    StepId, Timestamp,
};

/// A note on its way to be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewNote {
    /// The identity given by the client; the server makes one otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<StepId>,
    /// Of what.
    pub component: Component,
    /// Where; `None` is everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    /// What is known.
    pub text: NoteText,
    /// When it was, or began; by default when the server receives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// When it ended; `None` for a moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who says so.
    pub owner: Owner,
}

/// A note. It never changes, but may be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Note {
    /// The identity.
    pub id: StepId,
    /// Of what.
    pub component: Component,
    /// Where; null is everywhere.
    pub environment: Option<Environment>,
    /// What is known.
    pub text: NoteText,
    /// When it was, or began.
    pub at: Timestamp,
    /// When it ends; null for a moment. It may lie in the future.
    pub until: Option<Timestamp>,
    /// Who says so.
    pub owner: Owner,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

columns! {
    /// A column of a list of notes.
    NoteColumn {
        /// When it was, or began.
        At = "at",
        /// When it ends.
        Until = "until",
        /// Of what.
        Component = "component",
        /// Where.
        Environment = "environment",
        /// What is known.
        Text = "text",
        /// Who says so.
        Owner = "owner",
        /// When it was recorded.
        RecordedAt = "recorded_at",
        /// The identity.
        Id = "id",
    }
}

impl Resource for Note {
    type Column = NoteColumn;
    const NAME: &'static str = "notes";

    fn cell(&self, column: NoteColumn) -> Cell<'_> {
        match column {
            NoteColumn::At => self.at.into(),
            NoteColumn::Until => self.until.into(),
            NoteColumn::Component => self.component.as_str().into(),
            NoteColumn::Environment => self.environment.as_ref().map(Environment::as_str).into(),
            NoteColumn::Text => self.text.as_str().into(),
            NoteColumn::Owner => self.owner.as_str().into(),
            NoteColumn::RecordedAt => self.recorded_at.into(),
            NoteColumn::Id => self.id.into(),
        }
    }
}

/// A list of notes.
pub type NoteQuery = ListQuery<NoteFilter, NoteColumn>;

/// Which notes; all that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoteFilter {
    /// Of this component.
    pub component: Option<Component>,
    /// In this environment, or everywhere.
    pub environment: Option<Environment>,
    /// By this owner.
    pub owner: Option<Owner>,
    /// Not over before this time.
    pub since: Option<Timestamp>,
    /// Begun at this time or earlier.
    pub until: Option<Timestamp>,
}

impl Filter for NoteFilter {
    const PARAMETERS: &'static [&'static str] =
        &["component", "environment", "owner", "start_datetime", "end_datetime"];

    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        Some(match name {
            "component" => put(&mut self.component, name, value),
            "environment" => put(&mut self.environment, name, value),
            "owner" => put(&mut self.owner, name, value),
            "start_datetime" => put_time(&mut self.since, name, value, |time| time.start),
            "end_datetime" => put_time(&mut self.until, name, value, |time| time.end),
            _ => return None,
        })
    }

    fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { component, environment, owner, since, until } = self;
        let values = [
            component.as_ref().map(ToString::to_string),
            environment.as_ref().map(ToString::to_string),
            owner.as_ref().map(ToString::to_string),
            since.as_ref().map(ToString::to_string),
            until.as_ref().map(ToString::to_string),
        ];
        named(Self::PARAMETERS, values)
    }
}

impl NewNote {
    /// The fields of a note; component, text and owner must be given.
    pub const FIELDS: [&'static str; 7] = ["component", "text", "owner", "environment", "at", "until", "id"];

    /// Reads a note from its fields. An empty optional field counts as not given.
    ///
    /// # Errors
    /// Every missing, wrong, repeated or unknown field, all at once.
    pub fn from_fields<K, V>(fields: impl IntoIterator<Item = (K, V)>) -> Result<Self, FieldErrors>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut errors = Vec::new();
        let [component, text, owner, environment, at, until, id] = sort(&Self::FIELDS, fields, &mut errors);
        let read = (
            required("component", component, &mut errors),
            required("text", text, &mut errors),
            required("owner", owner, &mut errors),
        );
        let environment = optional("environment", environment, &mut errors);
        let at = optional("at", at, &mut errors);
        let until = optional("until", until, &mut errors);
        let id = optional("id", id, &mut errors);
        match read {
            (Some(component), Some(text), Some(owner)) if errors.is_empty() => {
                Ok(Self { id, component, environment, text, at, until, owner })
            }
            _ => Err(FieldErrors(errors)),
        }
    }

    /// The note as it is kept when the server's clock shows `now`.
    ///
    /// # Errors
    /// It begins more than five minutes in the future, or ends before it begins.
    pub fn into_note(self, now: Timestamp) -> Result<Note, FieldErrors> {
        let Self { id, component, environment, text, at, until, owner } = self;
        let at = at.unwrap_or(now);
        if at.micros() > now.micros().saturating_add(NewStep::FUTURE_MICROS) {
            let reason = format!("is more than 5 minutes in the future: {at}, and it is {now} now");
            return Err(FieldError::wrong("at", reason).into());
        }
        if let Some(until) = until.filter(|until| *until < at) {
            return Err(FieldError::wrong("until", format!("is {until}, before the note begins at {at}")).into());
        }
        let id = id.unwrap_or_else(StepId::generate);
        Ok(Note { id, component, environment, text, at, until, owner, recorded_at: now })
    }
}

impl Note {
    /// Whether it is about an environment.
    #[must_use]
    pub fn is_about(&self, environment: &Environment) -> bool {
        self.environment.as_ref().is_none_or(|own| own == environment)
    }

    /// How many microseconds lie between it and a time; 0 within a span.
    #[must_use]
    pub fn distance(&self, time: Timestamp) -> i64 {
        let (from, to, time) = (self.at.micros(), self.until.unwrap_or(self.at).micros(), time.micros());
        (from - time).max(time - to).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-05T10:00:00Z";

    fn read(more: &[(&'static str, &str)]) -> Result<Note, FieldErrors> {
        let fields = [("component", "shop"), ("text", " moved "), ("owner", "ann")];
        NewNote::from_fields(fields.into_iter().chain(more.iter().copied()))?.into_note(NOW.parse().unwrap())
    }

    #[test]
    fn a_note_is_of_now_unless_it_says_more() {
        let note = read(&[]).unwrap();
        assert_eq!((note.text.as_str(), note.at.to_rfc3339().as_str()), ("moved", "2026-01-05T10:00:00.000000Z"));
        assert_eq!((note.until, note.environment), (None, None));
        let note =
            read(&[("at", "2026-01-04 10:00:00"), ("until", "2027-01-01T00:00:00Z"), ("environment", "staging")]);
        assert!(note.is_ok_and(|note| note.is_about(&"staging".parse().unwrap())));
        let fields: Vec<String> = [read(&[("at", "2026-01-05T10:05:01Z")]), read(&[("until", "2026-01-04T10:00:00Z")])]
            .into_iter()
            .map(|read| read.unwrap_err().0[0].field.clone())
            .collect();
        assert_eq!(fields, ["at", "until"]);
    }

    #[test]
    fn a_text_is_checked_and_bounded() {
        let long = "x".repeat(256);
        for text in ["", " ", "a\nb", "\u{200b}", &long] {
            let read = NewNote::from_fields([("component", "shop"), ("text", text), ("owner", "ann")]);
            assert!(read.is_err(), "{text:?}");
        }
        assert!(NewNote::from_fields([("component", "shop"), ("text", "=1+1 <b> é"), ("owner", "ann")]).is_ok());
        assert!(NewNote::from_fields([("component", "shop"), ("txet", "x"), ("owner", "ann")]).is_err());
    }

    #[test]
    fn the_distance_is_to_the_nearest_end() {
        let note = read(&[("at", "2026-01-01T00:00:00Z"), ("until", "2026-01-02T00:00:00Z")]).unwrap();
        let distance = |time: &str| note.distance(time.parse().unwrap()) / 1_000_000;
        assert_eq!(distance("2025-12-31T23:59:00Z"), 60);
        assert_eq!(distance("2026-01-01T12:00:00Z"), 0);
        assert_eq!(distance("2026-01-02T00:00:01Z"), 1);
    }
}
