//! A server and phones in one process, joined by plain calls instead of a network, so that a test decides what arrives.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gridledger_client::engine::{Clock, Engine};
use gridledger_client::{ClientError, SyncReport};
use gridledger_core::wire::envelope::read_answer_head;
use gridledger_core::wire::squeeze::Unpacker;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use gridledger_server::config::COMMIT_GROUP;
use gridledger_server::config::StoreAddress;
use gridledger_server::ingest;
use gridledger_server::operate::cli;
use gridledger_server::record::cost::{Cost, Watch};
use gridledger_server::service::Service;
use gridledger_server::service::clock::Clocks;
use gridledger_server::store::rows::people::{NewArea, NewUser};
use gridledger_server::sync::error::SyncError;
use gridledger_server::sync::request as sync;
use tempfile::TempDir;

use crate::at_rest::lock;
use crate::engines;
pub use crate::failure::SyncFailure;
use crate::office::{self, Clerk};

/// What a test lets through of one sync.
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

/// A server, its people, and a clock that only a test moves.
pub struct World {
    pub(crate) dir: TempDir,
    pub(crate) address: StoreAddress,
    /// The service.
    pub service: Arc<Service>,
    pub(crate) schema: Arc<SchemaSet>,
    pub(crate) time: Arc<AtomicI64>,
    /// How far the server's clock is off, ms.
    pub(crate) server_skew: Arc<AtomicI64>,
    phones: AtomicI64,
    /// How often its server was restored.
    pub(crate) generations: u32,
    /// What each push since the last look cost.
    pub(crate) costs: Costs,
}

/// What pushes cost, the earliest first.
pub(crate) type Costs = Arc<Mutex<Vec<Cost>>>;

/// Bytes that must be left in memory for worlds to be kept there.
const ROOM: u64 = 2 << 30;
/// The time a world begins at: 2026-01-05 08:00 in Shanghai, ms since 1970.
pub const MORNING: i64 = 1_767_571_200_000;

impl World {
    /// A world with a district, a street, a community, and grids `G1` … under it.
    pub fn new(grids: usize) -> Self {
        Self::with_schema(grids, SchemaSet::builtin())
    }

    /// … with a schema of its own.
    pub fn with_schema(grids: usize, schema: Arc<SchemaSet>) -> Self {
        Self::made(grids, schema, on_disk(), engines::address_by_environment)
    }

    /// … with its files in memory, if there is room: for histories that end with their process.
    pub fn in_memory(grids: usize) -> Self {
        let address = engines::address_by_environment;
        Self::made(grids, SchemaSet::builtin(), in_memory(), address)
    }

    /// … in a SQLite file, whatever the others use: for tests that copy it.
    pub fn in_file(grids: usize) -> Self {
        let file = |dir: &Path| StoreAddress::Sqlite(dir.join("server.db"));
        Self::made(grids, SchemaSet::builtin(), on_disk(), file)
    }

    /// … in a store that a world of two grids left.
    pub fn found(address: StoreAddress) -> Self {
        let world = Self::at(2, SchemaSet::builtin(), address);
        // It goes on after the last thing that happened in it.
        let newest = world.service.store.newest().expect("the store");
        world.time.store(newest.unwrap_or(MORNING).max(MORNING), Ordering::Relaxed);
        // Codes and keys of phones are made from their number: these are new ones.
        world.phones.store(1_000, Ordering::Relaxed);
        world
    }

    /// … whose server keeps its store at an address.
    pub fn at(grids: usize, schema: Arc<SchemaSet>, address: StoreAddress) -> Self {
        Self::made(grids, schema, on_disk(), |_| address)
    }

    /// Where the server keeps its store.
    pub fn address(&self) -> &StoreAddress {
        &self.address
    }

