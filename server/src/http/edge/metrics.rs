//! Counters, and GET /metrics in the text format that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use gridledger_schema::code::Code;
use sha2::{Digest as _, Sha256};

use crate::auth::Auth;
use crate::http::edge::bearer;
use crate::http::edge::block::block;
use crate::http::edge::error::ApiError;
use crate::service::Service;
use crate::store::StoreError;

/// What the process counted since it started.
#[derive(Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<Key, Answered>>,
    sync_up: AtomicU64,
    sync_down: AtomicU64,
    sync_entries: AtomicU64,
    sync_refused: AtomicU64,
}

/// Route pattern, method, first digit of the status.
type Key = (String, &'static str, u16);

#[derive(Clone, Copy, Default)]
struct Answered {
    count: u64,
    time: Duration,
}

impl Metrics {
    /// Counts one answer. `route` is a pattern: there are only as many as there are routes.
    pub fn request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let Ok(mut requests) = self.requests.lock() else {
            return;
        };
        let answered = requests.entry((route.to_owned(), method, status / 100)).or_default();
        answered.count += 1;
        answered.time += took;
    }

    /// Counts one sync: bytes up and down, entries decided, and how many of them were refused.
    pub fn sync(&self, up: u64, down: u64, entries: u64, refused: u64) {
        self.sync_up.fetch_add(up, Ordering::Relaxed);
        self.sync_down.fetch_add(down, Ordering::Relaxed);
        self.sync_entries.fetch_add(entries, Ordering::Relaxed);
        self.sync_refused.fetch_add(refused, Ordering::Relaxed);
    }

    fn write(&self, out: &mut Page) {
        let requests = self.requests.lock().map(|requests| requests.clone()).unwrap_or_default();
        out.head(
            "gridledger_http_requests_total",
            "counter",
            "Answers by route, method and class of status.",
        );
        for ((route, method, class), answered) in &requests {
            out.labelled("gridledger_http_requests_total", route, method, *class, answered.count);
        }
        out.head("gridledger_http_seconds_total", "counter", "Seconds spent on those answers.");
        for ((route, method, class), answered) in &requests {
            out.labelled("gridledger_http_seconds_total", route, method, *class, answered.time.as_secs_f64());
        }
        let counters = [
            ("gridledger_sync_bytes_received_total", "Bytes of sync requests.", &self.sync_up),
            ("gridledger_sync_bytes_sent_total", "Bytes of sync answers.", &self.sync_down),
            ("gridledger_sync_entries_total", "Entries decided.", &self.sync_entries),
            ("gridledger_sync_refused_total", "Entries refused.", &self.sync_refused),
        ];
        for (name, help, counter) in counters {
            out.single(name, "counter", help, counter.load(Ordering::Relaxed));
        }
    }
}

/// The text of an answer while it is written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn labelled(&mut self, name: &str, route: &str, method: &str, class: u16, value: impl std::fmt::Display) {
        let route = route.replace('\\', "\\\\").replace('"', "\\\"");
        let _ =
            writeln!(self.0, "{name}{{route=\"{route}\",method=\"{method}\",status=\"{class}xx\"}} {value}");
    }
}

/// Who may read the counters: whoever has the token, or without one whoever is on this machine.
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
    let ahead = service.phones_ahead();
    let counted = block(move || Ok::<_, StoreError>((service.store.counts()?, service.clock_doubt()?)));
    let ((records, entries, refused), doubt) = counted.await?;
    let mut out = Page::default();
    metrics.write(&mut out);
    out.single(
        "gridledger_password_checks_total",
        "counter",
        "Password hashes checked.",
        auth.passwords.checks(),
    );
    out.single(
        "gridledger_password_checks_at_once",
        "gauge",
        "Password hashes checked at the same time, at most so far.",
        auth.passwords.most_at_once(),
    );
    out.single("gridledger_store_records", "gauge", "Records in the store.", records);
    out.single("gridledger_store_entries", "gauge", "Entries in the store.", entries);
    out.single("gridledger_store_refused", "gauge", "Refused entries in the store.", refused);
    out.single(
        "gridledger_clock_trusted",
        "gauge",
        "Whether the server is sure of its clock.",
        u64::from(doubt.is_none()),
    );
    out.single(
        "gridledger_phones_ahead",
        "gauge",
        "Phones that hold what is not here, and wait.",
        ahead as u64,
    );
    if let Some(bytes) = resident_bytes() {
        out.single("process_resident_memory_bytes", "gauge", "Resident memory.", bytes);
    }
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(out.0))
}

/// Resident memory of this process, where the system tells (Linux: `proc(5)`).
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
