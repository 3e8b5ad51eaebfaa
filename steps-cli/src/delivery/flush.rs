//! Delivering the steps that wait.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use steps_shared::{FieldErrors, LineResult, StepId};
use tokio::time::{Instant, sleep, timeout_at};

use super::SpooledStep;
use super::spool::{Spool, now};
use crate::client::Client;
use crate::error::Error;

/// Steps in one request.
const BATCH: usize = 500;

/// How long to wait before asking again whether another process has delivered.
const OTHER_PROCESS: Duration = Duration::from_millis(20);

/// What became of the steps that waited.
#[derive(Debug, Default)]
pub struct Delivery {
    pub recorded: u64,
    /// The server had them: only its answer had been lost.
    pub already_recorded: u64,
    pub refused: u64,
    /// What the user should know of steps that were refused or could not be read.
    pub warnings: Vec<String>,
    /// Why steps still wait.
    pub error: Option<Error>,
}

/// Sends what waits, oldest first, until nothing is left, something fails, or `deadline` comes. `progress` gets the number
/// of steps that are done.
///
/// One process delivers at a time. Without a deadline this one waits until another is done; with one it does nothing then.
/// A step is removed after the server has answered for it. If the process is killed in between, the step is sent again, and
/// its id keeps it from being recorded twice.
pub async fn deliver(
    spool: &Spool,
    client: &Client,
    deadline: Option<Instant>,
    mut progress: impl FnMut(u64),
) -> Delivery {
    let mut delivery = Delivery::default();
    while !spool.is_empty() {
        match delivery.send_all(spool, client, deadline, &mut progress).await {
            // More may have been kept meanwhile.
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                delivery.error = Some(error);
                break;
            }
        }
    }
    delivery
}

/// Delivers what waits before a question is asked, until `deadline`, however the server was a moment ago. Where another
/// process delivers, waits for it. Returns lines for the user.
pub async fn deliver_first(spool: &Spool, client: &Client, deadline: Instant) -> Vec<String> {
    let mut lines = Vec::new();
    while !spool.is_empty() {
        let delivery = deliver(spool, client, Some(deadline), |_| {}).await;
        let is_over = delivery.error.is_some() || Instant::now() >= deadline;
        if delivery.error.is_none() {
            spool.clear_away();
        }
        lines.extend(delivery.lines());
        if is_over {
            break;
        }
        if !spool.is_empty() {
            sleep(OTHER_PROCESS).await;
        }
    }
    lines
}

impl Delivery {
    /// What the user should know.
    pub fn lines(self) -> Vec<String> {
        let Self { recorded, already_recorded, refused: _, warnings, error } = self;
        let mut lines: Vec<_> = warnings.iter().map(|warning| format!("warning: {warning}")).collect();
        match recorded + already_recorded {
            0 => {}
            1 => lines.push("steps: delivered 1 step that waited".to_owned()),
            count => lines.push(format!("steps: delivered {count} steps that waited")),
        }
        lines.extend(error.map(|error| format!("steps: others still wait: {error}")));
        lines
    }

    /// Sends what waits now. `false` when another process does, or the deadline came.
    async fn send_all(
        &mut self,
        spool: &Spool,
        client: &Client,
        deadline: Option<Instant>,
        progress: &mut impl FnMut(u64),
    ) -> Result<bool, Error> {
        let failed = |error: io::Error| Error::Failed(format!("the spool in {}: {error}", spool.folder().display()));
        let Some(_lock) = spool.lock_delivery(deadline.is_none()).map_err(failed)? else { return Ok(false) };
        let bytes = spool.read().map_err(failed)?;
        let mut done = 0;
        let sent = self.send_lines(spool, client, &bytes, deadline, &mut done, progress).await;
        spool.remove_front(done as u64).map_err(failed)?;
        sent
    }

