//! The handle an app holds: cheap to clone, `Send + Sync`, never blocks an edit on the network.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gridledger_core::calendar::Zone;
use gridledger_core::wire::envelope::read_answer_head;
use gridledger_core::wire::squeeze::Unpacker;
use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::AreaInfo;
use tokio::sync::watch;
use zeroize::Zeroizing;

use crate::backoff::Backoff;
use crate::engine::file::key_file::{self, Lock};
use crate::engine::{Clock, Engine, Exchange, Progress};
use crate::error::ClientError;
use crate::intents::Intents;
use crate::model::{
    Attention, Conflict, Copied, EntryId, Invite, Lost, OwnEdit, Purpose, Query, Record, Saved, Status,
    SyncReport,
};
use crate::transport::{Incoming, Transport};

/// How a store is opened.
#[derive(Clone, Default)]
pub struct Options {
    /// A schema set in the place of the store's or the built-in one.
    pub schema: Option<Arc<SchemaSet>>,
    /// A wall clock (ms since 1970) in the place of the system's.
    pub clock: Option<Clock>,
    /// The office's time zone, in which times are written; Asia/Shanghai by default.
    pub timezone: Zone,
    /// The bytes that an answer may have before the phone asks again; 0 for no limit.
    pub budget: u32,
    /// 32 bytes that a new device's key is made of, in the place of random ones. In replays the same phone is then the same
    /// device.
    pub device_seed: Option<[u8; 32]>,
    /// Certificates of the office's own authority, PEM. They alone are trusted then, not those of the system. Empty: those of
    /// the system are trusted.
    pub roots: Vec<u8>,
}

/// A phone: the handle that an app holds.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Mutex<Engine>,
    transport: Transport,
    budget: u32,
    /// Counts changes, so that a watcher knows that there is something new to read.
    changes: watch::Sender<u64>,
    /// Whether the last answer was cut. The next one is asked for in small pieces.
    cut: AtomicBool,
    /// Held during a sync: one at a time.
    syncing: tokio::sync::Mutex<()>,
}

/// The bytes of an answer that are asked for at a time after a cut.
const CAREFUL_BUDGET: u32 = 64 << 10;
/// The most requests of one sync; the next sync carries the rest.
const ROUND_TRIPS: u32 = 1_000;
/// The most refused requests that one sync sends again another way: for a dictionary, for a doubt, and for a counter that
/// another process on this file took.
const MENDS: u32 = 4;

/// Runs local work. On a runtime with several threads the others go on meanwhile.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn system_clock() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64))
}

