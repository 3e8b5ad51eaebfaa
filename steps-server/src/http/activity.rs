//! What a connection is doing, so that the one that does nothing is closed when there is no room.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The least speed at which an answer must be read, in bytes a second.
pub const LEAST_SPEED: f64 = 8.0 * 1024.0;

/// What a connection is doing. Over HTTP/2 it has several requests at once.
#[derive(Debug)]
pub struct Activity {
    /// The address at the other end of the connection: the client's, or a proxy's.
    pub peer: SocketAddr,
    /// Whether the connection has TLS.
    pub is_tls: bool,
    /// It is no client's: the server asks itself.
    pub is_own: bool,
    /// Whether a request has come.
    asked: AtomicBool,
    /// Whether nothing was received since a request was handed on.
    handed_on: AtomicBool,
    closing: Notify,
    next: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many requests send their bodies.
    sending: u32,
    /// How many wait for their answers, or read them.
    waiting: u32,
    /// When [`Activity::doing`] last changed.
    since: Instant,
    /// The answers that are being read over HTTP/2, by the number of their exchange.
    readers: HashMap<u64, Reader>,
}

/// Who reads an answer over HTTP/2.
#[derive(Debug, Default)]
struct Reader {
    /// How far it is behind the least speed.
    behind: Duration,
    /// Since when it is its turn.
    since: Option<Instant>,
}

/// What a connection is doing. The first of these that has lasted longest is the first to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Doing {
    /// It has never sent a request.
    New,
    /// Nothing; or it sends the head of a request.
    Nothing,
    /// It sends the body of a request.
    Sending,
    /// It waits for its answer, or reads it.
    Waiting,
}

impl Reader {
    /// How far it is behind the least speed.
    fn behind(&self, now: Instant) -> Duration {
        self.behind + self.since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }

    /// It has taken so many bytes.
    fn takes(&mut self, bytes: usize, now: Instant) {
        self.behind = self.behind(now).saturating_sub(Duration::from_secs_f64(bytes as f64 / LEAST_SPEED));
        self.since = None;
    }
}

impl Activity {
    /// Of a new connection.
    pub fn new(peer: SocketAddr, is_tls: bool) -> Self {
        let state = State { sending: 0, waiting: 0, since: Instant::now(), readers: HashMap::new() };
        Self {
            peer,
            is_tls,
            is_own: false,
            asked: AtomicBool::new(false),
            handed_on: AtomicBool::new(false),
            closing: Notify::new(),
            next: AtomicU64::new(0),
            state: Mutex::new(state),
        }
    }

    /// Of a connection of the server with itself.
    pub fn own() -> Self {
        Self { is_own: true, ..Self::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false) }
    }

    /// Something was received.
    pub fn received(&self) {
        self.handed_on.store(false, Ordering::Relaxed);
    }

    /// Whether a request was handed on since something was received.
    pub fn has_handed_on(&self) -> bool {
        self.handed_on.load(Ordering::Relaxed)
    }

    /// Whether a request has ever come.
    pub fn has_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// What it is doing, and since when.
    pub fn doing(&self) -> (Doing, Instant) {
        let state = self.state();
        (self.doing_of(&state), state.since)
    }

    fn doing_of(&self, state: &State) -> Doing {
        match state {
            State { waiting: 1.., .. } => Doing::Waiting,
            State { sending: 1.., .. } => Doing::Sending,
            _ if self.has_asked() => Doing::Nothing,
            _ => Doing::New,
        }
    }

    /// How far the slowest reader of an answer over HTTP/2 is behind the least speed.
    pub fn slowest_reader(&self) -> Duration {
        let now = Instant::now();
        self.state().readers.values().map(|reader| reader.behind(now)).max().unwrap_or_default()
    }

    /// Tells the connection to close, because others need its place.
    pub fn close(&self) {
        self.closing.notify_one();
    }

    /// Waits until it is told to close.
    pub async fn told_to_close(&self) {
        self.closing.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, from: Doing, to: Doing) {
        let mut state = self.state();
        let before = self.doing_of(&state);
        match from {
            Doing::Sending => state.sending = state.sending.saturating_sub(1),
            Doing::Waiting => state.waiting = state.waiting.saturating_sub(1),
            Doing::New | Doing::Nothing => {}
        }
        match to {
            Doing::Sending => state.sending += 1,
            Doing::Waiting => state.waiting += 1,
            Doing::New | Doing::Nothing => {}
        }
        if self.doing_of(&state) != before {
            state.since = Instant::now();
        }
    }
}

