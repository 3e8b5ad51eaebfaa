//! A client's socket, as hyper reads and writes it: with a least speed for who reads, a problem document for what is no
//! request, and a close after which the last answer still arrives.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::http::{self, Activity};

/// The least speed at which an answer must be read, in bytes a second.
const LEAST_SPEED: f64 = 8.0 * 1024.0;
/// How much is read and dropped after the last answer, and for how long: what arrives at a closed socket makes the system
/// throw away the answer that the client has not read yet.
const LINGER_BYTES: usize = 32 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(2);

/// A client's socket.
pub struct Socket {
    stream: TcpStream,
    activity: Arc<Activity>,
    stall: Duration,
    /// How far the client is behind the least speed.
    behind: Duration,
    /// Since when a write waits for the client, and until when it may.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
    /// What is written in place of hyper's own answer, and how much of it has been.
    own: (Vec<u8>, usize),
    linger: Option<Linger>,
}

struct Linger {
    left: usize,
    until: Pin<Box<Sleep>>,
}

impl Socket {
    /// A client's socket; `stall` is how far the client may fall behind while it reads.
    pub fn new(stream: TcpStream, activity: Arc<Activity>, stall: Duration) -> Self {
        let (behind, waiting) = (Duration::ZERO, None);
        Self { stream, activity, stall, behind, waiting, own: (Vec::new(), 0), linger: None }
    }

    /// Counts what was written, or fails a write that has waited for too long.
    fn paced(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match (&written, &mut self.waiting) {
            (Poll::Ready(_), None) => return written,
            (Poll::Ready(written), Some((since, _))) => {
                let bytes = *written.as_ref().unwrap_or(&0) as f64;
                self.behind =
                    (self.behind + since.elapsed()).saturating_sub(Duration::from_secs_f64(bytes / LEAST_SPEED));
                self.waiting = None;
            }
            (Poll::Pending, None) => {
                let end = sleep(self.stall.saturating_sub(self.behind));
                let (_, end) = self.waiting.insert((Instant::now(), Box::pin(end)));
                if end.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(self.too_slow()));
                }
            }
            (Poll::Pending, Some((_, end))) => {
                if end.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(self.too_slow()));
                }
            }
        }
        written
    }

    fn too_slow(&self) -> io::Error {
        tracing::warn!(peer = %self.activity.peer.ip(), "a client reads its answer too slowly; it is cut off");
        io::Error::new(io::ErrorKind::TimedOut, "the client reads too slowly")
    }

    /// Writes what is left of an answer of our own.
    fn poll_own(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.own.0.get(self.own.1..).filter(|rest| !rest.is_empty()) {
            let written = Pin::new(&mut self.stream).poll_write(context, rest);
            self.own.1 += ready!(self.paced(context, written))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes hyper's answer to what is no request, and writes our own in its place.
    fn replaced(&mut self, bytes: &[u8]) -> bool {
        if self.activity.has_handed_on() {
            return false;
        }
        let Some(status) = hypers_own(bytes) else { return false };
        self.own = (http::answer_no_request(status, &self.activity), 0);
        true
    }
}

impl Drop for Socket {
    /// What a client has not read of an answer that is cut off is thrown away, and not kept for it in the system's memory.
    fn drop(&mut self) {
        if self.waiting.is_some()
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::debug!(%error, "the rest of an answer stays in the system's memory");
        }
    }
}

/// The status of an answer that hyper made by itself: an error of a client, without any header of ours, and without a body.
fn hypers_own(bytes: &[u8]) -> Option<u16> {
    let head = bytes.strip_prefix(b"HTTP/1.1 4")?.strip_suffix(b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
    let status = lines.next()?.get(..2)?.parse::<u16>().ok()?;
    let known = |line: &str| {
        let name = line.split(':').next().unwrap_or_default();
        ["connection", "content-length", "date"].iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    lines.all(known).then_some(400 + status)
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_own(context))?;
        if self.replaced(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.paced(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_own(context))?;
        if let [first] = slices
            && self.replaced(first)
        {
            return Poll::Ready(Ok(first.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.paced(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more comes, and reads what the client is still sending until it closes, too.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_own(context))?;
        let linger = match &mut this.linger {
            Some(linger) => linger,
            None => {
                ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
                this.linger.insert(Linger { left: LINGER_BYTES, until: Box::pin(sleep(LINGER_TIME)) })
            }
        };
        let mut bytes = [0; 16 * 1024];
        while linger.left > 0 && linger.until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut this.stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hypers_own_answers_are_replaced() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(hypers_own(own), Some(431));
        let ours = b"HTTP/1.1 404 Not Found\r\nserver: steps-server/1\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(
            (hypers_own(ours), hypers_own(b"HTTP/1.1 200 OK\r\n\r\n"), hypers_own(b"4\r\n\r\n")),
            (None, None, None)
        );
    }
}
