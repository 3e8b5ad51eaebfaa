//! A client's socket: with a least speed for who reads, and a close after which the last answer still arrives.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::http::{Activity, LEAST_SPEED};

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
        Self { stream, activity, stall, behind, waiting, linger: None }
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

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.paced(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.paced(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more comes, and reads what the client is still sending until it closes, too.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
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
