//! Folds in the background, and lets reads wait until everything is folded.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use steps_shared::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::projection::apply::{Folded, Next, OLDEST, fold_changes};
use crate::projection::config::FoldConfig;
use crate::projection::held::Held;
use crate::projection::pack::pack_some;
use crate::projection::rebuild::rebuild_if_outdated;
use crate::store::{BUCKETS, Bucket, Store, StoreError, buckets_of};

/// How long changes are collected before they are folded when no read waits.
const COLLECT: Duration = Duration::from_millis(50);
/// While steps are being recorded, no read waits and little is to be folded, the pause after a fold is this many times as long as
/// the fold …
const PAUSE_FACTOR: u32 = 3;
/// … and at least this long: on SQLite folding and recording share the one writer.
const MIN_PAUSE: Duration = Duration::from_millis(100);
/// How long a fold may take before it is tried again on another connection, in case this one is dead. It doubles when the
/// database answers a ping: then there is much to fold.
const FOLD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the database may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
/// How often an idle server looks for changes that a server which died did not fold.
const IDLE_POLL: Duration = Duration::from_secs(10);
/// How long a fold should take: on SQLite a recorder waits for what it writes, and on MySQL another server's fold of the same
/// streams, or a read.
const FOLD_TAKES: Duration = Duration::from_millis(200);
const FOLD_TAKES_OF_ONE_WRITER: Duration = Duration::from_millis(5);
/// The fewest and the most changes in one transaction: on a busy machine few of them take hardly less time than these.
const CHANGES: (u32, u32) = (100, 2000);
/// Beside recording, what share of the time of a fold is the pause after it on MySQL while more waits.
const PAUSE_SHARE: u32 = 4;
/// While somebody watches, no pause is longer.
const WATCHED_PAUSE: Duration = Duration::from_millis(20);
/// How often days are looked for that are to be packed.
const PACK_EVERY: Duration = Duration::from_secs(10);
/// How many folds are under way at the same time on MySQL while there is much to fold: most of the time each waits for pages that the
/// database reads from its disk. While steps are recorded there is one, because the database has only so many processors.
const FOLDS: usize = 6;
/// They take theirs of so many of the oldest changes, so that each finds enough that no other one has.
const OLDEST_TOGETHER: i64 = 20_000;
/// With so many changes waiting, and for so long, whoever sends many steps at once is kept waiting. What is folded soon is still in the
/// database's memory.
const MANY_CHANGES: u64 = 10_000;
const KEPT_WAITING: Duration = Duration::from_secs(1);
/// How long folds that are under way at the same time go on before all are waited for.
const TOGETHER: Duration = Duration::from_secs(1);
/// How often a waiting read looks whether its changes are folded.
const READ_POLL: Duration = Duration::from_millis(20);

/// Folds in the background, and lets reads wait for it.
#[derive(Debug, Clone)]
pub struct Projector {
    store: Store,
    signals: Arc<Signals>,
    rounds: watch::Receiver<u64>,
    started: Instant,
}

/// Wakes the worker.
#[derive(Debug, Default)]
struct Signals {
    /// Something was recorded.
    changed: Notify,
    /// How often; while it grows, recording is under way.
    changes: AtomicU64,
    /// A read waits.
    read_waits: Notify,
    /// Whether somebody watches.
    is_watched: AtomicBool,
    /// In which buckets there are the streams that reads wait for.
    wanted: Mutex<BTreeSet<Bucket>>,
    /// Until when everything that was committed is folded.
    folded_until: Mutex<Option<Instant>>,
    /// How often folding has failed.
    failures: AtomicU64,
    /// How many changes waited at the last fold, at most.
    waiting: AtomicU64,
}

impl Projector {
    /// Starts to fold, on a thread of its own, so that folding a long history does not delay recording.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(store: Store, config: Arc<FoldConfig>, now: fn() -> Timestamp) -> std::io::Result<Self> {
        let signals = Arc::new(Signals::default());
        let (done, rounds) = watch::channel(0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let worker = Worker {
            store: store.clone(),
            config: Arc::clone(&config),
            signals: Arc::clone(&signals),
            done,
            pace: Pace::new(&store),
            held: Arc::default(),
        };
        let worker = work(worker, now);
        let rebuild = keep_rules(store.clone(), config);
        // It ends with the process. What has not been folded by then is noted in the database.
        std::thread::Builder::new()
            .name("projector".to_owned())
            .spawn(move || runtime.block_on(async { tokio::join!(worker, rebuild) }))?;
        Ok(Self { store, signals, rounds, started: Instant::now() })
    }

    /// Tells the worker that something was recorded.
    pub fn notify_recorded(&self) {
        self.signals.changes.fetch_add(1, Ordering::Relaxed);
        self.signals.changed.notify_one();
    }

