//! Which steps failed, in words.

use super::{Row, RowKind};
use crate::view::{Meaning, Text};
use crate::{Step, StepOutcome, TimelineStep};

/// Which steps failed, and with which exit code.
pub(super) fn of(timeline: &[TimelineStep], rows: &[Row]) -> Option<Text> {
    let mut failed: Vec<&str> =
        rows.iter().filter(|row| row.kind == RowKind::Failed).map(|row| row.name.as_str()).collect();
    failed.dedup();
    let (first, others) = failed.split_first()?;
    let mut text = Text::new(format!("`{first}` failed"), Meaning::Bad);
    let is_first =
        |step: &&Step| step.span && step.outcome == Some(StepOutcome::Failed) && step.status.as_str() == *first;
    let code = timeline.iter().map(|timed| &timed.step).find(is_first).and_then(|step| step.exit_code);
    if let Some(code) = code {
        text.say(format!(": exit code {code}"));
        text.say(exit_reason(code).map_or_else(String::new, |reason| format!(", {reason}")));
    }
    if !others.is_empty() {
        text.say(format!("; so did {}", others.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")));
    }
    Some(text)
}

/// What an exit code means by the conventions of shells.
fn exit_reason(code: i32) -> Option<String> {
    match code {
        126 => Some("the command could not be run".to_owned()),
        127 => Some("there was no such command".to_owned()),
        130 => Some("interrupted".to_owned()),
        137 => Some("killed, as by a lack of memory".to_owned()),
        143 => Some("told to stop".to_owned()),
        129..=192 => Some(format!("ended by signal {}", code - 128)),
        _ => None,
    }
}
