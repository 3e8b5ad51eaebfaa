//! The bodies of answers, read within limits: whatever answers, the command takes a bounded amount of memory and ends.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use steps_shared::ListFormat;
use tokio::time::{Instant, timeout};

use super::{Client, header, shortened};
use crate::error::Error;

/// The largest document that is read whole, in bytes. Lists have no limit where they are written as they arrive.
pub const MAX_DOCUMENT: usize = 64 * 1024 * 1024;

/// The largest answer that holds a single thing, such as a recorded step.
pub const MAX_SMALL_DOCUMENT: usize = 1024 * 1024;

/// How many timeouts of waiting must bring [`MIN_BYTES`].
const WINDOW_TIMEOUTS: u32 = 6;

/// See [`WINDOW_TIMEOUTS`].
const MIN_BYTES: u64 = 1024;

/// Within how many timeouts of waiting a document must be whole.
const DOCUMENT_TIMEOUTS: u32 = 60;

/// The body of a successful answer.
#[derive(Debug)]
pub struct Body<'a> {
    client: &'a Client,
    response: Response,
    pace: Pace,
}

/// How fast a body comes. Only the time counts in which the command waited for it, not that of a slow reader of its output.
#[derive(Debug)]
struct Pace {
    timeout: Duration,
    waited: Duration,
    waited_in_window: Duration,
    bytes_in_window: u64,
}

impl<'a> Body<'a> {
    pub(super) fn new(client: &'a Client, response: Response) -> Self {
        Self { client, response, pace: Pace::new(client.timeout) }
    }

    /// Makes sure that this is a list in this format, whose end can be told from a connection that broke.
    ///
    /// # Errors
    /// The answer is of another media type, or has neither a length nor chunks.
    pub fn expect_list(&self, format: ListFormat) -> Result<(), Error> {
        let shown = &self.client.shown;
        let essence = |media_type: &str| media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let expected = essence(format.media_type());
        let found = header(&self.response, &CONTENT_TYPE).map(essence).unwrap_or_else(|| "no media type".to_owned());
        if found != expected {
            return Err(Error::Failed(format!(
                "{shown} answered {} where {expected} was requested, not as a steps-server does; is --server right?",
                shortened(&found)
            )));
        }
        let headers = self.response.headers();
        if !headers.contains_key(TRANSFER_ENCODING) && !headers.contains_key(CONTENT_LENGTH) {
            return Err(Error::Failed(format!(
                "the answer of {shown} has neither chunks nor a length, so that half of it would look whole; \
                 a proxy before it must speak HTTP/1.1"
            )));
        }
        Ok(())
    }

    /// The next bytes. The timeout is for each wait, not for the whole body, but a body that only trickles is given up.
    ///
    /// # Errors
    /// The connection breaks, nothing comes for the timeout, or too little in several.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let begun = Instant::now();
        let reason = match timeout(self.client.timeout, self.response.chunk()).await {
            Ok(Ok(chunk)) => {
                let bytes = chunk.as_ref().map_or(0, Bytes::len);
                match self.pace.count(begun.elapsed(), bytes as u64) {
                    Err(reason) if chunk.is_some() => reason,
                    _ => return Ok(chunk),
                }
            }
            Ok(Err(error)) => super::cause(&error),
            Err(_) => format!("nothing came for {:?}", self.client.timeout),
        };
        Err(self.incomplete(&reason))
    }

    /// Reads a document to its end.
    ///
    /// # Errors
    /// As [`Self::next_chunk`]; or it is longer than `limit` bytes, or takes too long as a whole.
    pub async fn document(mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let too_long = || {
            let size = if limit < MAX_DOCUMENT { "1 MiB" } else { "64 MiB" };
            format!(
                "the answer of {} is longer than {size}, which no such answer of a steps-server is",
                self.client.shown
            )
        };
        let length = self.response.content_length().unwrap_or_default();
        if length > limit as u64 {
            return Err(Error::Failed(too_long()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = self.next_chunk().await? {
            if document.len() + chunk.len() > limit {
                return Err(Error::Failed(too_long()));
            }
            document.extend_from_slice(&chunk);
            self.pace.document_in_time().map_err(|reason| self.incomplete(&reason))?;
        }
        Ok(document)
    }

    fn incomplete(&self, reason: &str) -> Error {
        Error::Failed(format!("the answer of {} is incomplete: {reason}", self.client.shown))
    }
}

impl Pace {
    fn new(timeout: Duration) -> Self {
        Self { timeout, waited: Duration::ZERO, waited_in_window: Duration::ZERO, bytes_in_window: 0 }
    }

    /// Says what is wrong when a document has come for too long.
    fn document_in_time(&self) -> Result<(), String> {
        let longest = self.timeout.saturating_mul(DOCUMENT_TIMEOUTS);
        if self.waited <= longest {
            return Ok(());
        }
        Err(format!("it was not whole after {longest:?}; --timeout gives it longer"))
    }

    /// Counts bytes and how long they were waited for; says what is wrong when they are too few.
    fn count(&mut self, waited: Duration, bytes: u64) -> Result<(), String> {
        self.waited += waited;
        self.waited_in_window += waited;
        self.bytes_in_window += bytes;
        let window = self.timeout.saturating_mul(WINDOW_TIMEOUTS);
        if self.waited_in_window < window {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.bytes_in_window);
        self.waited_in_window = Duration::ZERO;
        if bytes >= MIN_BYTES {
            return Ok(());
        }
        Err(format!("only {bytes} bytes came within {window:?}; --timeout gives it longer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_trickles_is_given_up_and_a_slow_one_is_not() {
        let second = Duration::from_secs(1);
        let rounds = |bytes: u64| {
            let mut pace = Pace::new(second);
            (0..100).find_map(|round| pace.count(second, bytes).err().map(|reason| (round, reason)))
        };
        assert_eq!(rounds(1), Some((5, "only 6 bytes came within 6s; --timeout gives it longer".to_owned())));
        assert_eq!(rounds(171), None);
        // What came fast at first does not pay for what trickles later.
        let mut pace = Pace::new(second);
        assert!(pace.count(second * 6, 1 << 30).is_ok());
        assert!(pace.count(second * 6, 1023).is_err());
        assert!(pace.count(second * 48, 1 << 20).is_ok() && pace.document_in_time().is_ok());
        assert!(pace.count(second, 1 << 20).is_ok());
        assert_eq!(pace.document_in_time().unwrap_err(), "it was not whole after 60s; --timeout gives it longer");
    }
}