    /// Sends the lines of `bytes`, and counts in `done` the bytes that can be removed.
    async fn send_lines(
        &mut self,
        spool: &Spool,
        client: &Client,
        bytes: &[u8],
        deadline: Option<Instant>,
        done: &mut usize,
        progress: &mut impl FnMut(u64),
    ) -> Result<bool, Error> {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        for lines in lines.chunks(BATCH) {
            let (mut steps, mut torn) = (Vec::new(), Vec::new());
            // A blank line follows a torn one.
            for line in lines.iter().filter(|line| **line != b"\n") {
                match SpooledStep::from_line(line) {
                    Some(step) => steps.push(step),
                    None => torn.push(line),
                }
            }
            let steps = without_beginnings(steps);
            let batch = self.send_batch(spool, client, &steps);
            match deadline {
                None => batch.await?,
                Some(deadline) => match timeout_at(deadline, batch).await {
                    Ok(sent) => sent?,
                    Err(_) => return Ok(false),
                },
            }
            for line in torn {
                let path = spool.set_aside(line).map_err(|error| Error::Failed(error.to_string()))?;
                let path = path.display();
                self.warnings.push(format!("an unfinished line of the spool is set aside in {path}"));
            }
            *done += lines.iter().map(|line| line.len()).sum::<usize>();
            progress(self.recorded + self.already_recorded + self.refused);
        }
        Ok(true)
    }

    async fn send_batch(&mut self, spool: &Spool, client: &Client, steps: &[SpooledStep]) -> Result<(), Error> {
        if steps.is_empty() {
            return Ok(());
        }
        let now = now()?;
        let body: String = steps.iter().map(|step| Value::from(step.aged(now)).to_string() + "\n").collect();
        let answer = match client.batch(body.into()).await {
            Ok(answer) => answer,
            // A proxy takes less at once than the server.
            Err(error) if error.status == Some(StatusCode::PAYLOAD_TOO_LARGE) && steps.len() > 1 => {
                let (first, rest) = steps.split_at(steps.len() / 2);
                Box::pin(self.send_batch(spool, client, first)).await?;
                return Box::pin(self.send_batch(spool, client, rest)).await;
            }
            Err(error) => return Err(error.error),
        };
        if answer.steps.len() != steps.len() {
            return Err(Error::Failed("the server's answer does not cover every step; is --server right?".to_owned()));
        }
        let (mut recorded, mut already_recorded, mut rejected) = (0, 0, Vec::new());
        for (step, line) in steps.iter().zip(answer.steps) {
            match line.result {
                LineResult::Recorded => recorded += 1,
                LineResult::AlreadyRecorded => already_recorded += 1,
                LineResult::Refused
                    if line.errors.iter().all(|error| error.field == "id") && finish(client, step).await? =>
                {
                    recorded += 1;
                }
                LineResult::Refused => rejected.push((step, FieldErrors(line.errors).to_string())),
            }
        }
        // Nothing is awaited from here on: what is counted is also removed.
        self.recorded += recorded;
        self.already_recorded += already_recorded;
        for (step, reason) in rejected {
            let path = spool.reject(step, &reason).map_err(|error| Error::Failed(error.to_string()))?;
            let path = path.display();
            self.warnings.push(format!("the server refused a kept step: {reason}; it is set aside in {path}"));
            self.refused += 1;
        }
        Ok(())
    }
}

/// Leaves out the beginnings of spans whose end waits too: that holds everything.
fn without_beginnings(mut steps: Vec<SpooledStep>) -> Vec<SpooledStep> {
    let ended: HashSet<StepId> = steps.iter().filter(|step| step.has_ended()).filter_map(SpooledStep::id).collect();
    steps.retain(|step| step.has_ended() || !step.id().is_some_and(|id| ended.contains(&id)));
    steps
}

/// Sends the end of a span whose beginning is recorded already. `false` where there is no end, or the server refuses it.
async fn finish(client: &Client, step: &SpooledStep) -> Result<bool, Error> {
    let (Some(id), Some(finish)) = (step.id(), step.finish()) else { return Ok(false) };
    match client.finish(id, &finish).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_refusal() => Ok(false),
        Err(error) => Err(error.error),
    }
}
