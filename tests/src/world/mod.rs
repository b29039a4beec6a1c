//! A server and phones in one process, joined by plain calls instead of a network, so that a test decides what arrives.

mod holdings;
mod people;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::set::SchemaSet;
use gridledger_server::config::COMMIT_GROUP;
use gridledger_server::config::StoreAddress;
use gridledger_server::ingest;
use gridledger_server::operate::cli;
use gridledger_server::record::cost::{Cost, Watch};
use gridledger_server::service::Service;
use gridledger_server::service::clock::Clocks;
use gridledger_server::sync::error::SyncError;
use gridledger_server::sync::request as sync;
use tempfile::TempDir;

use crate::areas::{add_areas, area, areas};
use crate::engines;
pub use crate::failure::SyncFailure;
pub use crate::phone::{Line, Phone};

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
    /// The cost of each push since the costs were last taken.
    pub(crate) costs: Costs,
}

/// The costs of pushes, the earliest first.
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

    /// Such a world with users: login, role and area of each.
    pub fn staffed(grids: usize, users: &[(&str, &str, &str)]) -> Self {
        let world = Self::new(grids);
        world.users(users);
        world
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
        let mut rows = areas(&[("D", "", "district"), ("S", "D", "street"), ("C", "S", "community")]);
        rows.extend((1..=grids).map(|number| area(&format!("G{number}"), "C", "basic_grid")));
        add_areas(&service, &rows);
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

    /// The cost of deciding each push since the last call: entries, questions to the store, changes copied, units of work.
    ///
    /// The server's clock for this stands still, so that the same history costs the same on any machine. A push ends by
    /// [`PUSH_WORK`](gridledger_schema::limits::PUSH_WORK) alone.
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

    /// Moves the clock.
    pub fn pass(&self, ms: i64) {
        self.time.fetch_add(ms, Ordering::Relaxed);
    }

    /// Moves the clock to the machine's, for a test that goes on with a server of its own.
    pub fn pass_until_today(&self) {
        self.pass(gridledger_server::service::clock::now() - self.service.now());
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
