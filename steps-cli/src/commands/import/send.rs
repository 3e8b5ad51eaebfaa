//! Sends the batches of an import.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use steps_shared::{BatchAnswer, FieldErrors, LineResult};
use tokio::sync::mpsc;

use super::read::Batch;
use crate::client::Client;
use crate::error::Error;
use crate::terminal;

/// How many batches are sent at once.
const IN_FLIGHT: usize = 2;

/// The first pause before a batch is sent again; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// How long a batch is sent again on a terminal, where somebody sees that, in place of the timeout.
const LONGEST: Duration = Duration::from_secs(120);

/// How many steps were recorded, and lines refused.
#[derive(Debug, Default)]
pub struct ImportCounts {
    /// Recorded now.
    pub recorded: u64,
    /// Recorded before, or the same as another line.
    pub already_recorded: u64,
    /// No steps, or refused by the server.
    pub refused: u64,
}

/// Sends the batches in the order of the file, [`IN_FLIGHT`] at a time, and prints what is wrong with which line.
pub async fn send_all(
    client: &Client,
    batches: mpsc::Receiver<io::Result<Batch>>,
    name: &str,
    progress: &ProgressBar,
) -> Result<ImportCounts, Error> {
    let batches = stream::unfold(batches, |mut batches| async { batches.recv().await.map(|batch| (batch, batches)) });
    let sent = batches.map(|batch| async {
        let Batch { body, places, refused, notes, last_line } =
            batch.map_err(|error| Error::Failed(format!("cannot read on: {error}")))?;
        let answer = if places.is_empty() {
            BatchAnswer::default()
        } else {
            send(client, body.into(), places.len(), progress).await?
        };
        Ok((answer, places, refused, notes, last_line))
    });
    let mut sent = std::pin::pin!(sent.buffered(IN_FLIGHT));
    let mut counts = ImportCounts::default();
    let mut done = 0;
    while let Some(outcome) = sent.next().await {
        let (answer, places, mut refused, notes, last_line) = outcome.map_err(|error| with_place(error, name, done))?;
        counts.refused += refused.len() as u64 + answer.refused;
        let of_server = answer.steps.into_iter().filter(|line| line.result == LineResult::Refused);
        refused.extend(of_server.filter_map(|line| {
            let place = places.get(line.line.checked_sub(1)?)?;
            Some((*place, FieldErrors(line.errors).to_string()))
        }));
        refused.sort_by_key(|(place, _)| *place);
        counts.recorded += answer.recorded;
        counts.already_recorded += answer.already_recorded;
        progress.suspend(|| {
            refused.iter().for_each(|(place, reason)| terminal::note(format!("{name}:{place} {reason}")));
            notes.iter().for_each(|note| terminal::note(format!("{name}: {note}")));
        });
        progress.set_message(format!("{} steps", counts.recorded + counts.already_recorded));
        done = done.max(last_line);
    }
    Ok(counts)
}

/// Sends a batch; after a transient error again, until the timeout, and on a terminal for longer. The ids keep steps from being
/// recorded twice.
async fn send(client: &Client, body: Bytes, lines: usize, progress: &ProgressBar) -> Result<BatchAnswer, Error> {
    let begun = Instant::now();
    let mut pause = FIRST_PAUSE;
    let answer = loop {
        match client.batch(body.clone()).await {
            Ok(answer) => break answer,
            Err(error) => {
                let wait = error.retry_after.unwrap_or_default().max(pause);
                let longest = if client.is_patient() { LONGEST.max(client.timeout()) } else { client.timeout() };
                if !error.transient || begun.elapsed() + wait >= longest {
                    return Err(error.error);
                }
                progress.set_message(format!("waiting: {}", error.error));
                tokio::time::sleep(wait).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
        }
    };
    let BatchAnswer { recorded, already_recorded, refused, .. } = &answer;
    if recorded.saturating_add(*already_recorded).saturating_add(*refused) == lines as u64 {
        Ok(answer)
    } else {
        Err(Error::Failed("the server's answer does not cover every line; is --server right?".to_owned()))
    }
}

/// Adds to an error how far the import came, and what to do.
fn with_place(error: Error, name: &str, done: u64) -> Error {
    let place = match done {
        0 => format!("nothing of {name} is known to be recorded"),
        line => format!("{name} is imported up to line {line}"),
    };
    let advice = format!("; {place}; importing it again is safe");
    match error {
        Error::Refused(message) => Error::Refused(message + &advice),
        Error::Failed(message) => Error::Failed(message + &advice),
        other => other,
    }
}
