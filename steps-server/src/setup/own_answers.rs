//! What HTTP/1.1 is read from and written to: a problem document stands in the place of hyper's own answer to what is no request.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::{self, Activity};

/// A client's socket, with TLS or without, as hyper reads and writes it.
pub struct OwnAnswers<S> {
    stream: S,
    activity: Arc<Activity>,
    /// What is written in place of hyper's own answer, and how much of it has been.
    own: (Vec<u8>, usize),
}

impl<S: AsyncWrite + Unpin> OwnAnswers<S> {
    /// Of a connection.
    pub fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity, own: (Vec::new(), 0) }
    }

    /// Writes what is left of an answer of our own.
    fn poll_own(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.own.0.get(self.own.1..).filter(|rest| !rest.is_empty()) {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.own.1 += written;
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

impl<S: AsyncRead + Unpin> AsyncRead for OwnAnswers<S> {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for OwnAnswers<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_own(context))?;
        if self.replaced(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
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
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_own(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
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
