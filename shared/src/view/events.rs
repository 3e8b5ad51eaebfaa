//! Events in words.

use std::collections::HashMap;

use super::text::{Meaning, Text};
use super::words;
use crate::{
    Component, Deployment, DeploymentOutcome, Environment, Event, Note, RemovedNote, Run, Step, StepId, StepOutcome,
    Version,
};

/// The most deployments whose end is remembered.
const MOST: usize = 10_000;

/// Events as lines, one after the other.
#[derive(Debug, Default)]
pub struct Lines {
    /// How deployments have ended, of which that was told.
    told: HashMap<StepId, DeploymentOutcome>,
}

impl Lines {
    /// The line of an event; `None` where there is nothing to say that was not said: of a deployment that is running, its steps say
    /// it.
    #[must_use]
    pub fn line(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Step(step) => Some(of_step(step)),
            Event::Deployment(deployment) => self.end(deployment),
            Event::Removed(_) => None,
            Event::Note(note) => Some(of_note(note)),
            Event::NoteRemoved(RemovedNote { component, environment }) => {
                Some(format!("a note of {} was removed", noted(component, environment.as_ref())))
            }
            Event::Reset(reset) => Some(format!("something was missed: {}", reset.reason)),
        }
    }

    fn end(&mut self, deployment: &Deployment) -> Option<String> {
        if !self.is_new_end(deployment) {
            return None;
        }
        let Deployment { component, environment, version, run, outcome, duration, .. } = deployment;
        let at = deployment.ended_at.unwrap_or(deployment.started_at).to_seconds_text();
        let what = named(component, version, environment, run.as_ref());
        let after = duration.map_or_else(String::new, |duration| format!(" after {duration}"));
        Some(format!("{at}  {what}: the deployment {}{after}", ended(*outcome)))
    }

    /// Whether a deployment has ended, and that was not told so yet.
    pub fn is_new_end(&mut self, deployment: &Deployment) -> bool {
        let Deployment { id, outcome, .. } = deployment;
        if *outcome == DeploymentOutcome::Running {
            self.told.remove(id);
            return false;
        }
        if self.told.len() >= MOST {
            self.told.clear();
        }
        self.told.insert(*id, *outcome) != Some(*outcome)
    }
}

/// How a deployment has ended, in parts that belong beside each other: what it was, `succeeded after 3m20s`, and when.
#[must_use]
pub fn verdict(deployment: &Deployment) -> [Text; 3] {
    let Deployment { component, environment, version, outcome, duration, .. } = deployment;
    let after = duration.map_or_else(String::new, |duration| format!(" after {duration}"));
    let at = deployment.ended_at.unwrap_or(deployment.started_at).to_seconds_text();
    [
        words::deployed(component, version, environment),
        Text::new(format!("{}{after}", ended(*outcome)), (*outcome).into()),
        Text::new(format!("{at} UTC"), Meaning::Faint),
    ]
}

fn ended(outcome: DeploymentOutcome) -> &'static str {
    match outcome {
        DeploymentOutcome::Succeeded => "succeeded",
        DeploymentOutcome::Failed => "failed",
        DeploymentOutcome::Cancelled => "was cancelled",
        DeploymentOutcome::Abandoned => "was abandoned",
        DeploymentOutcome::Running => "is running",
    }
}

fn of_step(step: &Step) -> String {
    let Step { component, environment, version, run, status, ts, .. } = step;
    let what = named(component, version, environment, run.as_ref());
    match step.finish().filter(|_| step.span) {
        None => format!("{}  {what}: {status}", ts.to_seconds_text()),
        Some(end) => {
            let verb = if end.outcome == StepOutcome::Failed { "failed after" } else { "took" };
            let took = step.duration().unwrap_or_default();
            format!("{}  {what}: {status} {verb} {took}", end.ended_at.to_seconds_text())
        }
    }
}

fn of_note(note: &Note) -> String {
    let Note { component, environment, text, at, until, owner, .. } = note;
    let until = until.map_or_else(String::new, |until| format!(" until {}", until.to_seconds_text()));
    let what = noted(component, environment.as_ref());
    format!("{}  {what}: a note by {owner}{until}: {text}", at.to_seconds_text())
}

fn noted(component: &Component, environment: Option<&Environment>) -> String {
    environment.map_or_else(|| component.to_string(), |environment| format!("{component} ({environment})"))
}

fn named(component: &Component, version: &Version, environment: &Environment, run: Option<&Run>) -> String {
    let run = run.map_or_else(String::new, |run| format!(", run {run}"));
    format!("{component} {version} ({environment}{run})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventKind;

    fn event(kind: EventKind, more: &str) -> Event {
        let json = format!(
            r#"{{"id":"0197a000-0000-7000-8000-000000000001","component":"shop","environment":"production","version":"4.2.0",
            "owner":"ann","run":null{more}}}"#
        );
        Event::from_json(kind, &json).unwrap()
    }

    #[test]
    fn a_line_says_what_happened_and_says_it_once() {
        let mut lines = Lines::default();
        let mut line = |kind, more: &str| lines.line(&event(kind, more)).unwrap_or_default();
        let step = r#","status":"building","ts":"2026-01-05T09:30:00.000000Z""#;
        assert_eq!(line(EventKind::Step, step), "2026-01-05 09:30:00  shop 4.2.0 (production): building");
        let span = format!(r#"{step},"span":true,"outcome":"failed","ended_at":"2026-01-05T09:31:20.000000Z""#);
        assert_eq!(
            line(EventKind::Step, &span),
            "2026-01-05 09:31:20  shop 4.2.0 (production): building failed after 1m20s"
        );
        let deployment = |outcome: &str, end: &str| {
            format!(
                r#","status":"s","started_at":"2026-01-05T09:30:00.000000Z","steps":2,"outcome":"{outcome}","ended_at":{end},
                "duration_seconds":null"#
            )
        };
        assert_eq!(line(EventKind::Deployment, &deployment("running", "null")), "");
        let succeeded = deployment("succeeded", r#""2026-01-05T09:40:00.000000Z""#);
        let told = "2026-01-05 09:40:00  shop 4.2.0 (production): the deployment succeeded";
        assert_eq!(line(EventKind::Deployment, &succeeded), told);
        assert_eq!(line(EventKind::Deployment, &succeeded), "");
        assert!(
            line(EventKind::Deployment, &deployment("abandoned", "null")).ends_with("the deployment was abandoned")
        );
        assert_eq!(line(EventKind::Removed, ""), "");
        let note = r#","text":"moved","at":"2026-01-05T09:30:00Z","until":"2026-01-05T10:00:00Z","recorded_at":"2026-01-06T00:00:00Z""#;
        assert_eq!(
            line(EventKind::Note, note),
            "2026-01-05 09:30:00  shop (production): a note by ann until 2026-01-05 10:00:00: moved"
        );
        assert_eq!(line(EventKind::NoteRemoved, ""), "a note of shop (production) was removed");
    }
}