/// One request and its answer, on a connection. It ends when it is told to, or dropped.
#[derive(Debug)]
pub struct Exchange {
    activity: Arc<Activity>,
    number: u64,
    /// A [`Doing`].
    doing: AtomicU8,
    ended: AtomicBool,
}

impl Exchange {
    /// A request has come.
    pub fn begin(activity: &Arc<Activity>) -> Arc<Self> {
        activity.change(Doing::Nothing, Doing::Waiting);
        activity.asked.store(true, Ordering::Relaxed);
        activity.handed_on.store(true, Ordering::Relaxed);
        let number = activity.next.fetch_add(1, Ordering::Relaxed);
        let doing = AtomicU8::new(Doing::Waiting as u8);
        Arc::new(Self { activity: Arc::clone(activity), number, doing, ended: AtomicBool::new(false) })
    }

    /// From now on the client sends the body.
    pub fn sends(&self) {
        self.set(Doing::Sending);
    }

    /// From now on the client waits.
    pub fn waits(&self) {
        self.set(Doing::Waiting);
    }

    fn set(&self, to: Doing) {
        if !self.ended.load(Ordering::Relaxed) && self.doing.load(Ordering::Relaxed) != to as u8 {
            self.doing.store(to as u8, Ordering::Relaxed);
            let from = if to == Doing::Sending { Doing::Waiting } else { Doing::Sending };
            self.activity.change(from, to);
        }
    }

    /// It is the client's turn to read, over HTTP/2.
    pub fn offers(&self) {
        if !self.ended.load(Ordering::Relaxed) {
            self.activity.state().readers.entry(self.number).or_default().since = Some(Instant::now());
        }
    }

    /// The client has taken so many bytes that were offered.
    pub fn has_taken(&self, bytes: usize) {
        if let Some(reader) = self.activity.state().readers.get_mut(&self.number) {
            reader.takes(bytes, Instant::now());
        }
    }

    /// The answer has been read, or given up.
    pub fn end(&self) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            let is_sending = self.doing.load(Ordering::Relaxed) == Doing::Sending as u8;
            let from = if is_sending { Doing::Sending } else { Doing::Waiting };
            self.activity.change(from, Doing::Nothing);
            self.activity.state().readers.remove(&self.number);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_requests_of_one_connection() {
        let activity = Arc::new(Activity::new(([127, 0, 0, 1], 1).into(), true));
        let doing = || activity.doing().0;
        assert_eq!(doing(), Doing::New);
        let (one, other) = (Exchange::begin(&activity), Exchange::begin(&activity));
        one.sends();
        assert_eq!(doing(), Doing::Waiting);
        other.sends();
        assert_eq!(doing(), Doing::Sending);
        other.waits();
        one.end();
        one.sends();
        assert_eq!(doing(), Doing::Waiting);
        drop((one, other));
        assert_eq!((doing(), activity.slowest_reader()), (Doing::Nothing, Duration::ZERO));
    }

    #[test]
    fn a_slow_reader_falls_behind_and_the_pauses_of_the_server_do_not_count() {
        let mut now = Instant::now();
        let mut reader = Reader::default();
        let mut reads = |bytes: usize, seconds| {
            reader.since = Some(now);
            now += Duration::from_secs(seconds);
            reader.takes(bytes, now);
            now += Duration::from_secs(100);
            reader.behind(now)
        };
        assert_eq!(reads(8 * 1024, 1), Duration::ZERO);
        assert_eq!(reads(8 * 1024, 10), Duration::from_secs(9));
        assert_eq!(reads(16 * 1024, 1), Duration::from_secs(8));
    }

    #[test]
    fn an_answer_that_has_been_read_holds_nobody_up() {
        let activity = Arc::new(Activity::new(([127, 0, 0, 1], 1).into(), true));
        let exchange = Exchange::begin(&activity);
        exchange.offers();
        assert_eq!(activity.state().readers.len(), 1);
        exchange.end();
        exchange.offers();
        assert_eq!(activity.state().readers.len(), 0);
    }
}
