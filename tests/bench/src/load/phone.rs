//! A phone that enrols, works with no signal, and keeps the bytes of the sync it will send.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gridledger_client::engine::{Clock, Engine, Exchange, Progress};
use gridledger_client::{ClientError, Intents, Lock, RecordId, SyncReport};
use gridledger_core::wire::envelope::read_answer_head;
use gridledger_core::wire::squeeze::{self, Unpacker};
use gridledger_core::wire::{NoNames, frames};
use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Frame;
use serde_json::json;

use super::error::LoadError;
use super::town::Worker;

/// A phone, closed, with what it will send.
pub struct Ready {
    path: PathBuf,
    key: [u8; 32],
    /// The request.
    pub body: Vec<u8>,
    /// The exchange that the request belongs to.
    exchange: Option<Exchange>,
}

/// Has every phone enrol and do its work; two at a time, as the machine has two cores.
pub fn make_ready(
    workers: &[Worker],
    url: &str,
    folder: &Path,
    edits: usize,
) -> Result<Vec<Ready>, LoadError> {
    let half = workers.len().div_ceil(2).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = workers
            .chunks(half)
            .enumerate()
            .map(|(part, workers)| {
                scope.spawn(move || -> Result<Vec<Ready>, LoadError> {
                    let connection = Connection::new(url)?;
                    let numbered = workers.iter().enumerate();
                    numbered
                        .map(|(at, worker)| connection.make_ready(worker, folder, part * half + at, edits))
                        .collect()
                })
            })
            .collect();
        let mut ready = Vec::new();
        for part in parts {
            let phones = part.join().map_err(|_| LoadError::Wrong("a phone panicked".into()))?;
            ready.extend(phones?);
        }
        Ok(ready)
    })
}

/// A connection to the server, for phones that prepare one after the other.
struct Connection {
    url: String,
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
}

impl Connection {
    fn new(url: &str) -> Result<Self, LoadError> {
        Ok(Self {
            url: url.to_owned(),
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            http: client()?,
        })
    }

    fn make_ready(
        &self,
        worker: &Worker,
        folder: &Path,
        no: usize,
        edits: usize,
    ) -> Result<Ready, LoadError> {
        let mut key = [0x5a; 32];
        key[..8].copy_from_slice(&(no as u64).to_be_bytes());
        let path = folder.join(format!("phone-{no:05}.db"));
        let mut engine = open(&path, key)?;
        engine.enrol(&self.url, &worker.code)?;
        let mut first = engine.request(0)?;
        let body = std::mem::take(&mut first.body);
        let answer = self.runtime.block_on(async {
            let sent = self.http.post(sync_url(&self.url)).body(body).send().await?;
            sent.error_for_status()?.bytes().await
        })?;
        apply(&mut engine, first, &answer)?;
        work(&mut engine, &worker.grid, no, edits)?;
        let mut exchange = engine.request(0)?;
        let body = std::mem::take(&mut exchange.body);
        Ok(Ready { path, key, body, exchange: Some(exchange) })
    }
}

impl Ready {
    /// The seed of its chance: another for every phone.
    pub fn seed(&self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|at| self.key[at]))
    }

    /// The request once more, as a phone makes it that was told to come back.
    pub fn again(&mut self) -> Result<(), LoadError> {
        let mut exchange = open(&self.path, self.key)?.request(0)?;
        self.body = std::mem::take(&mut exchange.body);
        self.exchange = Some(exchange);
        Ok(())
    }

    /// Takes in the answer; how many edits the phone still waits for.
    pub fn take_in(&self, answer: &[u8]) -> Result<u64, LoadError> {
        let mut engine = open(&self.path, self.key)?;
        let none = || LoadError::Wrong("an answer without a request".into());
        apply(&mut engine, self.exchange.clone().ok_or_else(none)?, answer)?;
        let status = engine.status()?;
        Ok(status.unsent + status.attention)
    }
}