    /// Tells the worker that a reader waits for what was recorded.
    pub fn notify_read_waits(&self) {
        self.signals.read_waits.notify_one();
    }

    /// Says whether somebody watches what is folded.
    pub fn set_watched(&self, is_watched: bool) {
        self.signals.is_watched.store(is_watched, Ordering::Relaxed);
    }

    /// Changes whenever this server has folded.
    #[must_use]
    pub fn rounds(&self) -> watch::Receiver<u64> {
        self.rounds.clone()
    }

    /// How long ago everything was folded that had been committed. An idle server looks now and then alone.
    #[must_use]
    pub fn lag(&self) -> Duration {
        let folded_until = *self.signals.folded_until.lock().unwrap_or_else(PoisonError::into_inner);
        folded_until.unwrap_or(self.started).elapsed()
    }

    /// How often folding has failed since the start.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.signals.failures.load(Ordering::Relaxed)
    }

    /// Waits, for a moment at most, until the fold has caught up with what is recorded.
    pub async fn wait_for_room(&self) {
        let mut rounds = self.rounds.clone();
        let has_room = rounds.wait_for(|_| self.signals.waiting.load(Ordering::Relaxed) < MANY_CHANGES);
        // When that takes long, as when folding fails, steps are recorded all the same.
        let _: Result<_, _> = timeout(KEPT_WAITING, has_room).await;
    }

    /// Waits until everything that was committed before this call has been folded: of a component, or of all. `false` when there
    /// is more than can be folded until `deadline`.
    pub async fn wait_until_folded(&self, component: Option<&str>, deadline: Instant) -> Result<bool, StoreError> {
        let buckets = component.map(buckets_of);
        let buckets = buckets.as_deref();
        let Some(last) = self.store.last_change(buckets).await? else { return Ok(true) };
        let mut rounds = self.rounds.clone();
        loop {
            rounds.mark_unchanged();
            self.signals.wanted().extend(buckets.unwrap_or_default());
            self.notify_read_waits();
            let next = (Instant::now() + READ_POLL).min(deadline);
            // Another server may fold the changes; then no round of this worker ends the wait.
            let _: Result<_, _> = tokio::time::timeout_at(next, rounds.changed()).await;
            if !self.store.has_change_until(last, buckets).await? {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }
}

impl Signals {
    fn wanted(&self) -> MutexGuard<'_, BTreeSet<Bucket>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many changes are folded in one transaction, by how long the last ones took.
#[derive(Debug)]
struct Pace {
    takes: Duration,
    changes: AtomicU32,
}

impl Pace {
    fn new(store: &Store) -> Self {
        let takes = if store.has_one_writer() { FOLD_TAKES_OF_ONE_WRITER } else { FOLD_TAKES };
        Self { takes, changes: AtomicU32::new(200) }
    }

    fn took(&self, took: Duration, was_full: bool) {
        let (fewest, most) = CHANGES;
        let changes = self.changes.load(Ordering::Relaxed);
        let next = if took > self.takes * 2 && was_full {
            (changes / 2).max(fewest)
        } else if took < self.takes && was_full {
            (changes + changes / 4).min(most)
        } else {
            changes
        };
        self.changes.store(next, Ordering::Relaxed);
    }
}

/// What folds, and those whom it tells.
struct Worker {
    store: Store,
    config: Arc<FoldConfig>,
    signals: Arc<Signals>,
    done: watch::Sender<u64>,
    pace: Pace,
    held: Arc<Held>,
}

impl Worker {
    /// Folds at several places at the same time, for a while at most. Of what their last folds say it says the most.
    async fn fold_together(&self, folds: usize, fold_timeout: Duration) -> Result<Folded, StoreError> {
        // Each begins somewhere else, and each server does, so that they share the work.
        let buckets = usize::try_from(BUCKETS).unwrap_or_default();
        let random = RandomState::new().build_hasher().finish() as usize % buckets;
        let under_way = (0..folds).map(|nth| {
            let start = Bucket::try_from((random + nth * buckets / folds) % buckets).unwrap_or_default();
            self.fold_some(start, folds, fold_timeout)
        });
        let mut most = Folded { others: 0, took: Duration::ZERO };
        for folded in join_all(under_way).await {
            let Folded { others, took } = folded?;
            most = Folded { others: most.others.max(others), took: most.took.max(took) };
        }
        Ok(most)
    }

    async fn fold_some(&self, start: Bucket, folds: usize, fold_timeout: Duration) -> Result<Folded, StoreError> {
        let all_began = Instant::now();
        loop {
            let before = self.signals.changes.load(Ordering::Relaxed);
            let wanted = std::mem::take(&mut *self.signals.wanted()).into_iter().collect();
            let limit = self.pace.changes.load(Ordering::Relaxed);
            let oldest = if folds > 1 { OLDEST_TOGETHER } else { OLDEST };
            let next = Next { wanted, start, limit, oldest, held: Arc::clone(&self.held) };
            let folding = timeout(fold_timeout, fold_changes(&self.store, &self.config, &next));
            let folded = folding.await.unwrap_or(Err(StoreError::TimedOut))?;
            let Folded { others, took } = folded;
            self.pace.took(took, others > 0);
            self.signals.waiting.store(others, Ordering::Relaxed);
            self.done.send_modify(|rounds| *rounds += 1);
            let recording = self.signals.changes.load(Ordering::Relaxed) != before;
            let too_many = recording && folds > 1;
            if others == 0 || too_many || self.store.has_one_writer() || all_began.elapsed() > TOGETHER {
                return Ok(folded);
            }
            if recording {
                tokio::select! {
                    () = self.signals.read_waits.notified() => {}
                    () = sleep(took / PAUSE_SHARE) => {}
                }
            }
        }
    }
}

/// Folds everything again when the stored deployments were folded by other rules: at the start, and when another file was opened.
async fn keep_rules(store: Store, config: Arc<FoldConfig>) {
    let mut opened = store.file_opened();
    loop {
        while let Err(error) = rebuild_if_outdated(&store, &config).await {
            tracing::warn!(%error, "deployments cannot be folded by the present rules; trying again");
            tokio::time::sleep(IDLE_POLL).await;
        }
        let Some(opened) = &mut opened else { return };
        if opened.changed().await.is_err() {
            return;
        }
    }
}

async fn work(worker: Worker, now: fn() -> Timestamp) {
    let Worker { store, config, signals, done, .. } = &worker;
    let mut failing = false;
    let mut fold_timeout = FOLD_TIMEOUT;
    let mut packed_at: Option<Instant> = None;
    let mut folds = 1;
    loop {
        let before = signals.changes.load(Ordering::Relaxed);
        let began = Instant::now();
        let folded = worker.fold_together(folds, fold_timeout).await;
        let more = folded.as_ref().is_ok_and(|folded| folded.others > 0);
        let took = folded.as_ref().map_or_else(|_| began.elapsed(), |folded| folded.took);
        match folded {
            Ok(_) => {
                failing = false;
                fold_timeout = FOLD_TIMEOUT;
                if !more {
                    *signals.folded_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(began);
                }
            }
            // Another server may have folded the same changes and committed first. Nothing is lost.
            Err(error) => {
                if failing {
                    tracing::debug!(%error, "still cannot fold");
                } else {
                    tracing::warn!(%error, "deployments cannot be folded; trying again");
                }
                failing = true;
                signals.failures.fetch_add(1, Ordering::Relaxed);
                let answers = async || timeout(PING_TIMEOUT, store.ping()).await.is_ok_and(|answer| answer.is_ok());
                if matches!(error, StoreError::TimedOut) && answers().await {
                    fold_timeout *= 2;
                }
                store.renew_projectors(began);
                // Who waits looks again, as after each fold.
                done.send_modify(|rounds| *rounds += 1);
            }
        }
        let folded_at = Instant::now();
        if !more && !failing && packed_at.is_none_or(|at| at.elapsed() > PACK_EVERY) {
            match timeout(fold_timeout, pack_some(store, config, now())).await {
                Ok(Ok(true)) => continue,
                Ok(Ok(false)) => {}
                // What is not packed is read from the deployments.
                Ok(Err(error)) => tracing::debug!(%error, "days cannot be packed; trying again"),
                Err(_) => tracing::debug!("packing days takes too long; trying again"),
            }
            match timeout(fold_timeout, store.prune_events(config.events.since())).await {
                Ok(Ok(true)) => continue,
                Ok(Ok(false)) => {}
                Ok(Err(error)) => tracing::debug!(%error, "old events cannot be deleted; trying again"),
                Err(_) => tracing::debug!("deleting old events takes too long; trying again"),
            }
            packed_at = Some(Instant::now());
        }
        let recording = signals.changes.load(Ordering::Relaxed) != before;
        folds = if more && !recording && !store.has_one_writer() { FOLDS } else { 1 };
        if more && !recording {
            continue;
        }
        let pause = match (recording, more) {
            (true, true) if store.has_one_writer() => took,
            // Each fold had its own.
            (true, true) => Duration::ZERO,
            (true, false) => MIN_PAUSE.max(took * PAUSE_FACTOR),
            (false, _) => COLLECT,
        };
        if !more && !recording && !failing {
            tokio::select! {
                () = signals.changed.notified() => {}
                () = signals.read_waits.notified() => continue,
                () = tokio::time::sleep(IDLE_POLL) => continue,
            }
        }
        // Who watches is told at once of what comes after a silence.
        let next = if signals.is_watched.load(Ordering::Relaxed) {
            folded_at + pause.min(WATCHED_PAUSE)
        } else {
            Instant::now() + pause
        };
        tokio::select! {
            () = signals.read_waits.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}
