//! A connection's line: bytes in and out, with an end to a client's slowness.
//!
//! The framework bounds the first head of a connection and `body` bounds bodies; neither bounds who reads an answer a
//! byte at a time, nor who sends the head of a second request so. The line does both:
//!
//! - **Reading an answer.** A line may be blocked for [`Pace::send`] in all; each [`BYTES_PER_SECOND`] bytes that it takes
//!   give a second back. What it costs a phone on the worst of networks is nothing, as long as something moves.
//! - **Sending a head.** From its first byte to its last it may take [`Pace::head`].
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

/// Bytes that give a second of patience back: slower than any phone network in use.
pub const BYTES_PER_SECOND: u32 = 1024;

/// How slow a client may be.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long a line may be blocked by a client that does not read.
    pub send: Duration,
    /// How long the head of a request may take, from the second of a connection on.
    pub head: Duration,
}

/// Counts the requests that have begun and ended on a connection, for its guard.
#[derive(Debug, Default)]
pub struct Pulse {
    begun: Cell<u64>,
    ended: Cell<u64>,
}

impl Pulse {
    /// A request has begun; it ends when what this gives is dropped.
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
    /// Makes the next close a reset: what is not sent yet is forgotten.
    fn reset(&self) {}
}

impl Wire for TcpStream {
    fn reset(&self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "a slow line is closed, but not reset");
        }
    }
}

/// A wire with an end to patience.
pub struct ConnectionGuard<T> {
    wire: T,
    pace: Pace,
    pulse: Rc<Pulse>,
    /// The time for which the client may still block us.
    left: Duration,
    /// Blocked since, and the alarm at the end of what was left then.
    blocked: Option<(Instant, Pin<Box<Sleep>>)>,
    /// A head that is coming: how many requests had begun before it, and the alarm.
    head: Option<(u64, Pin<Box<Sleep>>)>,
}

impl<T: Wire> ConnectionGuard<T> {
    /// A line over a wire, whose requests are told to `pulse`.
    pub fn new(wire: T, pace: Pace, pulse: Rc<Pulse>) -> Self {
        Self { wire, pace, pulse, left: pace.send, blocked: None, head: None }
    }

    /// Accounts for a write or a flush: bytes that the client takes give time back, waiting uses it up.
    fn sent<R>(
        &mut self,
        cx: &mut Context<'_>,
        said: Poll<io::Result<R>>,
        bytes: impl Fn(&R) -> usize,
    ) -> Poll<io::Result<R>> {
        match said {
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

    /// Whether the head that is coming, if one is, has taken too long.
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

    /// Bytes came: they are a head's if no request is at work. The framework itself watches over a connection's first.
    fn received(&mut self) {
        let (begun, ended) = (self.pulse.begun.get(), self.pulse.ended.get());
        if self.head.is_none() && begun > 0 && begun == ended {
            self.head = Some((begun, Box::pin(sleep_until(Instant::now() + self.pace.head))));
        }
    }

    fn give_up(&self, why: &'static str) -> io::Error {
        tracing::debug!(why, "a line is cut off");
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
        let said = Pin::new(&mut self.wire).poll_write(cx, buf);
        self.sent(cx, said, |bytes| *bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.wire).poll_flush(cx);
        self.sent(cx, said, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.wire).poll_shutdown(cx);
        self.sent(cx, said, |()| 0)
    }
}

#[cfg(test)]
mod tests;
