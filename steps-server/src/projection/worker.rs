//! Keeps the deployments up to date in the background, and lets reads wait until they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use crate::projection::apply::{CHANGES, fold_changes};
use crate::projection::fold::Statuses;
use crate::store::{Store, StoreError};

/// How long changes gather before they are folded, when nobody waits for it.
const GATHER: Duration = Duration::from_millis(50);
/// While steps are being recorded and nobody waits, the fold rests for so many times as long as it worked.
const REST: u32 = 3;
/// But at least so long: on SQLite a fold and a recording take turns at the one writer.
const LEAST_REST: Duration = Duration::from_millis(250);
/// How long a fold may take before it begins anew on another connection, in case the answer never comes. It doubles when
/// the database is there all the same: then there is just very much to fold.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a database that is there may take to say so.
const PING: Duration = Duration::from_secs(2);
/// How often an idle server looks for what a server that died has left.
const LOOK: Duration = Duration::from_secs(10);
/// How long a read waits before it looks again whether it may go on.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Folds in the background, and lets reads wait for it.
#[derive(Debug, Clone)]
pub struct Projector {
    store: Store,
    signals: Arc<Signals>,
    rounds: watch::Receiver<u64>,
}

/// What tells the worker that there is something to do.
#[derive(Debug, Default)]
struct Signals {
    /// Something was recorded.
    changed: Notify,
    /// How often; while it grows, recording is under way.
    changes: AtomicU64,
    /// A read waits.
    wanted: Notify,
}

impl Projector {
    /// Starts to fold, on a thread of its own: folding a long history must not hold up a recording.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(store: Store, statuses: Arc<Statuses>) -> std::io::Result<Self> {
        let signals = Arc::new(Signals::default());
        let (done, rounds) = watch::channel(0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = work(store.clone(), statuses, Arc::clone(&signals), done);
        // It ends with the process. What has not been folded by then is noted in the database.
        std::thread::Builder::new().name("projector".to_owned()).spawn(move || runtime.block_on(worker))?;
        Ok(Self { store, signals, rounds })
    }

    /// Tells the worker that something was recorded.
    pub fn notify_recorded(&self) {
        self.signals.changes.fetch_add(1, Ordering::Relaxed);
        self.signals.changed.notify_one();
    }

    /// Waits until everything that was committed before this call has been folded; `false` when there is more than can
    /// be folded until `deadline`.
    pub async fn wait_until_folded(&self, deadline: Instant) -> Result<bool, StoreError> {
        let Some(last) = self.store.last_change().await? else { return Ok(true) };
        let mut rounds = self.rounds.clone();
        loop {
            rounds.mark_unchanged();
            self.signals.wanted.notify_one();
            let next = (Instant::now() + LOOK_AGAIN).min(deadline);
            // Another server may be the one that folds: then no round of this one tells.
            let _: Result<_, _> = tokio::time::timeout_at(next, rounds.changed()).await;
            if !self.store.has_change_until(last).await? {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }
}

async fn work(store: Store, statuses: Arc<Statuses>, signals: Arc<Signals>, done: watch::Sender<u64>) {
    let mut failing = false;
    let mut patience = PATIENCE;
    loop {
        let before = signals.changes.load(Ordering::Relaxed);
        let began = Instant::now();
        let folded = timeout(patience, fold_changes(&store, &statuses)).await.unwrap_or(Err(StoreError::TimedOut));
        let more = matches!(folded, Ok(folded) if folded >= CHANGES as usize);
        match folded {
            Ok(_) => {
                failing = false;
                patience = PATIENCE;
            }
            // Another server may have folded at the same time, and its commit won: nothing is lost.
            Err(error) => {
                if failing {
                    tracing::debug!(%error, "still cannot fold");
                } else {
                    tracing::warn!(%error, "deployments cannot be folded; trying again");
                }
                failing = true;
                let is_there = async || timeout(PING, store.ping()).await.is_ok_and(|answer| answer.is_ok());
                if matches!(error, StoreError::TimedOut) && is_there().await {
                    patience *= 2;
                }
                store.renew_projectors(began);
            }
        }
        done.send_modify(|rounds| *rounds += 1);
        let recording = signals.changes.load(Ordering::Relaxed) != before;
        if more && !recording {
            continue;
        }
        let rest = if recording { LEAST_REST.max(began.elapsed() * REST) } else { GATHER };
        if !more && !recording && !failing {
            tokio::select! {
                () = signals.changed.notified() => {}
                () = signals.wanted.notified() => continue,
                () = tokio::time::sleep(LOOK) => continue,
            }
        }
        tokio::select! {
            () = signals.wanted.notified() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}
