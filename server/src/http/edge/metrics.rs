//! GET /metrics: counters, gauges and histograms in the OpenMetrics text format.

use std::fmt;
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use gridledger_schema::code::Code;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use sha2::{Digest as _, Sha256};

use crate::auth::Auth;
use crate::http::edge::bearer;
use crate::http::edge::block::block;
use crate::http::edge::error::ApiError;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::shared::times::WriteTimes;

/// The format of the page, as its version 1.0 names it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The answers that are counted together. `route` is a pattern: there are only as many as there are routes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    /// The class of the status, such as `4xx`.
    status: &'static str,
}

/// The process's counts since it started.
pub struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    request_seconds: Family<Answered, Histogram>,
    sync_seconds: Histogram,
    sync_received: Counter,
    sync_sent: Counter,
    sync_entries: Counter,
    sync_refused: Counter,
}

/// 1 ms to 66 s: a phone with nothing new, and a first sync behind a full queue.
fn histogram_of_answers() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 3.0, 11))
}

impl Metrics {
    /// Counts that begin at zero, beside the times of the store's writers.
    pub fn new(writes: &WriteTimes) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("gridledger"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(histogram_of_answers),
            sync_seconds: histogram_of_answers(),
            sync_received: Counter::default(),
            sync_sent: Counter::default(),
            sync_entries: Counter::default(),
            sync_refused: Counter::default(),
        };
        let add = &mut metrics.registry;
        let help = "Answers by route, method and class of status";
        add.register("http_requests", help, metrics.requests.clone());
        let help = "Seconds from a request to its answer";
        add.register("http_request_seconds", help, metrics.request_seconds.clone());
        let help = "Seconds from a sync's bytes to the first bytes of its answer";
        add.register("sync_seconds", help, metrics.sync_seconds.clone());
        add.register("sync_bytes_received", "Bytes of sync requests", metrics.sync_received.clone());
        add.register("sync_bytes_sent", "Bytes of sync answers", metrics.sync_sent.clone());
        add.register("sync_entries", "Entries decided", metrics.sync_entries.clone());
        add.register("sync_refused", "Entries refused", metrics.sync_refused.clone());
        add.register("queue_seconds", "Seconds that a write waits for a writer", writes.queued.clone());
        add.register("commit_seconds", "Seconds that a commit takes", writes.commit.clone());
        metrics
    }

    /// Counts one answer.
    pub fn count_request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        const CLASSES: [&str; 6] = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];
        let status = CLASSES[usize::from(status / 100).min(CLASSES.len() - 1)];
        let answered = Answered { route: route.to_owned(), method, status };
        self.requests.get_or_create(&answered).inc();
        self.request_seconds.get_or_create(&answered).observe(took.as_secs_f64());
    }

    /// Counts a sync's request: its bytes, the entries decided, those refused among them, and the time to decide them.
    pub fn count_sync(&self, received: u64, entries: u64, refused: u64, took: Duration) {
        self.sync_received.inc_by(received);
        self.sync_entries.inc_by(entries);
        self.sync_refused.inc_by(refused);
        self.sync_seconds.observe(took.as_secs_f64());
    }

    /// Counts the bytes of one piece of a sync's answer.
    pub fn count_sync_sent(&self, bytes: u64) {
        self.sync_sent.inc_by(bytes);
    }
}

/// The values that the page reads anew each time.
struct Now {
    records: u64,
    entries: u64,
    refused: u64,
    password_checks: u64,
    password_checks_at_once: u64,
    clock_trusted: bool,
    phones_ahead: usize,
}

impl Now {
    fn register(&self, registry: &mut Registry) {
        let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        let mut add = |name: &str, help: &str, value: u64| registry.register(name, help, gauge(value));
        add("store_records", "Records in the store", self.records);
        add("store_entries", "Entries in the store", self.entries);
        add("store_refused", "Refused entries in the store", self.refused);
        let help = "Password hashes checked at the same time, at most so far";
        add("password_checks_at_once", help, self.password_checks_at_once);
        add("clock_trusted", "Whether the server is sure of its clock", u64::from(self.clock_trusted));
        let help = "Phones that hold what the store lacks, and wait";
        add("phones_ahead", help, self.phones_ahead as u64);
        let checks = ConstCounter::new(self.password_checks);
        registry.register("password_checks", "Password hashes checked", checks);
    }
}

fn write_page(metrics: &Metrics, now: &Now) -> Result<String, fmt::Error> {
    let mut current = Registry::default();
    now.register(current.sub_registry_with_prefix("gridledger"));
    if let Some(bytes) = resident_bytes() {
        let gauge = ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
        current.register("process_resident_memory_bytes", "Resident memory", gauge);
    }
    let mut page = String::new();
    encode_registry(&mut page, &metrics.registry)?;
    encode_registry(&mut page, &current)?;
    encode_eof(&mut page)?;
    Ok(page)
}

/// The readers of the counters: callers with the token, or without a token callers on this machine.
#[derive(Clone, Default)]
pub struct MetricsAccess {
    token: Option<[u8; 32]>,
}

impl MetricsAccess {
    /// Access with this bearer token; without one, from this machine alone.
    pub fn new(token: Option<&str>) -> Self {
        Self { token: token.map(digest) }
    }

    fn allows(&self, request: &HttpRequest) -> bool {
        match self.token {
            // Hashes are compared: how many characters were right does not show in the time.
            Some(wanted) => bearer::token(request).is_some_and(|token| digest(token) == wanted),
            None => is_direct_and_local(request),
        }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// From this machine, and not for somebody else: a proxy in front is on this machine, too.
fn is_direct_and_local(request: &HttpRequest) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    let local = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    local && !forwarded.into_iter().any(|name| request.headers().contains_key(name))
}

/// GET /metrics
pub async fn page(
    request: HttpRequest,
    access: web::Data<MetricsAccess>,
    metrics: web::Data<Metrics>,
    auth: web::Data<Auth>,
    service: web::Data<Service>,
) -> Result<HttpResponse, ApiError> {
    if !access.allows(&request) {
        return Err(Code::Forbidden.into());
    }
    let phones_ahead = service.phones_ahead();
    let counted = block(move || Ok::<_, StoreError>((service.store.counts()?, service.clock_doubt()?)));
    let ((records, entries, refused), doubt) = counted.await?;
    let now = Now {
        records,
        entries,
        refused,
        password_checks: auth.passwords.checks(),
        password_checks_at_once: auth.passwords.most_at_once(),
        clock_trusted: doubt.is_none(),
        phones_ahead,
    };
    let page = write_page(&metrics, &now).map_err(|_| Code::Internal)?;
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(page))
}

/// Resident memory of this process, where the system tells (Linux: `proc(5)`).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