    fn made(
        grids: usize,
        schema: Arc<SchemaSet>,
        dir: TempDir,
        address: impl FnOnce(&Path) -> StoreAddress,
    ) -> Self {
        let time = Arc::new(AtomicI64::new(MORNING));
        let address = address(dir.path());
        let server_skew = Arc::new(AtomicI64::new(0));
        let costs = Costs::default();
        let service = open_service(&address, &schema, (&time, &server_skew), &costs);
        let area = |code: &str, parent: Option<&str>, kind: &str| NewArea {
            code: code.into(),
            parent: parent.map(Into::into),
            kind: kind.into(),
            name: format!("{code}区域"),
            from: None,
            to: None,
        };
        let mut areas = vec![
            area("D", None, "district"),
            area("S", Some("D"), "street"),
            area("C", Some("S"), "community"),
        ];
        areas.extend((1..=grids).map(|i| area(&format!("G{i}"), Some("C"), "basic_grid")));
        service.store.put_areas(&areas).expect("areas");
        service.reload_tree().expect("territory");
        Self {
            dir,
            address,
            service,
            schema,
            time,
            server_skew,
            phones: AtomicI64::new(0),
            generations: 0,
            costs,
        }
    }

    /// What each push since the last call took to be decided: entries, questions to the store, changes copied, units of work. The
    /// server's clock for this stands still, so that the same history costs the same on any machine; a push ends by
    /// [`PUSH_WORK`](limits::PUSH_WORK) alone.
    pub fn take_costs(&self) -> Vec<Cost> {
        std::mem::take(&mut *self.costs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The server's file.
    pub fn server_file(&self) -> PathBuf {
        self.dir.path().join("server.db")
    }

    /// Writes a number into a record's row behind the server's back.
    pub fn set_column(&self, record: RecordId, column: &str, value: i64) {
        self.set("records", "record", (record.0, column, value));
    }

    /// Writes a number into a feed's row behind the server's back.
    pub fn set_feed_column(&self, feed: FeedId, column: &str, value: i64) {
        self.set("feeds", "feed", (feed.0, column, value));
    }

    fn set(&self, table: &str, key: &str, (id, column, value): ([u8; 16], &str, i64)) {
        match &self.address {
            StoreAddress::Sqlite(file) => {
                let file = rusqlite::Connection::open(file).expect("the server's file");
                let sql = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
                file.execute(&sql, (id, value)).expect("the column");
            }
            StoreAddress::Postgres(url) => {
                let mut database =
                    postgres::Client::connect(url.reveal(), postgres::NoTls).expect("the database");
                let sql = format!("UPDATE {table} SET {column} = $2 WHERE {key} = $1");
                database.execute(&sql, &[&&id[..], &value]).expect("the column");
            }
        }
    }

    /// Changes rows behind the server's back.
    pub fn change_behind(&self, sql: &str) {
        match &self.address {
            StoreAddress::Sqlite(file) => {
                let file = rusqlite::Connection::open(file).expect("the server's file");
                file.execute_batch(sql).expect("the rows");
            }
            StoreAddress::Postgres(url) => {
                let database = postgres::Client::connect(url.reveal(), postgres::NoTls);
                database.expect("the database").batch_execute(sql).expect("the rows");
            }
        }
    }

    /// Stops the server and starts it again on the same file.
    pub fn restart(&mut self) {
        // As when a server is told to stop.
        self.service.rest_clock().expect("the time is written down");
        self.reopen();
    }

    /// Stops the server for so long; when it starts again its clock is wrong by `skew` ms.
    pub fn off_for(&mut self, ms: i64, skew: i64) {
        self.service.rest_clock().expect("the time is written down");
        self.rest();
        self.pass(ms);
        self.set_server_skew(skew);
        self.serve();
    }

    /// Opens the server's store afresh.
    pub(crate) fn reopen(&mut self) {
        self.rest();
        self.serve();
    }

    /// Closes the store. Its file is locked for as long as its service lives, so another takes the place.
    pub(crate) fn rest(&mut self) {
        self.service.store.close();
        let between = StoreAddress::Sqlite(self.dir.path().join("between.db"));
        self.service = self.open(&between);
    }

    /// Serves the store at the world's address.
    pub(crate) fn serve(&mut self) {
        self.service = self.open(&self.address);
        // As the service does where it starts.
        self.service.clock_doubt().expect("the clock is looked at");
    }

    fn open(&self, address: &StoreAddress) -> Arc<Service> {
        let clocks = (&self.time, &self.server_skew);
        open_service(address, &self.schema, clocks, &self.costs)
    }

    /// Sets the server's clock wrong by so many ms, as somebody does who sets it; `pass` moves it on evenly.
    pub fn set_server_skew(&self, ms: i64) {
        self.server_skew.store(ms, Ordering::Relaxed);
    }

    /// An area's number.
    pub fn area(&self, code: &str) -> AreaNo {
        self.service.tree().by_code(code).map(|a| a.no).expect("an area of the world")
    }

    /// Moves the clock.
    pub fn pass(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
    }

    /// Moves the clock to the machine's, for a test that goes on with a server of its own.
    pub fn pass_until_today(&self) {
        self.pass(gridledger_server::service::clock::now() - self.service.now());
    }

    /// A user with one role at one area.
    pub fn user(&self, login: &str, role: &str, area: &str) {
        self.user_until(login, role, area, None);
    }

    /// … until a time (ms since 1970).
    pub fn user_until(&self, login: &str, role: &str, area: &str, to: Option<i64>) {
        let grant = Grant { role: role.into(), area: self.area(area), from: 0, to };
        let user =
            NewUser { login: login.into(), name: format!("{login}某"), password: None, grants: vec![grant] };
        self.service.store.put_users(&[user], self.service.now()).expect("a user");
    }

    /// Gives a user a role at an area from now on.
    pub fn give(&self, login: &str, role: &str, area: &str) {
        let grant = Grant { role: role.into(), area: self.area(area), from: self.service.now(), to: None };
        let user =
            NewUser { login: login.into(), name: format!("{login}某"), password: None, grants: vec![grant] };
        self.service.store.put_users(&[user], self.service.now()).expect("a user");
    }

    /// Ends a role of a user now; whether there was one.
    pub fn take(&self, login: &str, role: &str, area: &str) -> bool {
        let user = self.service.store.user_by_login(login).expect("users");
        let user = user.expect("a user of the world").no;
        let (area, now) = (self.area(area), self.service.now());
        self.service.store.end_grant(user, role, area, now, now).expect("grants")
    }

    /// A dwelling in an area, which its own worker notes at a desk.
    pub fn dwelling(&self, area: &str) -> String {
        let address = serde_json::json!({ "road": "滨河路", "number": "1" });
        self.noted("dwelling", area, "address", address)
    }

    /// A household in such a dwelling.
    pub fn household(&self, area: &str) -> String {
        let dwelling = self.dwelling(area);
        self.noted("household", area, "dwelling_id", dwelling.into())
    }

    fn noted(&self, of: &str, area: &str, field: &str, value: serde_json::Value) -> String {
        let login = format!("clerk-{}", area.to_lowercase());
        self.user(&login, "grid_worker", area);
        let clerk = Clerk::new(&self.service, &login);
        clerk.made(of, area, office::put(field, value)).to_string()
    }

    /// A one-time code for a user.
    pub fn code(&self, login: &str) -> String {
        let code = format!("CODE{:08}", self.phones.fetch_add(1, Ordering::Relaxed));
        let user = self.service.store.user_by_login(login).expect("users").expect("a user of the world");
        let hash = gridledger_server::auth::codes::hash(&code).expect("a code is well formed");
        self.service.store.put_code(hash, user.no, i64::MAX).expect("a code");
        code
    }

    /// A phone of a user, enrolled by its first sync. `skew` is how far its clock is off, ms.
    pub fn phone(&self, login: &str, skew: i64) -> Phone {
        let number = self.phones.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.path().join(format!("phone-{login}-{number}.db"));
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let (time, skew) = (self.time.clone(), Arc::new(AtomicI64::new(skew)));
        let off = skew.clone();
        let clock: Clock = Arc::new(move || time.load(Ordering::Relaxed) + off.load(Ordering::Relaxed));
        let phone = Phone {
            path,
            clock,
            skew,
            seed,
            schema: self.schema.clone(),
            engine: None,
            last_request: Vec::new(),
            last_answer: Vec::new(),
        };
        let mut phone = phone.opened();
        phone.engine().enrol("http://nowhere", &self.code(login)).expect("enrolment is noted");
        phone
    }
}

fn on_disk() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A folder in memory; on the disk where this machine has none, or not enough.
fn in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let left = rustix::fs::statvfs(memory).map_or(0, |left| left.f_bavail.saturating_mul(left.f_frsize));
    if left < ROOM {
        return on_disk();
    }
    tempfile::tempdir_in(memory).unwrap_or_else(|_| on_disk())
}

pub(crate) fn open_service(
    address: &StoreAddress,
    schema: &Arc<SchemaSet>,
    (time, skew): (&Arc<AtomicI64>, &Arc<AtomicI64>),
    costs: &Costs,
) -> Arc<Service> {
    let costs = costs.clone();
    let watch = Watch::counting(Some(Arc::new(move |cost| {
        costs.lock().unwrap_or_else(PoisonError::into_inner).push(cost);
    })));
    let decide = ingest::watched(schema.clone(), watch);
    let store = cli::open_store_deciding(address, decide, COMMIT_GROUP).expect("the server's store");
    let (time, steady, skew) = (time.clone(), time.clone(), skew.clone());
    let clocks = Clocks {
        wall: Arc::new(move || time.load(Ordering::Relaxed) + skew.load(Ordering::Relaxed)),
        steady: Arc::new(move || steady.load(Ordering::Relaxed)),
    };
    Arc::new(Service::with_clocks(store, schema.clone(), clocks).expect("a service"))
}

/// One phone.
pub struct Phone {
    path: PathBuf,
    clock: Clock,
    skew: Arc<AtomicI64>,
    seed: [u8; 32],
    schema: Arc<SchemaSet>,
    engine: Option<Engine>,
    pub(crate) last_request: Vec<u8>,
    pub(crate) last_answer: Vec<u8>,
}

impl Phone {
    fn opened(mut self) -> Self {
        self.engine();
        self
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
        Self {
            path: self.path.clone(),
            clock: self.clock.clone(),
            skew: self.skew.clone(),
            seed: self.seed,
            schema: self.schema.clone(),
            engine: None,
            last_request: Vec::new(),
            last_answer: Vec::new(),
        }
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

    /// Takes (what arrived of) an answer; whether it says there is more.
    pub fn receive(&mut self, answer: &[u8], report: &mut SyncReport) -> Result<bool, SyncFailure> {
        let Some((head, rest)) = answer.split_first_chunk::<2>() else {
            return Ok(false);
        };
        let packing = read_answer_head(*head).map_err(ClientError::from)?;
        let engine = self.engine();
        let mut unpacker = Unpacker::new(packing, engine.dictionary(packing)).map_err(ClientError::from)?;
        let mut arrived = Vec::new();
        let mut ended = None;
        for piece in rest.chunks(1000) {
            unpacker.push(piece, &mut arrived, limits::FRAME_BYTES * 2).map_err(ClientError::from)?;
            ended = engine.apply(&mut arrived, report)?;
        }
        Ok(ended.unwrap_or(false))
    }
}

/// The whole answer to a request.
pub fn answer(world: &World, body: &[u8]) -> Result<Vec<u8>, SyncError> {
    let mut answer = sync::open(&world.service, body)?;
    let mut out = Vec::new();
    loop {
        let (piece, last) = answer.next(&world.service)?;
        out.extend(piece);
        if last {
            return Ok(out);
        }
    }
}
