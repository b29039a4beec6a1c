//! Listens. Every connection passes a [`ConnectionGuard`], then TLS if a certificate is set, then HTTP/1.1.
//!
//! The server is put together from the framework's parts: its own server has no place for a guard between socket and HTTP.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request};
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use gridledger_schema::limits;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::bare;
use super::connection::{ConnectionGuard, Pace, Pulse};
use crate::config::Settings;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Blocking threads of a worker beyond those of syncs and desks. They look up callers and make pieces of answers.
const SHORT_THREADS: usize = 64;
/// The time that a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The time that a connection may take to close.
const DISCONNECT: Duration = Duration::from_secs(5);

/// Bytes both ways.
trait Duplex: AsyncRead + AsyncWrite {}
impl<T: AsyncRead + AsyncWrite> Duplex for T {}

/// A connection as HTTP sees it, with or without TLS.
pub struct Connection {
    bytes: Pin<Box<dyn Duplex>>,
    pulse: Rc<Pulse>,
    /// Our answer, sent in place of one that the framework wrote itself.
    instead: Option<Instead>,
}

struct Instead {
    ours: Vec<u8>,
    sent: usize,
    /// Length of the framework's answer that this one replaces.
    replaces: usize,
}

impl Connection {
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some(instead) = &mut self.instead {
            let left = &instead.ours[instead.sent..];
            if left.is_empty() {
                let replaced = instead.replaces;
                self.instead = None;
                return Poll::Ready(Ok(replaced));
            }
            match ready!(self.bytes.as_mut().poll_write(cx, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => instead.sent += sent,
            }
        }
        Poll::Ready(Ok(0))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.bytes.as_mut().poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.instead.is_none()
            && let Some(ours) = bare::in_our_shape(buf)
        {
            let (sent, replaces) = (0, buf.len());
            self.instead = Some(Instead { ours, sent, replaces });
        }
        if self.instead.is_some() {
            return self.poll_instead(cx);
        }
        self.bytes.as_mut().poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bytes.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.bytes.as_mut().poll_shutdown(cx)
    }
}

/// Makes connections of sockets.
#[derive(Clone)]
struct Greeter {
    pace: Pace,
    tls: Option<TlsAcceptor>,
}

impl Greeter {
    async fn greet(self, socket: TcpStream) -> Result<(Connection, Option<SocketAddr>), DispatchError> {
        let (peer, pulse) = (socket.peer_addr().ok(), Rc::new(Pulse::default()));
        let guard = ConnectionGuard::new(socket, self.pace, pulse.clone());
        let bytes: Pin<Box<dyn Duplex>> = match self.tls {
            None => Box::pin(guard),
            Some(tls) => match tokio::time::timeout(HANDSHAKE, tls.accept(guard)).await {
                Ok(Ok(stream)) => Box::pin(stream),
                Ok(Err(error)) => return Err(DispatchError::Io(error)),
                Err(_) => return Err(DispatchError::Io(io::ErrorKind::TimedOut.into())),
            },
        };
        let instead = None;
        let connection = Connection { bytes, pulse, instead };
        Ok((connection, peer))
    }
}

/// Serves the application that `make` makes for each worker. Gives the server, not yet running, and its address.
pub fn serve<F, I, S, B>(
    settings: &Settings,
    tls: Option<Arc<ServerConfig>>,
    make: F,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<(Server, SocketAddr)>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<
            Request,
            Config = AppConfig,
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    S::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = settings.workers.unwrap_or(cores).max(1);
    let mut builder = ServerBuilder::new()
        .workers(workers)
        .max_concurrent_connections(settings.max_connections.div_ceil(workers).max(1))
        .worker_max_blocking_threads(settings.syncs_at_once + limits::DESKS_AT_WORK + SHORT_THREADS)
        .shutdown_timeout(settings.stop_seconds)
        .shutdown_signal(stop);
    let (head, idle) = (seconds(settings.head_seconds), seconds(settings.idle_seconds));
    let greeter = Greeter {
        pace: Pace { send: seconds(settings.send_seconds), head },
        tls: tls.map(TlsAcceptor::from),
    };
    let sockets = bind(&settings.listen)?;
    let addr = sockets[0].local_addr()?;
    let ending = builder.graceful_shutdown_signal();
    for socket in sockets {
        let (make, greeter, ending) = (make.clone(), greeter.clone(), ending.clone());
        builder = builder.listen("gridledger", socket, move || {
            let app = make().into_factory().map_err(|error: Error| error.error_response());
            let (greeter, ending) = (greeter.clone(), ending.clone());
            let http = HttpService::build()
                .keep_alive(idle)
                .client_request_timeout(head)
                .client_disconnect_timeout(DISCONNECT)
                .graceful_shutdown_signal(move || {
                    let ending = ending.clone();
                    async move { ending.notified().await }
                })
                .on_connect_ext(|connection: &Connection, data| {
                    data.insert(connection.pulse.clone());
                })
                .h1(map_config(app, |()| AppConfig::default()));
            fn_service(move |socket| greeter.clone().greet(socket)).and_then(http)
        })?;
    }
    Ok((builder.run(), addr))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Binds every address that a name stands for; at least one must be free.
fn bind(listen: &str) -> io::Result<Vec<std::net::TcpListener>> {
    let (mut bound, mut failed) = (Vec::new(), None);
    for addr in listen.to_socket_addrs()? {
        match bind_one(addr) {
            Ok(socket) => bound.push(socket),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if bound.is_empty() => Err(error),
        None if bound.is_empty() => Err(io::Error::other("no address was bound")),
        _ => Ok(bound),
    }
}

fn bind_one(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that starts again does not wait for connections of the one before. (Elsewhere this would share the port.)
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)?.into_std()
}
