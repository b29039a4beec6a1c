//! The connection guard: ends a connection whose client is too slow.
//!
//! The framework bounds the time of a connection's first head, and `body` bounds bodies. Neither bounds a client that
//! reads an answer a byte at a time, nor one that sends the head of a second request so. The guard bounds both:
//!
//! - **Reading an answer.** A client may block the connection for [`Pace::send`] in all. Each [`BYTES_PER_SECOND`] bytes
//!   that it takes give a second back. A phone on the worst network loses nothing as long as bytes move.
//! - **Sending a head.** A head may take [`Pace::head`] from its first byte to its last.
//!
//! The connection of a slower client is reset, so that the system keeps no unsent bytes for it either.

use std::cell::Cell;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes that give a second back. Every phone network in use is faster.
pub const BYTES_PER_SECOND: u32 = 1024;

/// The limits for a slow client.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The time for which a client that does not read may block the connection.
    pub send: Duration,
    /// The time that the head of a request may take, from a connection's second request on.
    pub head: Duration,
}

/// Counts the requests that have begun and ended on a connection, for its guard.
#[derive(Debug, Default)]
pub struct Pulse {
    begun: Cell<u64>,
    ended: Cell<u64>,
}

impl Pulse {
    /// Begins a request; it ends when the beat is dropped.
    pub fn begin(self: &Rc<Self>) -> Beat {
        self.begun.set(self.begun.get() + 1);
        Beat(self.clone())
    }
}

/// A request at work.
#[derive(Debug)]
pub struct Beat(Rc<Pulse>);

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.ended.set(self.0.ended.get() + 1);
    }
}

/// The stream of bytes below a guard.
pub trait Wire: AsyncRead + AsyncWrite + Unpin {
    /// Makes the next close a reset: the system drops unsent bytes.
    fn reset(&self) {}
}

impl Wire for TcpStream {
    fn reset(&self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "a slow connection is closed, but not reset");
        }
    }
}

/// A wire that ends when its client is too slow.
pub struct ConnectionGuard<T> {
    wire: T,
    pace: Pace,
    pulse: Rc<Pulse>,
    /// The time for which the client may still block us.
    left: Duration,
    /// The start of the present blocking, and the alarm at the end of the time left then.
    blocked: Option<(Instant, Pin<Box<Sleep>>)>,
    /// The head that is arriving: the number of requests begun before it, and its alarm.
    head: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<T: Wire> ConnectionGuard<T> {
    /// Guards a wire; `pulse` counts its requests.
    pub fn new(wire: T, pace: Pace, pulse: Rc<Pulse>) -> Self {
        Self { wire, pace, pulse, left: pace.send, blocked: None, head: None }
    }

    /// Accounts for a write or a flush: bytes that the client takes give time back, waiting uses it up.
    fn account<R>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<R>>,
        bytes: impl Fn(&R) -> usize,
    ) -> Poll<io::Result<R>> {
        match outcome {
            Poll::Ready(Ok(done)) => {
                if let Some((since, _)) = self.blocked.take() {
                    self.left = self.left.saturating_sub(since.elapsed());
                }
                let earned = Duration::from_secs(bytes(&done) as u64) / BYTES_PER_SECOND;
                self.left = (self.left + earned).min(self.pace.send);
                Poll::Ready(Ok(done))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let left = self.left;
                let (_, alarm) = self.blocked.get_or_insert_with(|| {
                    let now = Instant::now();
                    (now, Box::pin(sleep_until(now + left)))
                });
                ready!(alarm.as_mut().poll(cx));
                Poll::Ready(Err(self.give_up("a client reads too slowly")))
            }
        }
    }

    /// Ends the connection if the head that is arriving has taken too long.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let begun = self.pulse.begun.get();
        let Some((before, alarm)) = &mut self.head else {
            return Poll::Pending;
        };
        if *before != begun {
            self.head = None;
            return Poll::Pending;
        }
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(self.give_up("a client sends a head too slowly"))
    }

    /// Notes arrived bytes. They belong to a head if no request is at work. The framework watches a connection's first head.
    fn received(&mut self) {
        let (begun, ended) = (self.pulse.begun.get(), self.pulse.ended.get());
        if self.head.is_none() && begun > 0 && begun == ended {
            self.head = Some((begun, Box::pin(sleep_until(Instant::now() + self.pace.head))));
        }
    }

    fn give_up(&self, why: &'static str) -> io::Error {
        tracing::debug!(why, "a connection is reset");
        self.wire.reset();
        io::Error::new(io::ErrorKind::TimedOut, why)
    }
}

impl<T: Wire> AsyncRead for ConnectionGuard<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(error) = self.poll_head(cx) {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.wire).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: Wire> AsyncWrite for ConnectionGuard<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.wire).poll_write(cx, buf);
        self.account(cx, outcome, |bytes| *bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.wire).poll_flush(cx);
        self.account(cx, outcome, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.wire).poll_shutdown(cx);
        self.account(cx, outcome, |()| 0)
    }
}

#[cfg(test)]
mod tests;
