//! The connections that are open: bounded, and those that do nothing give their place to others.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::http::{Activity, Doing};

/// How long to wait for a place before more connections are closed.
const PAUSE: Duration = Duration::from_millis(50);
/// Of so many connections, one is closed at a time: looking for the longest idle takes time for all of them.
const ONE_OF: usize = 64;
/// A connection is not closed before it has done nothing for so long: a client that is at work pauses for less.
const SILENT: Duration = Duration::from_secs(1);
/// The same, of one that has never sent a request.
const NEW_SILENT: Duration = Duration::from_millis(250);

/// The connections that are open.
#[derive(Debug)]
pub struct Connections {
    places: Arc<Semaphore>,
    open: Mutex<HashMap<u64, Arc<Activity>>>,
    next: AtomicU64,
}

/// The place of a connection, until it is dropped.
#[derive(Debug)]
pub struct Place {
    connections: Arc<Connections>,
    number: u64,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    /// None, of at most so many.
    pub fn new(most: u32) -> Self {
        Self { places: Arc::new(Semaphore::new(most as usize)), open: Mutex::default(), next: AtomicU64::new(0) }
    }

    /// A place for one more. When there is none, the longest idle are closed.
    pub async fn place(self: &Arc<Self>, activity: &Arc<Activity>) -> Place {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => loop {
                self.make_room();
                if let Ok(permit) = timeout(PAUSE, Arc::clone(&self.places).acquire_owned()).await {
                    break permit.ok();
                }
            },
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open().insert(number, Arc::clone(activity));
        Place { connections: Arc::clone(self), number, _permit: permit }
    }

    /// Closes the connections that have done nothing for longest, first of those without any request; where there are none, those that have been silent for longest
    /// in the middle of a body.
    pub fn make_room(&self) {
        let open = self.open();
        let now = Instant::now();
        let mut idle: Vec<_> = open
            .values()
            .map(|activity| (activity.doing(), activity))
            .filter(|((doing, since), _)| match doing {
                Doing::New => now.duration_since(*since) >= NEW_SILENT,
                Doing::Nothing | Doing::Sending => now.duration_since(*since) >= SILENT,
                Doing::Waiting => false,
            })
            .collect();
        let count = idle.len().div_ceil(ONE_OF).max(1);
        if count < idle.len() {
            idle.select_nth_unstable_by_key(count, |(order, _)| *order);
        }
        idle.iter().take(count).for_each(|(_, activity)| activity.close());
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Activity>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Exchange;

    #[tokio::test]
    async fn the_longest_idle_gives_its_place() {
        let connections = Arc::new(Connections::new(3));
        let open = async |waits: bool| {
            let activity = Arc::new(Activity::new(([127, 0, 0, 1], 1).into(), false));
            let exchange = Exchange::begin(&activity);
            if !waits {
                exchange.end();
            }
            (connections.place(&activity).await, activity, exchange)
        };
        let _waits = open(true).await;
        let first = open(false).await;
        let _second = open(false).await;
        let closing = async {
            first.1.told_to_close().await;
            drop(first.0);
        };
        tokio::join!(open(false), closing);
    }
}
