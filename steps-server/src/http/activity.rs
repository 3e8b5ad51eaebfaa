//! What a connection is doing, so that the one that does nothing is closed when there is no room.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;

/// What a connection is doing.
#[derive(Debug)]
pub struct Activity {
    /// The client's address.
    pub peer: SocketAddr,
    began: Instant,
    /// A [`Doing`].
    doing: AtomicU8,
    /// Milliseconds from `began` to when it began to do that.
    since: AtomicU64,
    /// Whether a request has come.
    asked: AtomicBool,
    /// Whether nothing was received since a request was handed on.
    handed_on: AtomicBool,
    closing: Notify,
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

impl Activity {
    /// Of a new connection.
    pub fn new(peer: SocketAddr) -> Self {
        Self {
            peer,
            began: Instant::now(),
            doing: AtomicU8::new(Doing::New as u8),
            since: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            handed_on: AtomicBool::new(false),
            closing: Notify::new(),
        }
    }

    /// From now on it does this.
    pub fn set(&self, doing: Doing) {
        if self.doing.swap(doing as u8, Ordering::Relaxed) != doing as u8 {
            self.since.store(self.age(), Ordering::Relaxed);
        }
    }

    /// A request has come.
    pub fn asks(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.handed_on.store(true, Ordering::Relaxed);
        self.set(Doing::Waiting);
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
        let doing = match self.doing.load(Ordering::Relaxed) {
            0 => Doing::New,
            1 => Doing::Nothing,
            2 => Doing::Sending,
            _ => Doing::Waiting,
        };
        (doing, self.began + std::time::Duration::from_millis(self.since.load(Ordering::Relaxed)))
    }

    /// Tells the connection to close, because others need its place.
    pub fn close(&self) {
        self.closing.notify_one();
    }

    /// Waits until it is told to close.
    pub async fn told_to_close(&self) {
        self.closing.notified().await;
    }

    fn age(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
