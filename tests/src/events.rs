//! Readers of `GET /v1/events`.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::time::timeout;

use crate::Server;

/// How long a test waits for an event.
const DEADLINE: Duration = Duration::from_secs(60);

/// One stream of events.
#[derive(Debug)]
pub struct Events {
    response: Response,
    text: String,
    /// The id to resume from, as far as was read.
    pub last_id: String,
    /// How often something came that is no event.
    pub beats: usize,
}

/// An event.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its id.
    pub id: String,
    /// Its name.
    pub event: String,
    /// Its JSON.
    pub data: Value,
}

impl Told {
    /// `step building`, `deployment running`.
    #[must_use]
    pub fn short(&self) -> String {
        let member = if self.event == "deployment" { "outcome" } else { "status" };
        format!("{} {}", self.event, self.data[member].as_str().unwrap_or_default())
    }
}

impl Events {
    /// Begins to watch; the request must be answered well.
    ///
    /// # Panics
    /// It is not.
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{response:?}");
        Self::reading(response)
    }

    /// The stream of an answer.
    #[must_use]
    pub fn reading(response: Response) -> Self {
        Self { response, text: String::new(), last_id: String::new(), beats: 0 }
    }

    /// The next event; `None` at the end of the stream.
    ///
    /// # Errors
    /// The connection breaks.
    ///
    /// # Panics
    /// Nothing comes in time.
    pub async fn try_next(&mut self) -> Result<Option<Told>, reqwest::Error> {
        timeout(DEADLINE, self.read()).await.expect("an event in time")
    }

    /// The next event; there must be one.
    ///
    /// # Panics
    /// There is none.
    pub async fn next(&mut self) -> Told {
        self.try_next().await.expect("the stream goes on").expect("another event")
    }

    /// The next events up to the one that `short` tells like this, each told so.
    pub async fn until(&mut self, last: &str) -> Vec<String> {
        let mut all = Vec::new();
        while all.last().is_none_or(|short| short != last) {
            all.push(self.next().await.short());
        }
        all
    }

    async fn read(&mut self) -> Result<Option<Told>, reqwest::Error> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let mut fields = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    fields.next().map(str::to_owned)
                };
                if let Some(id) = field("id") {
                    self.last_id = id;
                }
                match field("data") {
                    Some(data) => {
                        let data = serde_json::from_str(&data).expect("JSON");
                        let event = field("event").expect("a name");
                        return Ok(Some(Told { id: self.last_id.clone(), event, data }));
                    }
                    None => self.beats += 1,
                }
            }
            match self.response.chunk().await? {
                Some(chunk) => self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8")),
                None => return Ok(None),
            }
        }
    }

    /// Reads until so many things have come that are no events.
    ///
    /// # Panics
    /// They do not come in time.
    pub async fn beaten(&mut self, beats: usize) {
        let read = async {
            while self.beats < beats {
                let more = timeout(Duration::from_millis(200), self.read()).await;
                assert!(!matches!(more, Ok(Ok(None))), "the stream ends");
            }
        };
        timeout(DEADLINE, read).await.expect("heartbeats in time");
    }
}

impl Server {
    /// Watches with these parameters.
    pub async fn watch(&self, parameters: &str) -> Events {
        Events::of(self.request(Method::GET, &format!("/v1/events?{parameters}"))).await
    }
}
