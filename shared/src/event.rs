//! Events: what `GET /v1/events` tells while it happens.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::parameters::{put, read_parameters};
use crate::words::words;
use crate::{
    Component, Deployment, Environment, FieldError, FieldErrors, Filter as _, Note, Owner, Run, Step, StepFilter,
    StepId, Version,
};

words! {
    /// What an event is about: its name in the stream.
    EventKind {
        /// A step was recorded, or the end of a span.
        Step = "step",
        /// A deployment has changed.
        Deployment = "deployment",
        /// A deployment is no longer there: an earlier step turned out to be its first, or to belong to another one.
        Removed = "removed",
        /// A note was recorded.
        Note = "note",
        /// A note was removed.
        NoteRemoved = "note_removed",
        /// Not everything can be told: list what is of interest, then go on.
        Reset = "reset",
    }
}

/// Which events; all that is given must hold. A `reset` is told to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of these names, without times; the status of a deployment is the last that was recorded.
    pub names: StepFilter,
    /// Of this kind.
    pub event: Option<EventKind>,
}

/// The parameters of `GET /v1/events`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventQuery {
    /// Which events.
    pub filter: EventFilter,
    /// Behind the event with this id; `None` is from now on.
    pub last_event_id: Option<String>,
}

/// A deployment that is no longer there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemovedDeployment {
    /// The identity that it had.
    pub id: StepId,
    /// What was deployed.
    pub component: Component,
    /// Where to.
    pub environment: Environment,
    /// Which version.
    pub version: Version,
    /// Who began it.
    pub owner: Owner,
    /// The CI run it belonged to.
    pub run: Option<Run>,
}

/// Of what a note was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemovedNote {
    /// Of what it was.
    pub component: Component,
    /// Where; null is everywhere.
    pub environment: Option<Environment>,
}

/// Why not everything can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reset {
    /// In a sentence.
    pub reason: String,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A step was recorded, or the end of a span.
    Step(Box<Step>),
    /// A deployment has changed.
    Deployment(Box<Deployment>),
    /// A deployment is no longer there.
    Removed(RemovedDeployment),
    /// A note was recorded.
    Note(Box<Note>),
    /// A note was removed.
    NoteRemoved(RemovedNote),
    /// Not everything can be told.
    Reset(Reset),
}

impl Event {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Step(_) => EventKind::Step,
            Self::Deployment(_) => EventKind::Deployment,
            Self::Removed(_) => EventKind::Removed,
            Self::Note(_) => EventKind::Note,
            Self::NoteRemoved(_) => EventKind::NoteRemoved,
            Self::Reset(_) => EventKind::Reset,
        }
    }

    /// Where it happened: of which component, and in which environment, or in all; a `reset` is of no component.
    #[must_use]
    pub fn place(&self) -> Option<(&Component, Option<&Environment>)> {
        match self {
            Self::Step(step) => Some((&step.component, Some(&step.environment))),
            Self::Deployment(deployment) => Some((&deployment.component, Some(&deployment.environment))),
            Self::Removed(removed) => Some((&removed.component, Some(&removed.environment))),
            Self::Note(note) => Some((&note.component, note.environment.as_ref())),
            Self::NoteRemoved(removed) => Some((&removed.component, removed.environment.as_ref())),
            Self::Reset(_) => None,
        }
    }

    /// Its JSON.
    ///
    /// # Errors
    /// None: every name is text.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Step(step) => serde_json::to_string(step),
            Self::Deployment(deployment) => serde_json::to_string(deployment),
            Self::Removed(removed) => serde_json::to_string(removed),
            Self::Note(note) => serde_json::to_string(note),
            Self::NoteRemoved(removed) => serde_json::to_string(removed),
            Self::Reset(reset) => serde_json::to_string(reset),
        }
    }

    /// An event of its kind and JSON.
    ///
    /// # Errors
    /// It is not the JSON of that kind.
    pub fn from_json(kind: EventKind, json: &str) -> Result<Self, serde_json::Error> {
        Ok(match kind {
            EventKind::Step => Self::Step(serde_json::from_str(json)?),
            EventKind::Deployment => Self::Deployment(serde_json::from_str(json)?),
            EventKind::Removed => Self::Removed(serde_json::from_str(json)?),
            EventKind::Note => Self::Note(serde_json::from_str(json)?),
            EventKind::NoteRemoved => Self::NoteRemoved(serde_json::from_str(json)?),
            EventKind::Reset => Self::Reset(serde_json::from_str(json)?),
        })
    }
}

impl EventFilter {
    /// The names of its parameters.
    pub const PARAMETERS: [&'static str; 7] =
        ["component", "version", "owner", "status", "environment", "run", "event"];

    /// Whether an event is one of these.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        let kind = event.kind();
        if kind != EventKind::Reset && self.event.is_some_and(|wanted| wanted != kind) {
            return false;
        }
        match event {
            Event::Step(step) => {
                let Step { component, environment, version, owner, run, status, .. } = step.as_ref();
                self.names(component, environment, version, owner, run.as_ref())
                    && is_or_none(&self.names.status, status)
            }
            Event::Deployment(deployment) => {
                let Deployment { component, environment, version, owner, run, status, .. } = deployment.as_ref();
                self.names(component, environment, version, owner, run.as_ref())
                    && is_or_none(&self.names.status, status)
            }
            Event::Removed(RemovedDeployment { id: _, component, environment, version, owner, run }) => {
                self.names(component, environment, version, owner, run.as_ref())
            }
            Event::Note(note) => {
                self.is_of_notes(&note.component, note.environment.as_ref())
                    && is_or_none(&self.names.owner, &note.owner)
            }
            Event::NoteRemoved(RemovedNote { component, environment }) => {
                self.is_of_notes(component, environment.as_ref()) && self.names.owner.is_none()
            }
            Event::Reset(_) => true,
        }
    }

