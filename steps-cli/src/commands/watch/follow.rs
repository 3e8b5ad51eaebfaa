//! Following events: across connections, without a gap.

use std::time::Duration;

use steps_shared::{Event, EventFilter, EventQuery, Timestamp};
use tokio::time::sleep;

use crate::client::Client;
use crate::clock;
use crate::error::Error;

/// The first pause before another try, and the longest; it doubles from one to the other.
const PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// What is to be looked at.
pub enum Next<'a> {
    /// Whatever there is must be listed: at the beginning, with the time then, and when something was missed.
    Listed(Timestamp),
    /// This event, with its id.
    Event(&'a str, &'a Event),
    /// The connection is lost, because of this, and is tried again.
    Away(&'a str),
    /// It is there again.
    Back,
}

/// Hands every event on, until something comes of one. Where the connection breaks, it goes on behind the last event.
///
/// # Errors
/// The server cannot be reached at the beginning, or refuses; or `take` fails.
pub async fn follow<T>(
    client: &Client,
    filter: EventFilter,
    mut take: impl AsyncFnMut(Next<'_>) -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    let mut query = EventQuery { filter, last_event_id: None };
    let began = clock::now();
    let (mut is_first, mut is_away, mut pause) = (true, false, PAUSE);
    let mut must_list = true;
    loop {
        let broke = match client.events(&query).await {
            Err(error) if is_first || !error.transient => return Err(error.into()),
            Err(error) => error.error.to_string(),
            Ok(mut stream) => {
                if std::mem::take(&mut is_away)
                    && let Some(done) = take(Next::Back).await?
                {
                    return Ok(done);
                }
                is_first = false;
                loop {
                    // What is listed after the stream has begun leaves no gap before it.
                    if must_list {
                        match take(Next::Listed(began)).await {
                            Ok(Some(done)) => return Ok(done),
                            Ok(None) => must_list = false,
                            Err(error @ Error::Failed(_)) => break error.to_string(),
                            Err(error) => return Err(error),
                        }
                    }
                    let incoming = match stream.next().await {
                        Ok(Some(incoming)) => incoming,
                        Ok(None) => break "the server has ended the stream".to_owned(),
                        Err(reason) => break reason,
                    };
                    pause = incoming.retry.unwrap_or(PAUSE).min(MAX_PAUSE);
                    if let Some(event) = &incoming.event {
                        let id = incoming.id.as_deref().unwrap_or_default();
                        if let Some(done) = take(Next::Event(id, event)).await? {
                            return Ok(done);
                        }
                        must_list = matches!(event, Event::Reset(_));
                    }
                    // Only now: what was not shown comes again.
                    query.last_event_id = incoming.id.or(query.last_event_id);
                }
            }
        };
        if !std::mem::replace(&mut is_away, true)
            && let Some(done) = take(Next::Away(&broke)).await?
        {
            return Ok(done);
        }
        sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}