impl Client {
    /// Opens the store at `path` with its lock, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// `WrongKey`, `KeyFile` and `LostFile` if the file cannot be opened now (nothing was touched), `Damaged` after setting a
    /// damaged file aside, `NotAStore` for another file, `Certificates` for roots that do not read.
    pub fn open(path: impl AsRef<Path>, lock: &Lock, options: Options) -> Result<Self, ClientError> {
        let seed = match options.device_seed {
            Some(seed) => Zeroizing::new(seed),
            None => key_file::make_key()?,
        };
        let clock = options.clock.unwrap_or_else(system_clock);
        let mut engine = Engine::open(path.as_ref(), lock, options.schema, clock, *seed)?;
        engine.set_zone(options.timezone);
        let inner = Inner {
            engine: Mutex::new(engine),
            transport: Transport::trusting(&options.roots)?,
            budget: options.budget,
            changes: watch::Sender::new(0),
            cut: AtomicBool::new(false),
            syncing: tokio::sync::Mutex::new(()),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Locks the engine, for calls that this handle does not have. Hold it briefly: a sync waits for it between frames.
    pub fn engine(&self) -> MutexGuard<'_, Engine> {
        self.inner.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does local work. If it meets damage, the store's files are set aside, and every later call says so.
    fn with<T>(&self, work: impl FnOnce(&mut Engine) -> Result<T, ClientError>) -> Result<T, ClientError> {
        let mut engine = self.engine();
        if engine.is_set_aside() {
            return Err(engine.set_aside());
        }
        match work(&mut engine) {
            Err(error) if error.is_damage() => Err(engine.set_aside()),
            done => done.map_err(|error| engine.explain_error(error)),
        }
    }

    /// Locks the store with another key or passphrase. The former one opens it no longer.
    ///
    /// # Errors
    ///
    /// `value_invalid` for a passphrase that is too short, and the file system's.
    pub fn rewrap(&self, lock: &Lock) -> Result<(), ClientError> {
        self.with(|engine| engine.rewrap(lock))
    }

    /// The schema set in force: types, fields, labels, roles. A sync may bring another one.
    pub fn schema(&self) -> Arc<SchemaSet> {
        Arc::clone(self.engine().schema())
    }

    /// The office's time zone, in which times are written.
    pub fn timezone(&self) -> Zone {
        self.engine().zone().clone()
    }

    /// Lists the areas known here.
    pub fn areas(&self) -> Vec<AreaInfo> {
        self.engine().areas().cloned().collect()
    }

    /// Wakes what waits on [`watch`](Self::watch).
    fn announce_change(&self) {
        self.inner.changes.send_modify(|n| *n += 1);
    }

    /// Keeps the server's address and the one-time code; the next sync enrols.
    pub fn enrol(&self, server: &str, code: &str) -> Result<(), ClientError> {
        self.with(|engine| engine.enrol(server, code))
    }

    /// Keeps all that an invite holds: work can begin at once, and the next sync enrols.
    pub fn accept(&self, invite: &Invite) -> Result<(), ClientError> {
        self.with(|engine| engine.accept(invite))
    }

    /// Creates a record of a type in the area with a code; durable when this returns.
    ///
    /// # Errors
    ///
    /// `Refused` with the server's code if a rule forbids it (nothing was saved then), and the store's.
    pub fn create(&self, record_type: &str, area: &str, intents: Intents) -> Result<RecordId, ClientError> {
        let saved = self.with(|engine| engine.create(record_type, area, intents))?;
        self.announce_change();
        Ok(saved.record)
    }

    /// Edits a record; durable when this returns.
    ///
    /// # Errors
    ///
    /// `Missing` if the record is not here, else as [`create`](Self::create).
    pub fn edit(&self, record: RecordId, intents: Intents) -> Result<Saved, ClientError> {
        let saved = self.with(|engine| engine.edit(record, intents))?;
        self.announce_change();
        Ok(saved)
    }

    /// Opens a record for a purpose: gives all of it unmasked, and leaves a row in the read log. `None` if it is not here.
    ///
    /// # Errors
    ///
    /// `forbidden` without a role that sees unmasked values, `second_person_required` beyond the limit of a day.
    pub fn open_record(&self, record: RecordId, purpose: &Purpose) -> Result<Option<Record>, ClientError> {
        self.with(|engine| engine.open_record(record, purpose))
    }

    /// Gives some fields of a record unmasked, for a reason of 4 to 200 characters. Leaves a row in the read log.
    ///
    /// # Errors
    ///
    /// Those of [`open_record`](Self::open_record); `lease_ended` in the dark; `Missing` if the record is not here.
    pub fn reveal(
        &self,
        record: RecordId,
        fields: &[&str],
        reason: &str,
    ) -> Result<serde_json::Map<String, serde_json::Value>, ClientError> {
        self.with(|engine| engine.reveal(record, fields, reason))
    }

    /// Reads one record, masked; `None` if it is not here.
    pub fn get(&self, record: RecordId) -> Result<Option<Record>, ClientError> {
        self.with(|engine| engine.get(record))
    }

    /// Lists records, masked, the last changed first.
    pub fn list(&self, query: &Query) -> Result<Vec<Record>, ClientError> {
        self.with(|engine| engine.list(query))
    }

    /// Lists every field with several values, of one record or of all.
    pub fn conflicts(&self, record: Option<RecordId>) -> Result<Vec<Conflict>, ClientError> {
        self.with(|engine| engine.conflicts(record))
    }

    /// Settles a conflict with a value. `field` is as [`Conflict`] names it.
    pub fn settle(
        &self,
        record: RecordId,
        field: &str,
        value: serde_json::Value,
    ) -> Result<Saved, ClientError> {
        let saved = self.with(|engine| engine.settle(record, field, value))?;
        self.announce_change();
        Ok(saved)
    }

    /// Lists own edits that were refused, the oldest first.
    pub fn attention(&self) -> Result<Vec<Attention>, ClientError> {
        self.with(|engine| engine.attention())
    }

    /// Saves a refused edit's intents again, as a new edit, and takes the refused one off the list: both or neither.
    ///
    /// # Errors
    ///
    /// `Missing` if the edit is not on the list, else as [`edit`](Self::edit).
    pub fn apply_again(&self, id: EntryId) -> Result<Saved, ClientError> {
        let saved = self.with(|engine| engine.apply_again(id))?;
        self.announce_change();
        Ok(saved)
    }

    /// Asks a supervisor about a refused edit. The question goes with every sync until there is a ruling.
    pub fn ask(&self, id: EntryId, note: &str) -> Result<(), ClientError> {
        self.with(|engine| engine.ask(id, note))
    }

    /// Gives the contents of a refused edit, to be pasted elsewhere.
    pub fn copy(&self, id: EntryId) -> Result<Copied, ClientError> {
        self.with(|engine| engine.copy(id))
    }

    /// Takes a refused edit off the list; it stays in the store.
    pub fn dismiss(&self, id: EntryId) -> Result<(), ClientError> {
        self.with(|engine| engine.dismiss(id))
    }

    /// Lists records of which a restored server did not give everything back, with the values they had shown.
    pub fn lost(&self) -> Result<Vec<Lost>, ClientError> {
        self.with(|engine| engine.lost())
    }

    /// Saves the values that a lost record had shown, as a new edit of the user, and takes the record off the list.
    pub fn save_lost(&self, record: RecordId) -> Result<Saved, ClientError> {
        let saved = self.with(|engine| engine.save_lost(record))?;
        self.announce_change();
        Ok(saved)
    }

    /// Takes a record off the list of losses. The values it had shown are deleted.
    pub fn dismiss_lost(&self, record: RecordId) -> Result<(), ClientError> {
        self.with(|engine| engine.dismiss_lost(record))
    }

    /// Reads the phone's state.
    pub fn status(&self) -> Result<Status, ClientError> {
        self.with(|engine| engine.status())
    }

    /// Lists own edits and how far each has come, the last first, at most `limit`.
    pub fn receipts(&self, limit: usize) -> Result<Vec<OwnEdit>, ClientError> {
        self.with(|engine| engine.receipts(limit))
    }

    /// Watches for changes, by edit or by sync: wait on the receiver, then read again what is on the screen.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Sends what is undecided and fetches what is new, until nothing is left. After a cut, what has been applied stays, and
    /// the rest comes next time. Edits go on meanwhile.
    ///
    /// # Errors
    ///
    /// `Network` and `NotTheServer` if the server was not reached, `Server` if it refused the whole request, `Wire` for an
    /// answer that does not read, and the store's. [`ClientError::is_retryable`] says whether trying again can help.
    pub async fn sync(&self) -> Result<SyncReport, ClientError> {
        let _one = self.inner.syncing.lock().await;
        let mut report = SyncReport::default();
        let mut mends = 0;
        while report.round_trips < ROUND_TRIPS && self.make_round_trip(&mut mends, &mut report).await? {}
        Ok(report)
    }

    /// As [`sync`](Self::sync), and tries again as [`Backoff`] says, until `patience` is over or trying again does not help.
    ///
    /// # Errors
    ///
    /// Those of the last attempt.
    pub async fn sync_patiently(&self, patience: Duration) -> Result<SyncReport, ClientError> {
        let mut backoff = self.backoff()?;
        let until = tokio::time::Instant::now() + patience;
        loop {
            let outcome = self.sync().await;
            let error = match &outcome {
                Ok(_) if !self.engine().is_put_off()? => return outcome,
                // The server had no time for a part of the work: that waits as after a refusal of the whole request.
                Ok(_) => &ClientError::Server { code: Code::Busy, detail: String::new(), wait: None },
                Err(error) => error,
            };
            match backoff.after(error).map(|wait| tokio::time::Instant::now() + wait) {
                Some(next) if next <= until => tokio::time::sleep_until(next).await,
                Some(_) | None => return outcome,
            }
        }
    }

    /// Makes the waits between failed syncs, with a random seed of its own.
    ///
    /// # Errors
    ///
    /// `NotAStore` if the system gives no random numbers.
    pub fn backoff(&self) -> Result<Backoff, ClientError> {
        let mut seed = [0; 8];
        seed.copy_from_slice(&key_file::make_key()?[..8]);
        Ok(Backoff::new(u64::from_be_bytes(seed)))
    }

    /// Prepares to send a refused request another way; whether that can help.
    fn mend_request(&self, error: &ClientError, exchange: &Exchange) -> Result<bool, ClientError> {
        let ClientError::Server { code, detail, .. } = error else {
            return Ok(false);
        };
        match code {
            Code::DictionaryUnknown => self.engine().without_dictionary()?,
            Code::ServerBehind => return self.engine().doubt_server(exchange),
            Code::CounterBehind => self.engine().counter_at_least(detail.parse().unwrap_or(0)),
            // A phone that the server refuses for good does not read either. If it is let in again, it gets a new lease.
            Code::DeviceRevoked | Code::UserRevoked => {
                self.with(Engine::end_lease)?;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Makes one request and takes its answer; `true` if there is more to send or to fetch. Counts in `mends` the requests that
    /// go again another way.
    async fn make_round_trip(&self, mends: &mut u32, report: &mut SyncReport) -> Result<bool, ClientError> {
        let careful = self.inner.cut.load(Ordering::Relaxed);
        let budget = if careful && self.inner.budget == 0 { CAREFUL_BUDGET } else { self.inner.budget };
        let mut exchange = self.with(|engine| engine.request(budget))?;
        report.round_trips += 1;
        report.bytes_up += exchange.body.len() as u64;
        let decided_before = report.decided;
        crate::faults::reach("phone.before_send");
        let body = std::mem::take(&mut exchange.body);
        let mut incoming = match self.inner.transport.post(&exchange.server, body).await {
            Err(error) if *mends < MENDS && self.mend_request(&error, &exchange)? => {
                *mends += 1;
                return Ok(true);
            }
            posted => posted?,
        };
        crate::faults::reach("phone.after_send");
        let received = self.receive(exchange, &mut incoming, report).await;
        let too_large = received.as_ref().is_err_and(ClientError::is_too_large);
        let cut = too_large || matches!(received, Err(ClientError::Network(_)));
        self.inner.cut.store(cut, Ordering::Relaxed);
        // The phone asks again, in small pieces, for an answer that it cannot take at once.
        if too_large && budget == 0 {
            return Ok(true);
        }
        let more = received?;
        let unsent = self.engine().has_unsent();
        Ok(more || (unsent && report.decided > decided_before))
    }

    async fn receive(
        &self,
        exchange: Exchange,
        incoming: &mut Incoming,
        report: &mut SyncReport,
    ) -> Result<bool, ClientError> {
        let (mut head, mut arrived) = (Vec::new(), Vec::new());
        let mut unpacker = None;
        let (mut waiting, mut ended) = (Some(exchange), None);
        while let Some(mut bytes) = incoming.next().await? {
            report.bytes_down += bytes.len() as u64;
            if unpacker.is_none() {
                head.append(&mut bytes);
                if head.len() < 2 {
                    continue;
                }
                let no_head = |_| ClientError::NotTheServer("bytes of another kind".into());
                let packing = read_answer_head([head[0], head[1]]).map_err(no_head)?;
                unpacker = Some(Unpacker::new(packing, self.engine().dictionary(packing))?);
                bytes = head.split_off(2);
            }
            let Some(exchange) = waiting.take() else {
                continue; // The answer has ended or is void.
            };
            if let Some(unpacker) = &mut unpacker {
                unpacker.push(&bytes, &mut arrived, limits::FRAME_BYTES * 2)?;
            }
            let before = report.changed;
            // Frames are applied between two reads, so that an edit waits for one frame at most.
            match blocking(|| self.with(|engine| engine.apply(exchange, &mut arrived, report)))? {
                Progress::Waiting(exchange) => waiting = Some(*exchange),
                Progress::Ended { more } => ended = Some(more),
            }
            if report.changed > before {
                self.announce_change();
            }
        }
        ended.ok_or_else(|| ClientError::Network("the answer ended early".into()))
    }
}
