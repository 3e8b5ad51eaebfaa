//! `steps import --dry-run`: what an import would do.

use indicatif::ProgressBar;
use steps_shared::view::steps::table;
use steps_shared::view::words::grouped;
use steps_shared::{NewStep, Step, StepColumn, Timestamp};

use super::numbered::Numbered;
use crate::clock;
use crate::error::Error;
use crate::terminal;
use crate::terminal::canvas::Canvas;
use crate::terminal::painted::Painted;
use crate::terminal::table::lay_out;

/// How many rows are shown.
const SHOWN: usize = 10;

/// Shows the first rows as they would be recorded, and names every line that would be refused; returns how many those are.
pub fn run(mut rows: Numbered, name: &str, progress: &ProgressBar) -> Result<u64, Error> {
    let now = clock::now();
    let unreadable = |error| Error::Failed(format!("cannot read on: {error}"));
    let (mut steps, mut good, mut refused) = (Vec::new(), 0_u64, 0_u64);
    while let Some((place, row)) = rows.next().map_err(unreadable)? {
        match row.and_then(|step| recorded(step, now)) {
            Ok(step) => {
                good += 1;
                if steps.len() < SHOWN {
                    steps.push(step);
                }
            }
            Err(reason) => {
                refused += 1;
                progress.suspend(|| terminal::note(format!("{name}:{place} {reason}")));
            }
        }
    }
    progress.finish_and_clear();
    rows.notes().into_iter().for_each(|note| terminal::note(format!("{name}: {note}")));
    let shown = if steps.is_empty() {
        Painted::default()
    } else {
        lay_out(&table(&steps, &columns(&steps)), Canvas::of_output(false))
    };
    let rest = good - steps.len() as u64;
    let more =
        if rest == 0 { Painted::default() } else { Painted::plain(format!("… and {} more", grouped(rest))).ended() };
    let counts = Painted::plain(format!("would import {good} steps, {refused} refused; nothing was recorded"));
    terminal::show(shown + more + counts.ended())?;
    Ok(refused)
}

/// The step as the server would keep it.
fn recorded(step: NewStep, now: Timestamp) -> Result<Step, String> {
    step.into_step(now).map_err(|errors| errors.to_string())
}

/// The columns of which the steps have something.
fn columns(steps: &[Step]) -> Vec<StepColumn> {
    use StepColumn::{
        Component, EndedAt, Environment, ExitCode, Outcome, Owner, Run, Span, StartedAt, Status, Version,
    };
    let has = |column| match column {
        Run => steps.iter().any(|step| step.run.is_some()),
        Span => steps.iter().any(|step| step.span),
        Outcome | EndedAt => steps.iter().any(|step| step.outcome.is_some()),
        ExitCode => steps.iter().any(|step| step.exit_code.is_some()),
        _ => true,
    };
    let all = [StartedAt, Component, Version, Status, Owner, Environment, Run, Span, Outcome, EndedAt, ExitCode];
    all.into_iter().filter(|column| has(*column)).collect()
}
