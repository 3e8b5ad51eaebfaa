//! What a view is told: what is running at the beginning, and then what happens.

use steps_shared::{DeploymentOutcome, Event, EventFilter};
use tokio::sync::mpsc::Sender;

use super::follow::{Next, follow};
use super::once::Once;
use super::running::{Listed, list};
use crate::client::Client;
use crate::error::Error;

/// How many messages wait for the view before the stream of events does.
pub const MESSAGES: usize = 256;

/// What a view is told.
#[derive(Debug)]
pub enum Message {
    /// What is running, at the beginning and where something was missed.
    Listed(Listed),
    /// What has happened.
    Event(Event),
    /// The connection is lost, because of this, and is tried again.
    Away(String),
    /// It is there again.
    Back,
}

/// Tells what happens until what is waited for has ended.
///
/// # Errors
/// The server cannot be reached at the beginning, or refuses.
pub async fn feed(
    client: &Client,
    filter: EventFilter,
    once: &mut Option<Once>,
    sender: Sender<Message>,
) -> Result<DeploymentOutcome, Error> {
    follow(client, filter.clone(), async |next| {
        // Whoever takes the messages lives as long as this.
        let (message, outcome) = match next {
            Next::Listed(began) => {
                let _ = sender.send(Message::Listed(list(client, &filter).await?)).await;
                let Some(once) = once else { return Ok(None) };
                let Some(ended) = once.look(client, began).await? else { return Ok(None) };
                let outcome = ended.outcome;
                (Message::Event(Event::Deployment(Box::new(ended))), Some(outcome))
            }
            Next::Event(_, event) => {
                let outcome = once.as_mut().and_then(|once| once.outcome(event));
                (Message::Event(event.clone()), outcome)
            }
            Next::Away(reason) => (Message::Away(reason.to_owned()), None),
            Next::Back => (Message::Back, None),
        };
        let _ = sender.send(message).await;
        Ok(outcome)
    })
    .await
}