/// Whether the server decided all that was pushed.
pub fn is_whole(answer: &[u8]) -> Result<bool, LoadError> {
    let cut = || LoadError::Wrong("an answer that was cut".into());
    let (head, rest) = answer.split_first_chunk::<2>().ok_or_else(cut)?;
    let schema = SchemaSet::builtin();
    let packing = read_answer_head(*head)?;
    let mut rest = squeeze::unpack(packing, rest, schema.dictionary(), limits::FRAME_BYTES * 8)?;
    while let Some(frame) = frames::take_frame(&mut rest, &NoNames)? {
        if let Frame::Receipt(receipt) = frame {
            return Ok(receipt.stopped.is_none());
        }
    }
    Ok(true)
}

/// An HTTP client of the load.
pub fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build()
}

/// The URL of a sync.
pub fn sync_url(server: &str) -> String {
    format!("{server}/v1/sync")
}

fn open(path: &Path, key: [u8; 32]) -> Result<Engine, ClientError> {
    let clock: Clock = Arc::new(now);
    Engine::open(path, &Lock::host_key(key), None, clock, key)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

fn apply(engine: &mut Engine, exchange: Exchange, answer: &[u8]) -> Result<(), LoadError> {
    let cut = || LoadError::Wrong("an answer that was cut".into());
    let (head, rest) = answer.split_first_chunk::<2>().ok_or_else(cut)?;
    let packing = read_answer_head(*head)?;
    let mut unpacker = Unpacker::new(packing, engine.dictionary(packing))?;
    let (mut arrived, mut exchange) = (Vec::new(), exchange);
    let mut report = SyncReport::default();
    for piece in rest.chunks(16 << 10) {
        unpacker.push(piece, &mut arrived, limits::FRAME_BYTES * 2)?;
        match engine.apply(exchange, &mut arrived, &mut report)? {
            Progress::Waiting(waiting) => exchange = *waiting,
            Progress::Ended { .. } => return Ok(()),
        }
    }
    Err(cut())
}

/// A day's work: homes taken down, visits to them, patrols with counts.
fn work(engine: &mut Engine, grid: &str, no: usize, edits: usize) -> Result<(), ClientError> {
    let mut left = edits;
    let mut spend = |count: usize| {
        let some = count.min(left);
        left -= some;
        some > 0
    };
    let mut homes: Vec<RecordId> = Vec::new();
    for round in 0.. {
        if !spend(1) {
            return Ok(());
        }
        let at = format!("{no}-{round}");
        let made = match round % 6 {
            0 => dwelling(engine, grid, &at)?,
            1 => patrol(engine, grid, &at)?,
            _ => visit(engine, grid, homes[round % homes.len()])?,
        };
        match round % 6 {
            0 => {
                if spend(1) {
                    homes.push(household(engine, grid, made, &at)?);
                }
            }
            1 => {
                for more in 0..5 {
                    if spend(1) {
                        engine.edit(made, counted(more))?;
                    }
                }
            }
            _ => {
                if spend(1) {
                    engine
                        .edit(homes[round % homes.len()], Intents::new().append("notes", "已核对家庭成员"))?;
                }
            }
        }
    }
    Ok(())
}

fn dwelling(engine: &mut Engine, grid: &str, at: &str) -> Result<RecordId, ClientError> {
    let address = json!({ "road": "滨河路", "number": format!("{at}号"), "room": "101" });
    Ok(engine.create("dwelling", grid, Intents::new().put("address", address))?.record)
}

fn household(engine: &mut Engine, grid: &str, dwelling: RecordId, at: &str) -> Result<RecordId, ClientError> {
    let household =
        Intents::new().put("dwelling_id", dwelling.to_string()).put("label", format!("滨河路{at}"));
    Ok(engine.create("household", grid, household)?.record)
}

fn visit(engine: &mut Engine, grid: &str, household: RecordId) -> Result<RecordId, ClientError> {
    let visit =
        Intents::new().put("household", household.to_string()).put("result", "met").add("topics", "safety");
    Ok(engine.create("visit", grid, visit)?.record)
}

fn patrol(engine: &mut Engine, grid: &str, at: &str) -> Result<RecordId, ClientError> {
    let patrol = Intents::new()
        .put("started", now())
        .put("route_kind", "routine")
        .put("coverage_note", format!("{at} 全部走到"));
    Ok(engine.create("patrol", grid, patrol)?.record)
}

fn counted(more: i64) -> Intents {
    Intents::new().increment("posters_removed", 1).increment("leaflets_given", more + 1)
}
