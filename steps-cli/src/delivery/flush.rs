//! Sending what waits.

use std::collections::HashSet;
use std::io;

use serde_json::Value;
use steps_shared::{FieldErrors, LineResult, StepId};
use tokio::time::{Instant, timeout_at};

use super::{Entry, Spool};
use crate::client::Client;
use crate::error::Error;

/// Steps that are sent together.
const BATCH: usize = 500;

/// What became of the steps that waited.
#[derive(Debug, Default)]
pub struct Delivery {
    /// They are recorded now.
    pub recorded: u64,
    /// They had been recorded before: only the answer had been lost.
    pub already_recorded: u64,
    /// The server refused them.
    pub refused: u64,
    /// Why it ended early.
    pub trouble: Option<Error>,
}

/// Sends what waits, oldest first, until nothing is left, something fails, or `deadline` comes. Without one, it waits for
/// another process that is doing the same; with one, it leaves it to that. `progress` hears how many steps are done.
///
/// A step is taken off the spool after the server has answered for it; a process that is killed between the two has it
/// sent again, and its id keeps it from being recorded twice.
pub async fn deliver(
    spool: &Spool,
    client: &Client,
    deadline: Option<Instant>,
    mut progress: impl FnMut(u64),
) -> Delivery {
    let mut delivery = Delivery::default();
    let failed = |error: io::Error| Error::Failed(format!("the spool in {}: {error}", spool.folder().display()));
    while !spool.is_empty() && delivery.trouble.is_none() {
        let sent = async {
            let Some(_alone) = spool.delivering(deadline.is_none()).map_err(failed)? else { return Ok(false) };
            let bytes = spool.read().map_err(failed)?;
            let mut done = 0;
            let sent = delivery.send(spool, client, &bytes, deadline, &mut done, &mut progress).await;
            spool.remove_front(done as u64).map_err(failed)?;
            sent
        };
        match sent.await {
            // There may be more by now.
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => delivery.trouble = Some(error),
        }
    }
    delivery
}

impl Delivery {
    /// Sends the lines of `bytes`; `done` counts those bytes of which nothing is left to do. `false` when the deadline
    /// came.
    async fn send(
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
            let mut torn = Vec::new();
            let read = lines.iter().filter_map(|line| {
                let entry = Entry::read(line);
                torn.extend(entry.is_none().then_some(line));
                entry
            });
            let entries = without_beginnings(read.collect());
            let batch = self.send_batch(spool, client, &entries);
            match deadline {
                None => batch.await?,
                Some(deadline) => match timeout_at(deadline, batch).await {
                    Ok(sent) => sent?,
                    Err(_) => return Ok(false),
                },
            }
            for line in torn {
                spool.set_aside(line).map_err(|error| Error::Failed(error.to_string()))?;
            }
            *done += lines.iter().map(|line| line.len()).sum::<usize>();
            progress(self.recorded + self.already_recorded + self.refused);
        }
        Ok(true)
    }

    async fn send_batch(&mut self, spool: &Spool, client: &Client, entries: &[Entry]) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let now = super::spool::clock()?;
        let body: String = entries.iter().map(|entry| Value::from(entry.aged(now)).to_string() + "\n").collect();
        let answer = client.batch(body.into()).await?;
        if answer.steps.len() != entries.len() {
            return Err(Error::Failed("the server's answer does not cover every step; is --server right?".to_owned()));
        }
        let mut sum = Self::default();
        let mut rejected = Vec::new();
        for (entry, line) in entries.iter().zip(answer.steps) {
            match line.result {
                LineResult::Recorded => sum.recorded += 1,
                LineResult::AlreadyRecorded => sum.already_recorded += 1,
                LineResult::Refused
                    if line.errors.iter().all(|error| error.field == "id") && finished(client, entry).await? =>
                {
                    sum.recorded += 1;
                }
                LineResult::Refused => rejected.push((entry, FieldErrors(line.errors).to_string())),
            }
        }
        // Only now that nothing of it is going to be sent again.
        for (entry, reason) in rejected {
            spool.reject(entry, &reason).map_err(|error| Error::Failed(error.to_string()))?;
            sum.refused += 1;
        }
        self.recorded += sum.recorded;
        self.already_recorded += sum.already_recorded;
        self.refused += sum.refused;
        Ok(())
    }
}

/// Without the beginnings of spans that wait with their end, too: that says everything, in one request less.
fn without_beginnings(mut entries: Vec<Entry>) -> Vec<Entry> {
    let ended: HashSet<StepId> = entries.iter().filter(|entry| entry.has_ended()).filter_map(Entry::id).collect();
    entries.retain(|entry| entry.has_ended() || !entry.id().is_some_and(|id| ended.contains(&id)));
    entries
}

/// A span that has ended, of which the beginning is recorded already, lacks only its end. Whether it has that now.
async fn finished(client: &Client, entry: &Entry) -> Result<bool, Error> {
    let (Some(id), Some(finish)) = (entry.id(), entry.finish()) else { return Ok(false) };
    match client.finish(id, &finish).await {
        Ok(_) => Ok(true),
        Err(trouble) if trouble.is_refusal() => Ok(false),
        Err(trouble) => Err(trouble.error),
    }
}
