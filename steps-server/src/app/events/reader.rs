//! One who watches.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use steps_shared::{Event, EventFilter, EventQuery, Reset};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep, timeout};

use super::ids::Ids;
use super::ring::Behind;
use super::{Events, POLL, READ_TIMEOUT};
use crate::app::{Access, Error};
use crate::store::{Place, StoreError};

/// The most events that are handed on together.
const PAGE: usize = 64;
/// The same of those that are read from the database for one reader.
const OWN_PAGE: usize = 32;

/// What is told of an event, to everybody who may see it.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    pub place: Place,
    pub event: Event,
    /// As it is sent.
    pub text: Bytes,
}

/// One who watches: a place in the log. It holds no connection to the database.
#[derive(Debug)]
pub struct EventReader {
    events: Arc<Events>,
    place: Place,
    access: Access,
    filter: EventFilter,
    /// Something was missed.
    reset: bool,
    changed: watch::Receiver<()>,
    _permit: OwnedSemaphorePermit,
}

/// An event as it is sent.
fn text(id: &str, event: &Event) -> Option<Bytes> {
    Some(format!("id: {id}\nevent: {}\ndata: {}\n\n", event.kind(), event.json().ok()?).into())
}

impl Told {
    /// What is told of an event; `None` where the system fails.
    pub fn new(ids: &Ids, place: Place, event: Event) -> Option<Self> {
        let text = text(&ids.of_event(place)?, &event)?;
        Some(Self { place, event, text })
    }

    /// How many bytes it takes, more or less.
    pub fn size(&self) -> usize {
        // The event itself holds the same texts once more.
        2 * self.text.len() + size_of::<Self>()
    }
}

impl EventReader {
    pub(super) async fn open(
        events: &Arc<Events>,
        access: Access,
        query: EventQuery,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let EventQuery { filter, last_event_id } = query;
        if *events.stopping.borrow() {
            return Err(Error::Stopping);
        }
        let permit =
            Arc::clone(&events.places).try_acquire_owned().map_err(|_| Error::BusyWith("readers of events"))?;
        events.readers.fetch_add(1, Ordering::Relaxed);
        events.has_readers.notify_one();
        let events = Arc::clone(events);
        let changed = events.changes();
        let mut reader =
            Self { events, place: Place::default(), access, filter, reset: false, changed, _permit: permit };
        let now = reader.events.now(deadline).await?;
        let asked = last_event_id.as_deref();
        let place = match asked {
            None => Some(now),
            Some(id) => reader.events.ids().await?.place(id),
        };
        // One that is behind the end is of a database that was restored since, unless this server has not read so far yet.
        let place = match place.filter(|place| *place > now) {
            Some(ahead) if ahead > reader.events.store.last_event().await? => None,
            _ => place,
        };
        reader.reset = place.is_none();
        reader.place = place.unwrap_or(now);
        Ok(reader)
    }

    /// An id to resume from here, of no event.
    #[must_use]
    pub fn mark(&self) -> Option<String> {
        self.events.ids.get()?.of_mark(self.place)
    }

    /// Says whether the server stops.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.events.stopping.subscribe()
    }

    /// What comes next that the caller may see and asked for; waits for it. Dropped before it is ready, it has taken nothing.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn next(&mut self) -> Result<Vec<Bytes>, StoreError> {
        loop {
            if self.reset {
                // The client lists first, so that it needs nothing of what is before now.
                self.place = self.events.ring().end().unwrap_or(self.place);
                self.reset = false;
                return Ok(vec![self.reset_text()]);
            }
            self.changed.mark_unchanged();
            let (behind, start) = {
                let ring = self.events.ring();
                (ring.behind(self.place, PAGE), ring.start())
            };
            let (told, end) = match behind {
                Behind::Events(told) => match told.last() {
                    Some(last) => {
                        let end = last.place;
                        (told, end)
                    }
                    None => {
                        // An error says that the server ends.
                        let _ = self.changed.changed().await;
                        continue;
                    }
                },
                Behind::Gone => match Box::pin(self.catch_up()).await? {
                    Some(found) => found,
                    None => {
                        // All of the log has been read: nothing is between here and the ring, which began before that.
                        self.place = start.map_or(self.place, |start| start.max(self.place));
                        if start.is_none() {
                            sleep(POLL).await;
                        }
                        continue;
                    }
                },
            };
            self.place = end;
            let told = told.iter().filter(|told| self.is_told(&told.event));
            let texts: Vec<Bytes> = told.map(|told| told.text.clone()).collect();
            if !texts.is_empty() {
                return Ok(texts);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Reads what comes next from the database, and where it ends; `None` where there is nothing.
    async fn catch_up(&mut self) -> Result<Option<(Vec<Arc<Told>>, Place)>, StoreError> {
        let events = Arc::clone(&self.events);
        // One after the other: the log has one connection. An error is impossible: it is never closed.
        let _turn = events.catching_up.acquire().await;
        let ids = events.ids().await?;
        let reader = events.store.event_reader((events.rules.now)());
        let began = Instant::now();
        let read = timeout(READ_TIMEOUT, reader.events_after(self.place, OWN_PAGE)).await;
        let page =
            read.unwrap_or(Err(StoreError::TimedOut)).inspect_err(|_| events.store.renew_event_readers(began))?;
        if page.gone > self.place {
            self.reset = true;
            return Ok(Some((Vec::new(), page.gone)));
        }
        let Some(end) = page.end else { return Ok(None) };
        let told = page.events.into_iter().filter_map(|(place, event)| Told::new(ids, place, event));
        Ok(Some((told.map(Arc::new).collect(), end)))
    }

    fn is_told(&self, event: &Event) -> bool {
        let sees = event.place().is_none_or(|(component, environment)| match environment {
            Some(environment) => self.access.may_see(component, environment),
            None => self.access.may_see_component(component),
        });
        sees && self.filter.matches(event)
    }

    fn reset_text(&self) -> Bytes {
        let reason = "what happened behind this id is not all known any more: list what is of interest, and go on here";
        let event = Event::Reset(Reset { reason: reason.to_owned() });
        text(&self.mark().unwrap_or_default(), &event).unwrap_or_default()
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        self.events.readers.fetch_sub(1, Ordering::Relaxed);
    }
}
