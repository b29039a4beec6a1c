//! Builds the application, runs it, and stops it without breaking a request off.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use gridledger_schema::code::Code;
use tokio::sync::oneshot;

use super::body::BodyTime;
use super::metrics::{Metrics, MetricsAccess};
use super::observe::observe;
use super::sessions::TrustForwarded;
use super::{ApiError, entries, health, ledgers, metrics, records, refused, sessions, sync};
use crate::auth::Auth;
use crate::config::{Secret, Settings};
use crate::service::Service;

/// Seconds to receive a request's head.
const HEAD_SECONDS: u64 = 5;
/// Seconds a connection may take to close.
const DISCONNECT_SECONDS: u64 = 5;
/// Seconds an idle connection is kept: longer than a proxy in front keeps its own (60 s is usual).
const KEEP_ALIVE_SECONDS: u64 = 75;

/// Every route.
pub fn routes(cfg: &mut web::ServiceConfig) {
    cfg.route("/v1/sync", web::post().to(sync::route))
        .route("/healthz", web::get().to(health::alive))
        .route("/readyz", web::get().to(health::ready))
        .route("/metrics", web::get().to(metrics::page))
        .route("/v1/login", web::post().to(sessions::login))
        .route("/v1/refresh", web::post().to(sessions::refresh))
        .route("/v1/logout", web::post().to(sessions::logout))
        .route("/v1/me", web::get().to(sessions::me))
        .route("/v1/areas", web::get().to(sessions::areas))
        .route("/v1/ledgers/{type}", web::get().to(ledgers::ledger))
        .route("/v1/records/{id}", web::get().to(records::record))
        .route("/v1/records/{id}/history", web::get().to(records::history))
        .route("/v1/entries", web::post().to(entries::entries))
        .route("/v1/refused", web::get().to(refused::list))
        .route("/v1/refused/{feed}/{n}/admit", web::post().to(refused::admit))
        .route("/v1/refused/{feed}/{n}/decline", web::post().to(refused::decline));
}

/// What all workers share.
#[derive(Clone)]
struct Shared {
    service: web::Data<Service>,
    auth: web::Data<Auth>,
    metrics: web::Data<Metrics>,
    access: web::Data<MetricsAccess>,
    body_time: web::Data<BodyTime>,
    trust: web::Data<TrustForwarded>,
}

impl Shared {
    fn new(service: Arc<Service>, settings: &Settings) -> io::Result<Self> {
        let auth = Auth::open(service.store.as_ref(), &settings.issuer, service.now());
        let token = settings.metrics_token.as_ref().map(Secret::reveal);
        Ok(Self {
            service: web::Data::from(service),
            auth: web::Data::new(auth.map_err(io::Error::other)?),
            metrics: web::Data::new(Metrics::default()),
            access: web::Data::new(MetricsAccess::new(token)),
            body_time: web::Data::new(BodyTime(Duration::from_secs(settings.body_seconds))),
            trust: web::Data::new(TrustForwarded(settings.trust_forwarded)),
        })
    }

    fn configure(&self, cfg: &mut web::ServiceConfig) {
        cfg.app_data(self.service.clone())
            .app_data(self.auth.clone())
            .app_data(self.metrics.clone())
            .app_data(self.access.clone())
            .app_data(self.body_time.clone())
            .app_data(self.trust.clone())
            // Query and path that cannot be read answer like everything else.
            .app_data(web::QueryConfig::default().error_handler(|e, _| unreadable(&e)))
            .app_data(web::PathConfig::default().error_handler(|e, _| unreadable(&e)))
            .default_service(web::to(no_route))
            .configure(routes);
    }
}

/// No route takes this: the address is none, or takes another method.
async fn no_route(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    match request.match_pattern() {
        Some(_) => Err(Code::MethodNotAllowed.into()),
        None => Err(Code::NotFound.into()),
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> actix_web::Error {
    ApiError::new(Code::BadRequest, error.to_string()).into()
}

/// A server that runs in threads of its own.
pub struct Running {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Where it listens; the port is the real one if 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops taking connections, finishes what runs, closes the store. Blocks until that is done.
    pub fn stop(mut self) -> io::Result<()> {
        self.ask_to_stop();
        self.join()
    }

    /// Serves until SIGTERM or SIGINT (or Ctrl-C), then stops as [`stop`](Self::stop) does. A second signal ends
    /// the process at once.
    pub fn serve_until_signal(mut self) -> io::Result<()> {
        let stop = self.stop.take();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || wait_for_signals(stop))?;
        self.join()
    }

    fn ask_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    fn join(&mut self) -> io::Result<()> {
        match self.thread.take().map(std::thread::JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the server's thread panicked")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ask_to_stop();
        let _ = self.join();
    }
}

/// Starts a server over `service` and returns once it listens.
pub fn start(service: Arc<Service>, settings: &Settings) -> io::Result<Running> {
    let shared = Shared::new(service, settings)?;
    let settings = settings.clone();
    let (stop, stopped) = oneshot::channel();
    let (told, bound) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("http".into())
        .spawn(move || run(shared, &settings, stopped, &told))?;
    let addr = bound
        .recv()
        .map_err(|_| io::Error::other("the server did not start"))??;
    tracing::info!(%addr, "listening");
    Ok(Running {
        addr,
        stop: Some(stop),
        thread: Some(thread),
    })
}

fn run(
    shared: Shared,
    settings: &Settings,
    stopped: oneshot::Receiver<()>,
    told: &std::sync::mpsc::SyncSender<io::Result<SocketAddr>>,
) -> io::Result<()> {
    let service = shared.service.clone();
    let result = actix_web::rt::System::new().block_on(async {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = settings.workers.unwrap_or(cores).max(1);
        let server = HttpServer::new(move || {
            App::new()
                .wrap(from_fn(observe))
                .configure(|cfg| shared.configure(cfg))
        })
        .workers(workers)
        .max_connections(settings.max_connections.div_ceil(workers).max(1))
        .client_request_timeout(Duration::from_secs(HEAD_SECONDS))
        .client_disconnect_timeout(Duration::from_secs(DISCONNECT_SECONDS))
        .keep_alive(Duration::from_secs(KEEP_ALIVE_SECONDS))
        .shutdown_timeout(settings.stop_seconds)
        .shutdown_signal(async {
            // A sender that is gone means its owner is: stop as well.
            let _ = stopped.await;
        });
        let server = match server.bind(settings.listen.as_str()) {
            Ok(server) => server,
            Err(error) => {
                let _ = told.send(Err(error));
                return Ok(());
            }
        };
        let addr = server.addrs().first().copied();
        let running = server.run();
        let _ = told.send(addr.ok_or_else(|| io::Error::other("no address was bound")));
        running.await
    });
    // What the counters did not write down, a phone would have to count past again.
    if let Err(error) = service.counters.save(&*service.store, service.now()) {
        tracing::warn!(%error, "request counters were not saved");
    }
    service.store.close();
    tracing::info!("stopped");
    result
}

/// Sends the word to stop at the first signal, ends the process at the second.
fn wait_for_signals(stop: Option<oneshot::Sender<()>>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return;
    };
    runtime.block_on(async {
        if signal().await.is_err() {
            return;
        }
        tracing::info!("stopping");
        if let Some(stop) = stop {
            let _ = stop.send(());
        }
        if signal().await.is_ok() {
            std::process::exit(130);
        }
    });
}

#[cfg(unix)]
async fn signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
