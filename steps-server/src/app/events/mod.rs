//! Telling what happens to those who watch.
//!
//! One task reads the log of events, while somebody watches: at once when this server has folded, and every half second for what
//! others fold. What it reads is kept for a while (`ring.rs`), in pieces that all readers share. A reader has a place in the log and
//! nothing else: it takes what comes next when its client has room for it. One whose place is older than what is kept reads a few
//! events at a time from the database, on the one connection that the log has.

mod ids;
mod reader;
mod ring;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use steps_shared::Timestamp;
use tokio::sync::{Notify, OnceCell, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout};

use super::{App, Caller, Error};
use crate::projection::config::EventRules;
use crate::projection::worker::Projector;
use crate::store::{Place, Store, StoreError};

pub use reader::EventReader;

use ids::Ids;
use reader::Told;
use ring::Ring;

/// How often the log is read for what other servers fold.
const POLL: Duration = Duration::from_millis(500);
/// How often deployments are looked for that end by the clock alone.
const LOOK_FOR_ENDED: Duration = Duration::from_secs(1);
/// How long the database may take to answer.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// In how many groups readers are told that there is something: between two of them others have their turn, because a thousand
/// readers at once would keep a recording waiting.
const GROUPS: usize = 64;
/// Telling takes at most half of the time, however many readers there are: the pause behind it is as long, but not longer than this.
const MAX_PAUSE: Duration = Duration::from_millis(250);
/// The most rows of the log that are read at once.
const PAGE: usize = 256;

/// The events that this server tells.
#[derive(Debug)]
pub struct Events {
    store: Store,
    projector: Projector,
    rules: EventRules,
    ids: OnceCell<Ids>,
    ring: Mutex<Ring>,
    /// Change when the ring has: each for some of the readers.
    changed: Vec<watch::Sender<()>>,
    /// A place for each reader.
    places: Arc<Semaphore>,
    limit: u32,
    readers: AtomicUsize,
    /// The first reader has come.
    has_readers: Notify,
    /// Who reads from the database what is no longer in the ring.
    catching_up: Semaphore,
    stopping: watch::Sender<bool>,
}

impl Events {
    /// Starts to tell, for at most so many readers.
    pub fn start(store: Store, projector: Projector, rules: EventRules, readers: u32) -> Arc<Self> {
        let rounds = projector.rounds();
        let events = Arc::new(Self {
            store,
            projector,
            rules,
            ids: OnceCell::new(),
            ring: Mutex::default(),
            changed: (0..GROUPS).map(|_| watch::Sender::new(())).collect(),
            places: Arc::new(Semaphore::new(readers as usize)),
            limit: readers,
            readers: AtomicUsize::new(0),
            has_readers: Notify::new(),
            catching_up: Semaphore::new(1),
            stopping: watch::Sender::new(false),
        });
        tokio::spawn(Arc::clone(&events).follow(rounds));
        events
    }

    /// Ends every stream.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// How many watch, and how many may.
    pub fn readers(&self) -> (i64, i64) {
        (i64::try_from(self.readers.load(Ordering::Relaxed)).unwrap_or(i64::MAX), self.limit.into())
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ids(&self) -> Result<&Ids, StoreError> {
        self.ids.get_or_try_init(async || Ok(Ids::new(&self.store.event_secret().await?))).await
    }

    /// Reads the log while somebody watches, until the server stops.
    async fn follow(self: Arc<Self>, mut rounds: watch::Receiver<u64>) {
        let mut stopping = self.stopping.subscribe();
        let mut looked: Option<Instant> = None;
        let mut failures = 0_u32;
        while !*stopping.borrow() {
            if self.readers.load(Ordering::Relaxed) == 0 {
                self.projector.set_watched(false);
                self.ring().forget();
                looked = None;
                tokio::select! {
                    () = self.has_readers.notified() => self.projector.set_watched(true),
                    _ = stopping.changed() => return,
                }
            }
            rounds.mark_unchanged();
            let began = Instant::now();
            let looks = looked.is_none_or(|looked| looked.elapsed() >= LOOK_FOR_ENDED);
            match timeout(READ_TIMEOUT, self.read_on(looks)).await.unwrap_or(Err(StoreError::TimedOut)) {
                Ok(()) => {
                    if looks {
                        looked = Some(began);
                    }
                    failures = 0;
                }
                Err(error) => {
                    // On Galera two servers may give places at the same time; that is no failure.
                    failures += 1;
                    if failures == 2 {
                        tracing::warn!(%error, "events cannot be read; trying again");
                    }
                    self.store.renew_event_readers(began);
                    tokio::select! {
                        () = sleep(POLL) => {}
                        _ = stopping.changed() => {}
                    }
                    continue;
                }
            }
            let pause = began.elapsed().min(MAX_PAUSE);
            tokio::select! {
                _ = async { tokio::join!(rounds.changed(), sleep(pause)) } => {}
                () = sleep(POLL) => {}
                _ = stopping.changed() => {}
            }
        }
    }

    /// Reads what has come since the last time.
    async fn read_on(&self, looks_for_ended: bool) -> Result<(), StoreError> {
        let ids = self.ids().await?;
        let now = (self.rules.now)();
        if looks_for_ended {
            self.store.put_ended_events(self.rules.since(), now).await?;
        }
        self.store.number_events().await?;
        let end = self.ring().end();
        let mut end = match end {
            Some(end) => end,
            None => {
                let end = self.store.last_event().await?;
                self.ring().begin(end);
                self.wake().await;
                end
            }
        };
        loop {
            let page = self.store.event_reader((self.rules.now)()).events_after(end, PAGE).await?;
            let Some(last) = page.end else { return Ok(()) };
            let told = page.events.into_iter().filter_map(|(place, event)| Told::new(ids, place, event)).map(Arc::new);
            self.ring().add(told, last);
            self.wake().await;
            end = last;
        }
    }

    /// Tells the readers that there is something, one group after the other.
    async fn wake(&self) {
        for group in &self.changed {
            group.send_replace(());
            if group.receiver_count() > 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// What tells a new reader that there is something.
    fn changes(&self) -> watch::Receiver<()> {
        let smallest = self.changed.iter().min_by_key(|group| group.receiver_count());
        smallest.map_or_else(|| watch::channel(()).1, watch::Sender::subscribe)
    }

    /// Where a reader begins who has no id: now.
    async fn now(&self, deadline: Instant) -> Result<Place, Error> {
        let mut changed = self.changes();
        loop {
            if let Some(end) = self.ring().end() {
                return Ok(end);
            }
            match tokio::time::timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                _ => return Err(StoreError::TimedOut.into()),
            }
        }
    }
}

impl App {
    /// Begins to watch: behind the event with an id, or from now on.
    ///
    /// # Errors
    /// As many watch as may, the server stops, or the database does not answer.
    pub async fn watch(&self, caller: &Caller, query: steps_shared::EventQuery) -> Result<EventReader, Error> {
        self.check_order()?;
        EventReader::open(&self.events, caller.access.clone(), query, self.deadline_with_margin()).await
    }

    /// How long it is until then, by this server's clock.
    #[must_use]
    pub fn time_left(&self, until: Timestamp) -> Duration {
        let micros = until.micros().saturating_sub(self.now().micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}