    /// Whether notes of a component are among these: they are of no version, status or run.
    fn is_of_notes(&self, component: &Component, environment: Option<&Environment>) -> bool {
        is_or_none(&self.names.component, component)
            && environment.is_none_or(|environment| is_or_none(&self.names.environment, environment))
            && (&self.names.version, &self.names.status, &self.names.run) == (&None, &None, &None)
    }

    fn names(
        &self,
        component: &Component,
        environment: &Environment,
        version: &Version,
        owner: &Owner,
        run: Option<&Run>,
    ) -> bool {
        is_or_none(&self.names.component, component)
            && is_or_none(&self.names.environment, environment)
            && is_or_none(&self.names.version, version)
            && is_or_none(&self.names.owner, owner)
            && (self.names.run.is_none() || self.names.run.as_ref() == run)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        match name {
            "event" => Some(put(&mut self.event, name, value)),
            name if Self::PARAMETERS.contains(&name) => self.names.set(name, value),
            _ => None,
        }
    }
}

fn is_or_none<T: PartialEq>(wanted: &Option<T>, found: &T) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == found)
}

impl EventQuery {
    /// The names of its parameters beside those of the filter.
    pub const OWN_PARAMETERS: [&'static str; 1] = ["last_event_id"];

    /// Reads the parameters of a query string. An empty value counts as not given.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut query = Self::default();
        let known: Vec<&str> = EventFilter::PARAMETERS.iter().chain(&Self::OWN_PARAMETERS).copied().collect();
        read_parameters(parameters, &known, |name, value| {
            if name == "last_event_id" {
                query.last_event_id = (!value.is_empty()).then(|| value.to_owned());
                return Some(Ok(()));
            }
            query.filter.set(name, value)
        })?;
        Ok(query)
    }

    /// The parameters that describe this query.
    #[must_use]
    pub fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { filter: EventFilter { names, event }, last_event_id } = self;
        let mut parameters = names.to_parameters();
        parameters.extend(event.map(|event| ("event", event.to_string())));
        parameters.extend(last_event_id.clone().map(|id| ("last_event_id", id)));
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> Event {
        let json = r#"{"id":"0197a000-0000-7000-8000-000000000001","component":"shop","environment":"production",
            "version":"1","owner":"ann","status":"building","ts":"2026-01-05T09:30:00.000000Z","run":"7"}"#;
        Event::from_json(EventKind::Step, json).unwrap()
    }

    fn query(parameters: &[(&'static str, &'static str)]) -> Result<EventQuery, FieldErrors> {
        EventQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn every_part_of_a_filter_must_hold() {
        let matches = |parameters: &[_]| query(parameters).unwrap().filter.matches(&step());
        assert!(matches(&[]) && matches(&[("component", "shop"), ("run", "7"), ("event", "step"), ("owner", "ann")]));
        for other in
            [("component", "bank"), ("run", "8"), ("event", "deployment"), ("status", "testing"), ("version", "2")]
        {
            assert!(!matches(&[("environment", "production"), other]), "{other:?}");
        }
        let note = |environment: &str| {
            let json = format!(r#"{{"component":"shop","environment":{environment}}}"#);
            Event::from_json(EventKind::NoteRemoved, &json).unwrap()
        };
        let matches = |parameters: &[_], event: Event| query(parameters).unwrap().filter.matches(&event);
        let of_shop = [("component", "shop"), ("environment", "production")];
        assert!(matches(&of_shop, note("null")) && matches(&of_shop, note("\"production\"")));
        assert!(!matches(&of_shop, note("\"staging\"")) && !matches(&[("version", "1")], note("null")));
        let reset = Event::Reset(Reset { reason: "a reason".to_owned() });
        assert!(query(&[("event", "step"), ("component", "bank")]).unwrap().filter.matches(&reset));
    }

    #[test]
    fn it_comes_back_from_its_own_parameters() {
        let asked = [
            ("component", "shop"),
            ("version", "1"),
            ("owner", "ann"),
            ("status", "building"),
            ("environment", "e"),
            ("run", "7"),
            ("event", "removed"),
            ("last_event_id", "abc"),
        ];
        let asked = query(&asked).unwrap();
        let parameters = asked.to_parameters();
        assert_eq!(parameters.len(), 8);
        let again = EventQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), value.into())));
        assert_eq!(again, Ok(asked));
        assert!(query(&[("since", "1h")]).is_err() && query(&[("event", "deploy")]).is_err());
        assert_eq!(query(&[("last_event_id", ""), ("event", "")]), Ok(EventQuery::default()));
    }

    #[test]
    fn an_event_comes_back_from_its_json() {
        assert_eq!(Event::from_json(EventKind::Step, &step().json().unwrap()).unwrap(), step());
    }
}
