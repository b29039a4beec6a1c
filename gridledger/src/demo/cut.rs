//! A phone's line to the server: a small TCP proxy that carries bytes, counts them, and breaks off when told to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The part of the bytes that a line lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Nothing.
    None,
    /// Everything.
    Good,
    /// So many bytes of the request, then the connection drops.
    CutRequest(u64),
    /// The request, and so many bytes of the answer, then the connection drops.
    CutAnswer(u64),
}

impl Signal {
    /// Bytes let through (up, down).
    fn limits(self) -> (u64, u64) {
        match self {
            Self::None => (0, 0),
            Self::Good => (u64::MAX, u64::MAX),
            Self::CutRequest(bytes) => (bytes, u64::MAX),
            Self::CutAnswer(bytes) => (u64::MAX, bytes),
        }
    }
}

/// One direction: bytes carried, HTTP heads included, and how many more the signal lets through.
struct Way {
    carried: AtomicU64,
    left: AtomicU64,
}

impl Way {
    fn open() -> Self {
        Self { carried: AtomicU64::new(0), left: AtomicU64::new(u64::MAX) }
    }

    /// How many of these bytes pass.
    fn pass(&self, bytes: u64) -> u64 {
        let left = self.left.load(Ordering::Relaxed);
        let passed = bytes.min(left);
        self.left.store(left - passed, Ordering::Relaxed);
        self.carried.fetch_add(passed, Ordering::Relaxed);
        passed
    }
}

/// Both directions.
struct Carried {
    up: Way,
    down: Way,
}

/// A line. It ends when it is dropped.
pub struct Line {
    addr: SocketAddr,
    signal: watch::Sender<Signal>,
    carried: Arc<Carried>,
}

impl Line {
    /// A line to `server`, good at first. Needs a tokio runtime around it.
    pub async fn open(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let (signal, told) = watch::channel(Signal::Good);
        let carried = Arc::new(Carried { up: Way::open(), down: Way::open() });
        tokio::spawn(listen(listener, server, told, carried.clone()));
        Ok(Self { addr, signal, carried })
    }

    /// The address a phone is given as the server's.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Changes what the line lets through from here on. A connection drops when something is sent that does not get through,
    /// never while nobody sends: what a phone meets depends on the signal alone.
    pub fn set(&self, signal: Signal) {
        let (up, down) = signal.limits();
        self.carried.up.left.store(up, Ordering::Relaxed);
        self.carried.down.left.store(down, Ordering::Relaxed);
        self.signal.send_replace(signal);
    }

    /// Bytes carried so far: (up, down).
    pub fn carried(&self) -> (u64, u64) {
        let Carried { up, down } = &*self.carried;
        (up.carried.load(Ordering::Relaxed), down.carried.load(Ordering::Relaxed))
    }
}

async fn listen(
    listener: TcpListener,
    server: SocketAddr,
    mut told: watch::Receiver<Signal>,
    carried: Arc<Carried>,
) {
    loop {
        tokio::select! {
            arrived = listener.accept() => {
                let signal = *told.borrow_and_update();
                if let Ok((phone, _)) = arrived && signal != Signal::None {
                    tokio::spawn(carry(phone, server, told.clone(), carried.clone()));
                }
            }
            changed = told.changed() => if changed.is_err() { return },
        }
    }
}

/// Carries one connection until a side closes it, the signal lets no more through, or the line ends.
async fn carry(
    mut phone: TcpStream,
    server: SocketAddr,
    mut told: watch::Receiver<Signal>,
    carried: Arc<Carried>,
) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    // Small pieces go at once, as on the phone's own connection.
    let _ = phone.set_nodelay(true).and(server.set_nodelay(true));
    let (mut from_phone, mut to_phone) = phone.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        _ = pump(&mut from_phone, &mut to_server, &carried.up) => {}
        _ = pump(&mut from_server, &mut to_phone, &carried.down) => {}
        () = async { while told.changed().await.is_ok() {} } => {}
    }
}

/// Carries one direction as far as the signal lets it.
async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    way: &Way,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await? as u64;
        let passed = way.pass(read);
        to.write_all(&buffer[..passed as usize]).await?;
        if read == 0 || passed < read {
            return to.flush().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says back what it hears.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        addr
    }

    /// The part of ten bytes that comes back.
    async fn heard(line: &Line) -> usize {
        let mut phone = TcpStream::connect(line.addr).await.expect("the line listens");
        let mut back = Vec::new();
        let _ = phone.write_all(b"0123456789").await;
        while back.len() < 10 {
            match phone.read_buf(&mut back).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        back.len()
    }

    #[tokio::test]
    async fn a_line_lets_through_what_its_signal_says() {
        let line = Line::open(echo().await).await.expect("a line");
        assert_eq!(heard(&line).await, 10);
        assert_eq!(line.carried(), (10, 10));
        line.set(Signal::CutAnswer(4));
        assert_eq!(heard(&line).await, 4);
        line.set(Signal::CutRequest(3));
        assert!(heard(&line).await <= 3);
        line.set(Signal::None);
        assert_eq!(heard(&line).await, 0);
        line.set(Signal::Good);
        assert_eq!(heard(&line).await, 10);
    }
}
