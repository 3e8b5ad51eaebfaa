//! Delivering the steps that wait.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use steps_shared::{BatchAnswer, FieldErrors, LineResult, StepId};
use tokio::time::{Instant, sleep, timeout_at};

use super::SpooledStep;
use super::entries::{Entries, Entry};
use super::place::Place;
use super::spool::Spool;
use crate::client::{Client, RequestError};
use crate::clock::Now;
use crate::error::Error;

/// Steps in one request.
const BATCH: usize = 500;

/// Bytes in one request, about.
const BATCH_BYTES: u64 = 512 * 1024;

/// How long to wait before asking again whether another process has delivered.
const OTHER_PROCESS: Duration = Duration::from_millis(20);

/// The shortest pause before a batch is sent again that the server had no turn for.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

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
    /// Steps of the batch under way that the token does not permit: they are kept again, behind the others.
    denied: Vec<SpooledStep>,
    /// Why.
    denial: Option<Error>,
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
    for place in spool.places() {
        while !spool.is_empty_place(place) {
            match delivery.send_all(place, client, deadline, &mut progress).await {
                Ok(true) if delivery.denial.is_some() => {
                    delivery.error = delivery.denial.take();
                    break;
                }
                // More may have been kept meanwhile.
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    delivery.error.get_or_insert(error);
                    break;
                }
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
        let Self { recorded, already_recorded, warnings, error, .. } = self;
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
        spool: &Place,
        client: &Client,
        deadline: Option<Instant>,
        progress: &mut impl FnMut(u64),
    ) -> Result<bool, Error> {
        let failed = |error: io::Error| Error::Failed(format!("the spool in {}: {error}", spool.folder.display()));
        let Some(_lock) = spool.lock_delivery(deadline.is_none()).map_err(failed)? else { return Ok(false) };
        spool.take_in(deadline).map_err(failed)?;
        let mut entries = spool.entries(deadline).map_err(failed)?;
        let mut done = 0;
        let sent = self.send_entries(spool, client, &mut entries, deadline, &mut done, progress).await;
        spool.remove_front(done, deadline).map_err(failed)?;
        sent
    }

    /// Sends what waits, and counts in `done` the bytes that can be removed.
    async fn send_entries(
        &mut self,
        spool: &Place,
        client: &Client,
        entries: &mut Entries,
        deadline: Option<Instant>,
        done: &mut u64,
        progress: &mut impl FnMut(u64),
    ) -> Result<bool, Error> {
        let failed = |error: io::Error| Error::Failed(format!("the spool in {}: {error}", spool.folder.display()));
        loop {
            let (steps, unsendable) = next_batch(entries).map_err(failed)?;
            if entries.at() == *done {
                return Ok(true);
            }
            let steps = without_beginnings(steps);
            self.denied.clear();
            let batch = self.send_batch(spool, client, &steps, deadline);
            match deadline {
                None => batch.await?,
                Some(deadline) => match timeout_at(deadline, batch).await {
                    Ok(sent) => sent?,
                    Err(_) => return Ok(false),
                },
            }
            for entry in unsendable {
                let path = spool.set_aside(&entry).map_err(failed)?;
                let path = path.display();
                let what = match entry.is_too_long() {
                    true => format!("a line of the spool with {} bytes, which can be no step,", entry.length),
                    false => "an unfinished line of the spool".to_owned(),
                };
                self.warnings.push(format!("{what} is set aside in {path}"));
            }
            spool.keep_again(&self.denied, deadline).map_err(failed)?;
            *done = entries.at();
            progress(self.recorded + self.already_recorded + self.refused);
        }
    }

    async fn send_batch(
        &mut self,
        spool: &Place,
        client: &Client,
        steps: &[SpooledStep],
        deadline: Option<Instant>,
    ) -> Result<(), Error> {
        if steps.is_empty() {
            return Ok(());
        }
        let answer = match send_in_turn(client, steps, deadline).await {
            Ok(answer) => answer,
            // A proxy takes less at once than the server, or one of them spoils it for the others.
            Err(error)
                if steps.len() > 1
                    && (error.is_refusal()
                        || error.denies_fields()
                        || error.status == Some(StatusCode::PAYLOAD_TOO_LARGE)) =>
            {
                let (first, rest) = steps.split_at(steps.len() / 2);
                Box::pin(self.send_batch(spool, client, first, deadline)).await?;
                return Box::pin(self.send_batch(spool, client, rest, deadline)).await;
            }
            Err(error) if error.is_refusal() => {
                let reason = error.error.to_string();
                return steps.iter().try_for_each(|step| self.reject(spool, step, &reason));
            }
            // Another token may permit it; what stands behind it does not wait for that.
            Err(error) if error.denies_fields() => {
                self.denied.extend(steps.iter().cloned());
                self.denial = Some(error.error);
                return Ok(());
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
        rejected.into_iter().try_for_each(|(step, reason)| self.reject(spool, step, &reason))
    }

    /// Sets a step aside that the server refuses.
    fn reject(&mut self, spool: &Place, step: &SpooledStep, reason: &str) -> Result<(), Error> {
        let path = spool.reject(step, reason).map_err(|error| Error::Failed(error.to_string()))?;
        let path = path.display();
        self.warnings.push(format!("the server refused a kept step: {reason}; it is set aside in {path}"));
        self.refused += 1;
        Ok(())
    }
}

/// The steps of one request, and the entries before its end that are none. Both are empty at the end of what waits.
fn next_batch(entries: &mut Entries) -> io::Result<(Vec<SpooledStep>, Vec<Entry>)> {
    let (mut steps, mut others, begin) = (Vec::new(), Vec::new(), entries.at());
    while steps.len() + others.len() < BATCH && entries.at() - begin < BATCH_BYTES {
        let Some(entry) = entries.next_entry()? else { break };
        match SpooledStep::from_line(&entry.bytes) {
            Some(step) => steps.push(step),
            None if entry.is_blank() => {}
            None => others.push(entry),
        }
    }
    Ok((steps, others))
}

/// Leaves out the beginnings of spans whose end waits too: that holds everything.
fn without_beginnings(mut steps: Vec<SpooledStep>) -> Vec<SpooledStep> {
    let ended: HashSet<StepId> = steps.iter().filter(|step| step.has_ended()).filter_map(SpooledStep::id).collect();
    steps.retain(|step| step.has_ended() || !step.id().is_some_and(|id| ended.contains(&id)));
    steps
}

/// Sends a batch. Where the server takes so many requests a second and no more, waits as long as it says and sends it again,
/// until `deadline`, or for as long as an answer may take.
async fn send_in_turn(
    client: &Client,
    steps: &[SpooledStep],
    deadline: Option<Instant>,
) -> Result<BatchAnswer, RequestError> {
    let deadline = deadline.unwrap_or_else(|| Instant::now() + client.timeout());
    loop {
        let now = Now::read();
        let body: String = steps.iter().map(|step| Value::from(step.aged(&now)).to_string() + "\n").collect();
        let error = match client.batch(body.into()).await {
            Err(error) if error.status == Some(StatusCode::TOO_MANY_REQUESTS) => error,
            answer => return answer,
        };
        let pause = error.retry_after.unwrap_or_default().max(BUSY_PAUSE);
        if Instant::now() + pause >= deadline {
            return Err(error);
        }
        sleep(pause).await;
    }
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
