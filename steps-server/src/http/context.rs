//! What the handlers share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;
use crate::app::App;

/// The most bytes of batches that are in memory at the same time: 48 MiB.
const BATCH_BYTES: usize = 48 * 1024 * 1024;
/// The same, of all other bodies: 16 MiB.
const BODY_BYTES: usize = 16 * 1024 * 1024;
/// The same, of large answers that wait for their clients: 128 MiB.
const ANSWER_BYTES: usize = 128 * 1024 * 1024;
/// The pause of [`Context::give_way`]: the shortest that the timer knows.
const GIVE_WAY: Duration = Duration::from_millis(1);

/// What the handlers share.
#[derive(Debug)]
pub struct Context {
    pub app: App,
    /// How long a client may stall while it sends or reads.
    pub stall_timeout: Duration,
    /// Whether only this machine reaches the server.
    pub is_loopback: bool,
    pub limits: Limits,
    pub description: Description,
    /// A permit for each byte.
    batch_bytes: Arc<Semaphore>,
    body_bytes: Arc<Semaphore>,
    answer_bytes: Arc<Semaphore>,
    /// The turn to have received much: see [`Context::give_way`].
    turn: Semaphore,
}

/// How the description of the API is made, as long as callers without a token are let in, or for those with one.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// For programs.
    pub json: fn(bool) -> Bytes,
    /// For people.
    pub page: fn(bool) -> Bytes,
    /// What the page may load.
    pub policy: fn() -> String,
}

/// What memory is reserved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// The body of a batch.
    Batch,
    /// Any other body.
    Body,
    /// An answer.
    Answer,
}

impl Context {
    /// With all memory free.
    #[must_use]
    pub fn new(app: App, stall_timeout: Duration, is_loopback: bool, limits: Limits, description: Description) -> Self {
        let [batch_bytes, body_bytes, answer_bytes] =
            [BATCH_BYTES, BODY_BYTES, ANSWER_BYTES].map(|bytes| Arc::new(Semaphore::new(bytes)));
        Self {
            app,
            stall_timeout,
            is_loopback,
            limits,
            description,
            batch_bytes,
            body_bytes,
            answer_bytes,
            turn: Semaphore::new(1),
        }
    }

    /// Gives way to other work after much of a body has been received: a moment, and one body after the other, so that all
    /// of them together leave most of the serving thread to others.
    pub async fn give_way(&self) {
        let _turn = self.turn.acquire().await;
        tokio::time::sleep(GIVE_WAY).await;
    }

    /// Reserves so many bytes, until the permit is dropped; `None` when others have them.
    pub fn reserve(&self, memory: Memory, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).ok()?;
        let permits = match memory {
            Memory::Batch => &self.batch_bytes,
            Memory::Body => &self.body_bytes,
            Memory::Answer => &self.answer_bytes,
        };
        Arc::clone(permits).try_acquire_many_owned(bytes).ok()
    }
}
