//! Builds the application, runs it, and stops it without breaking a request off.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, HttpResponse, web};
use gridledger_schema::code::Code;
use rustls::ServerConfig;
use tokio::sync::oneshot;

use crate::auth::Auth;
use crate::config::{Secret, Settings};
use crate::http::edge::body::BodyTime;
use crate::http::edge::error::ApiError;
use crate::http::edge::metrics::{Metrics, MetricsAccess};
use crate::http::edge::observe::{Tls, observe};
use crate::http::edge::peer::TrustForwarded;
use crate::http::edge::pieces::Pieces;
use crate::http::edge::rates::{Rates, turnstile};
use crate::http::edge::{listen, metrics, tls};
use crate::http::routes::sync::Between;
use crate::http::routes::{
    entries, erasure, exports, health, ledgers, lost, plans, read_log, records, refused, sessions, shares,
    sync,
};
use crate::service::Service;

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
        .route("/v1/records/{id}/erase", web::post().to(erasure::erase_one))
        .route("/v1/records/{id}/erasures", web::get().to(erasure::erasures))
        .route("/v1/entries", web::post().to(entries::entries))
        .route("/v1/lost", web::get().to(lost::list))
        .route("/v1/refused", web::get().to(refused::list))
        .route("/v1/refused/{feed}/{n}/admit", web::post().to(refused::admit))
        .route("/v1/refused/{feed}/{n}/decline", web::post().to(refused::decline))
        .route("/v1/refused/{feed}/{n}/erase", web::post().to(erasure::erase_entry))
        .route("/v1/territory/plans", web::post().to(plans::draw_up))
        .route("/v1/territory/plans", web::get().to(plans::list))
        .route("/v1/territory/plans/{plan}", web::get().to(plans::show))
        .route("/v1/territory/plans/{plan}/report", web::get().to(plans::report))
        .route("/v1/territory/plans/{plan}/simulate", web::post().to(plans::simulate))
        .route("/v1/territory/plans/{plan}/approve", web::post().to(plans::approve))
        .route("/v1/territory/plans/{plan}/apply", web::post().to(plans::apply))
        .route("/v1/territory/lineage", web::get().to(plans::lineage))
        .route("/v1/reads", web::get().to(read_log::log))
        .route("/v1/exports", web::get().to(exports::list))
        .route("/v1/exports", web::post().to(exports::ask))
        .route("/v1/exports/{id}/approve", web::post().to(exports::approve))
        .route("/v1/shares", web::get().to(shares::list))
        .route("/v1/shares", web::post().to(shares::make))
        .route("/v1/shares/{id}/approve", web::post().to(shares::approve))
        .route("/v1/shares/{id}", web::delete().to(shares::revoke))
        .route("/v1/shares/{id}/feed", web::get().to(shares::feed));
}

/// The state that all workers share.
#[derive(Clone)]
struct Shared {
    service: web::Data<Service>,
    auth: web::Data<Auth>,
    metrics: web::Data<Metrics>,
    access: web::Data<MetricsAccess>,
    body_time: web::Data<BodyTime>,
    trust: web::Data<TrustForwarded>,
    rates: web::Data<Rates>,
    pieces: web::Data<Pieces<Between>>,
    tls: web::Data<Tls>,
    looks: web::Data<health::Looks<Result<(), ApiError>>>,
    more: More,
}

/// Further routes.
pub type More = fn(&mut web::ServiceConfig);

impl Shared {
    fn new(service: Arc<Service>, settings: &Settings, more: More) -> io::Result<Self> {
        let auth = Auth::open(service.store.as_ref(), &settings.issuer, service.now());
        let token = settings.metrics_token.as_ref().map(Secret::reveal);
        let metrics = Metrics::new(service.store.write_times());
        Ok(Self {
            service: web::Data::from(service),
            auth: web::Data::new(auth.map_err(io::Error::other)?),
            metrics: web::Data::new(metrics),
            access: web::Data::new(MetricsAccess::new(token)),
            body_time: web::Data::new(BodyTime(Duration::from_secs(settings.body_seconds))),
            trust: web::Data::new(TrustForwarded(settings.trust_forwarded)),
            rates: web::Data::new(Rates::new(settings)),
            pieces: web::Data::new(Pieces::new(settings.answers_at_once)),
            tls: web::Data::new(Tls(settings.tls_cert.is_some())),
            looks: web::Data::default(),
            more,
        })
    }

    fn configure(&self, cfg: &mut web::ServiceConfig) {
        cfg.app_data(self.service.clone())
            .app_data(self.auth.clone())
            .app_data(self.metrics.clone())
            .app_data(self.access.clone())
            .app_data(self.body_time.clone())
            .app_data(self.trust.clone())
            .app_data(self.rates.clone())
            .app_data(self.pieces.clone())
            .app_data(self.tls.clone())
            .app_data(self.looks.clone())
            // Query and path that cannot be read answer like everything else.
            .app_data(web::QueryConfig::default().error_handler(|e, _| unreadable(&e)))
            .app_data(web::PathConfig::default().error_handler(|e, _| unreadable(&e)))
            .default_service(web::to(no_route))
            .configure(routes)
            .configure(self.more);
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
    scheme: &'static str,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<io::Result<()>>>,
}

impl Running {
    /// The address on which it listens; the port is the real one if 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of the server; its host is the bound address, not a name.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
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
        std::thread::Builder::new().name("signals".into()).spawn(move || wait_for_signals(stop))?;
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
    start_with(service, settings, |_| ())
}

/// Starts a server that has `more` routes besides its own.
pub fn start_with(service: Arc<Service>, settings: &Settings, more: More) -> io::Result<Running> {
    let tls = tls::server_config(settings).map_err(io::Error::other)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let shared = Shared::new(service, settings, more)?;
    let settings = settings.clone();
    let (stop, stopped) = oneshot::channel();
    let (told, bound) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("http".into())
        .spawn(move || run(shared, &settings, tls, stopped, &told))?;
    let addr = bound.recv().map_err(|_| io::Error::other("the server did not start"))??;
    tracing::info!(%addr, scheme, "listening");
    Ok(Running { addr, scheme, stop: Some(stop), thread: Some(thread) })
}

fn run(
    shared: Shared,
    settings: &Settings,
    tls: Option<Arc<ServerConfig>>,
    stopped: oneshot::Receiver<()>,
    told: &std::sync::mpsc::SyncSender<io::Result<SocketAddr>>,
) -> io::Result<()> {
    let service = shared.service.clone();
    let result = actix_web::rt::System::new().block_on(async {
        let app = move || {
            App::new().wrap(from_fn(turnstile)).wrap(from_fn(observe)).configure(|cfg| shared.configure(cfg))
        };
        let waiting = service.store.wake_ups().clone();
        let stop = async move {
            // A sender that is gone means its owner is: stop as well.
            let _ = stopped.await;
            waiting.end();
        };
        match listen::serve(settings, tls, app, stop) {
            Ok((server, addr)) => {
                let _ = told.send(Ok(addr));
                server.await
            }
            Err(error) => {
                let _ = told.send(Err(error));
                Ok(())
            }
        }
    });
    // A phone would have to count past numbers that were not saved.
    if let Err(error) = service.counters.save(&service.store, service.now()) {
        tracing::warn!(%error, "request counters were not saved");
    }
    if let Err(error) = service.rest_clock() {
        tracing::warn!(%error, "the time was not written down");
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
