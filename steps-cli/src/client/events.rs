//! The stream of events.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use steps_shared::{Event, EventKind, EventQuery};
use tokio::time::timeout;

use super::{Client, RequestError, cause, header};
use crate::error::Error;

/// The media type of a stream of events.
const EVENTS: &str = "text/event-stream";
/// The longest event that is read, in bytes.
const MAX_EVENT: usize = 1024 * 1024;
/// The server sends something every 15 s, whatever happens: a connection that is silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(45);
/// The longest pause that a server may ask for.
const MAX_RETRY: Duration = Duration::from_secs(10);

/// The events of one connection.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    parser: Parser,
}

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The id to resume from.
    pub id: Option<String>,
    /// How long to pause before that.
    pub retry: Option<Duration>,
    /// The event; without one, the id alone has changed.
    pub event: Option<Event>,
}

impl Client {
    /// Begins to watch; waits until the server has answered.
    pub async fn events(&self, query: &EventQuery) -> Result<EventStream, RequestError> {
        let request = self.http.get(self.url("/v1/events")).query(&query.to_parameters()).header(ACCEPT, EVENTS);
        let response = match timeout(self.timeout, self.send(request)).await {
            Ok(sent) => sent?,
            Err(_) => return Err(self.timed_out()),
        };
        let found = header(&response, &CONTENT_TYPE).unwrap_or_default();
        if !found.starts_with(EVENTS) {
            return Err(RequestError::permanent(Error::Failed(format!(
                "{} does not answer with events, as a steps-server of this version does; is --server right?",
                self.shown
            ))));
        }
        Ok(EventStream { response, parser: Parser::default() })
    }
}

impl EventStream {
    /// What comes next; `None` where the server ends the stream.
    ///
    /// # Errors
    /// The connection breaks, or is silent for too long; or what comes is no event. The text says why.
    pub async fn next(&mut self) -> Result<Option<Incoming>, String> {
        loop {
            if let Some(incoming) = self.parser.next()? {
                return Ok(Some(incoming));
            }
            match timeout(SILENCE, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => self.parser.bytes.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Err(cause(&error)),
                Err(_) => return Err(format!("nothing came for {SILENCE:?}")),
            }
        }
    }
}

/// Reads server-sent events as the HTML standard has them, of which ours need a part: no carriage returns, no byte order mark.
#[derive(Debug, Default)]
struct Parser {
    bytes: BytesMut,
    /// Up to where there is no end of a line.
    looked: usize,
    id: Option<String>,
    retry: Option<Duration>,
    kind: String,
    data: String,
}

impl Parser {
    /// The next event of what was received; `None` where its end has not come.
    fn next(&mut self) -> Result<Option<Incoming>, String> {
        while let Some(length) = self.bytes[self.looked..].iter().position(|byte| *byte == b'\n') {
            let line = self.bytes.split_to(self.looked + length);
            self.bytes.advance(1);
            self.looked = 0;
            let line = std::str::from_utf8(&line).map_err(|error| error.to_string())?;
            if !line.is_empty() {
                self.field(line);
                if self.data.len() > MAX_EVENT {
                    return Err(too_long());
                }
                continue;
            }
            let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
            let (id, retry) = (self.id.take(), self.retry.take());
            let event = if data.is_empty() { None } else { read(&kind, &data)? };
            if id.is_some() || retry.is_some() || event.is_some() {
                return Ok(Some(Incoming { id, retry, event }));
            }
        }
        self.looked = self.bytes.len();
        if self.looked > MAX_EVENT { Err(too_long()) } else { Ok(None) }
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.kind),
            "data" if self.data.is_empty() => value.clone_into(&mut self.data),
            "data" => self.data.extend(["\n", value]),
            "retry" => {
                let pause = value.parse().ok().map(Duration::from_millis);
                self.retry = pause.map(|pause| pause.min(MAX_RETRY));
            }
            _ => {}
        }
    }
}

/// An event; `None` of a kind that this version does not know.
fn read(kind: &str, data: &str) -> Result<Option<Event>, String> {
    let Ok(kind) = kind.parse::<EventKind>() else { return Ok(None) };
    let event = Event::from_json(kind, data).map_err(|error| format!("an event cannot be read ({error})"))?;
    Ok(Some(event))
}

fn too_long() -> String {
    "an event is longer than 1 MiB, which none of a steps-server is".to_owned()
}

#[cfg(test)]
mod tests {
    use steps_shared::Reset;

    use super::*;

    const TEXT: &str = "retry: 1500\n\n: still here\nid: a\n\n:\n\nid: b\nevent: reset\ndata: {\"reason\":\n\
        data: \"why\"}\n\nevent: other\ndata: x\n\nid: c\nevent: res";

    #[test]
    fn events_come_back_however_they_are_cut() {
        let incoming = |id: Option<&str>, retry, event| Incoming { id: id.map(str::to_owned), retry, event };
        let reset = Event::Reset(Reset { reason: "why".to_owned() });
        let expected = [
            incoming(None, Some(Duration::from_millis(1500)), None),
            incoming(Some("a"), None, None),
            incoming(Some("b"), None, Some(reset)),
        ];
        for size in [1, 2, 7, 1000] {
            let (mut parser, mut found) = (Parser::default(), Vec::new());
            for bytes in TEXT.as_bytes().chunks(size) {
                parser.bytes.extend_from_slice(bytes);
                while let Some(incoming) = parser.next().unwrap() {
                    found.push(incoming);
                }
            }
            assert_eq!(found, expected, "{size}");
        }
    }

    #[test]
    fn what_is_too_long_or_wrong_ends_the_stream() {
        let fails = |text: &[u8]| {
            let mut parser = Parser::default();
            parser.bytes.extend_from_slice(text);
            parser.next().is_err()
        };
        assert!(fails(&vec![b'a'; MAX_EVENT + 1]) && fails(b"event: step\ndata: {}\n\n") && fails(b"\xff\n"));
        assert!(!fails(b"event: step\ndata: {}\n"));
    }
}
