//! A phone that a test plays: the engine with a file, a clock that the test moves, and a line that the test cuts.

mod screen;
mod work;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gridledger_client::engine::{Clock, Engine, Exchange, Progress};
use gridledger_client::{ClientError, SyncReport};
use gridledger_core::wire::envelope::read_answer_head;
use gridledger_core::wire::squeeze::Unpacker;
use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;

use crate::at_rest::{lock, open_raw};
use crate::failure::SyncFailure;
use crate::world::World;

/// The part of one sync that a test lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Everything arrives.
    Good,
    /// The request is lost.
    RequestLost,
    /// The request arrives, the answer is lost.
    AnswerLost,
    /// The answer is cut after so many bytes.
    CutAfter(usize),
}

/// One phone.
pub struct Phone {
    path: PathBuf,
    clock: Clock,
    skew: Arc<AtomicI64>,
    seed: [u8; 32],
    schema: Arc<SchemaSet>,
    engine: Option<Engine>,
    /// The exchange of the last request, while the store is open. An answer may be taken twice.
    exchange: Option<Exchange>,
    pub(crate) last_request: Vec<u8>,
    pub(crate) last_answer: Vec<u8>,
}

impl Phone {
    /// A phone that keeps its file at a path, and opens it when it is first needed.
    pub(crate) fn new(
        path: PathBuf,
        clock: Clock,
        skew: Arc<AtomicI64>,
        seed: [u8; 32],
        schema: Arc<SchemaSet>,
    ) -> Self {
        let (last_request, last_answer) = (Vec::new(), Vec::new());
        Self { path, clock, skew, seed, schema, engine: None, exchange: None, last_request, last_answer }
    }

    /// The phone's engine; opens the store if it is closed.
    pub fn engine(&mut self) -> &mut Engine {
        let (path, schema, clock, seed) = (&self.path, self.schema.clone(), self.clock.clone(), self.seed);
        self.engine.get_or_insert_with(|| {
            Engine::open(path, &lock(), Some(schema), clock, seed).expect("the phone's store")
        })
    }

    /// Another handle on the same file, as a second process has it.
    #[must_use]
    pub fn twin(&self) -> Self {
        let (clock, skew, schema) = (self.clock.clone(), self.skew.clone(), self.schema.clone());
        Self::new(self.path.clone(), clock, skew, self.seed, schema)
    }

    /// Another phone with a copy of this one's file, as a clone of the whole device has it.
    #[must_use]
    pub fn clone_to(&mut self, name: &str) -> Self {
        self.close();
        let path = self.path.with_file_name(name);
        for part in ["", ".key"] {
            let of = |path: &Path| format!("{}{part}", path.display());
            std::fs::copy(of(&self.path), of(&path)).expect("a copy of the file");
        }
        let mut twin = self.twin();
        twin.path = path;
        twin
    }

    /// Whether some bytes stand in the file as it lies on the disk.
    pub fn file_holds(&self, bytes: &[u8]) -> bool {
        let file = std::fs::read(&self.path).expect("the phone's file can be read");
        file.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Changes the phone's tables behind the engine's back.
    pub fn change_behind(&mut self, sql: &str, params: impl rusqlite::Params) {
        self.close();
        open_raw(&self.path, &lock()).execute(sql, params).expect("the tables take the change");
    }

    /// A copy of the file as it is, to come back to.
    pub fn back_up(&mut self) -> Vec<u8> {
        self.close();
        std::fs::read(&self.path).expect("the phone's file")
    }

    /// Comes back from a copy.
    pub fn come_back(&mut self, backup: &[u8]) {
        self.close();
        for part in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{part}", self.path.display()));
        }
        std::fs::write(&self.path, backup).expect("the phone's file");
    }

    /// Closes the store, as when the app is ended.
    pub fn close(&mut self) {
        self.engine = None;
        self.exchange = None;
    }

    /// Sets how far the phone's clock is off, ms; until the next sync its edits carry that.
    pub fn set_skew(&self, ms: i64) {
        self.skew.store(ms, Ordering::Relaxed);
    }

    /// The bytes of the request sent last; empty before the first.
    pub fn last_request(&self) -> &[u8] {
        &self.last_request
    }

    /// The bytes of the answer that was sent last, whether it arrived or not.
    pub fn last_answer(&self) -> &[u8] {
        &self.last_answer
    }

    /// The phone's file.
    pub fn file(&self) -> &Path {
        &self.path
    }

    /// Syncs until there is nothing more.
    pub fn sync(&mut self, world: &World) -> Result<SyncReport, SyncFailure> {
        self.sync_over(world, Line::Good)
    }

    /// Syncs over a line that may be bad; what was lost is no error, as a phone would only see silence.
    pub fn sync_over(&mut self, world: &World, line: Line) -> Result<SyncReport, SyncFailure> {
        let mut report = SyncReport::default();
        // A phone on a bad line asks for small pieces.
        let budget = if matches!(line, Line::CutAfter(_)) { 16 << 10 } else { 0 };
        loop {
            let decided = report.decided;
            if line == Line::RequestLost {
                self.made(budget, &mut report)?;
                return Ok(report);
            }
            let answer = self.answered(world, budget, &mut report)?;
            let arrived = match line {
                Line::AnswerLost => 0,
                Line::CutAfter(bytes) => bytes.min(answer.len()),
                _ => answer.len(),
            };
            report.bytes_down += arrived as u64;
            let more = self.receive(&answer[..arrived], &mut report)?;
            let goes_on = more || (self.engine().has_unsent() && report.decided > decided);
            if line != Line::Good || !goes_on || report.round_trips > 50 {
                return Ok(report);
            }
        }
    }

    /// Makes the next request; its answer is taken with [`receive`](Self::receive).
    pub fn request(&mut self, budget: u32) -> Result<Vec<u8>, ClientError> {
        let exchange = self.engine().request(budget)?;
        let body = exchange.body.clone();
        self.exchange = Some(exchange);
        Ok(body)
    }

    /// The exchange of the last request, or of a new one if the store was opened since.
    pub(crate) fn exchange(&mut self, budget: u32) -> Result<Exchange, ClientError> {
        match &self.exchange {
            Some(exchange) => Ok(exchange.clone()),
            None => self.engine().request(budget),
        }
    }

    /// Takes (what arrived of) an answer; whether it says there is more.
    pub fn receive(&mut self, answer: &[u8], report: &mut SyncReport) -> Result<bool, SyncFailure> {
        let Some((head, rest)) = answer.split_first_chunk::<2>() else {
            return Ok(false);
        };
        let packing = read_answer_head(*head).map_err(ClientError::from)?;
        let mut waiting = Some(self.exchange(0)?);
        let engine = self.engine();
        let mut unpacker = Unpacker::new(packing, engine.dictionary(packing)).map_err(ClientError::from)?;
        let mut arrived = Vec::new();
        let mut ended = false;
        for piece in rest.chunks(1000) {
            let Some(exchange) = waiting.take() else { break };
            unpacker.push(piece, &mut arrived, limits::FRAME_BYTES * 2).map_err(ClientError::from)?;
            match engine.apply(exchange, &mut arrived, report)? {
                Progress::Waiting(exchange) => waiting = Some(*exchange),
                Progress::Ended { more } => ended = more,
            }
        }
        Ok(ended)
    }
}
