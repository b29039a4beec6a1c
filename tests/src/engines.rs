//! Every engine of the store, empty: one suite runs on all of them.

use std::path::Path;
use std::sync::Arc;

use gridledger_schema::set::SchemaSet;
use gridledger_server::config::{Settings, StoreAddress};
use gridledger_server::ingest;
use gridledger_server::record::cost::Watch;
use gridledger_server::store::Store;
use gridledger_server::store::rows::records::Decide;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::kept::Kept;

/// An empty store and what it lies in.
pub struct Engine {
    /// The engine's name, for messages.
    pub name: &'static str,
    /// The store.
    pub store: Arc<Store>,
    /// Its folder, which goes when this does.
    pub dir: TempDir,
}

impl Engine {
    /// The store, each of whose failures is a failure of the story.
    pub fn kept(&self) -> Kept<'_> {
        Kept(&self.store)
    }
}

/// Decides pushes by counted work alone.
fn decide() -> Arc<Decide> {
    ingest::watched(SchemaSet::builtin(), Watch::counting(None))
}

/// An empty store of each engine.
pub fn engines() -> Vec<Engine> {
    vec![sqlite(), postgres()]
}

/// Checks a promise on an empty store of each engine.
pub fn on_every_engine(promise: impl Fn(Kept<'_>)) {
    for engine in engines() {
        println!("engine: {}", engine.name);
        promise(engine.kept());
    }
}

/// An empty SQLite store.
pub fn sqlite() -> Engine {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = sqlite_in(dir.path());
    Engine { name: "sqlite", store, dir }
}

/// An empty Postgres store, in a database of its own.
pub fn postgres() -> Engine {
    let url = Cluster::shared().database();
    let store = Store::open_postgres(&url, decide()).expect("an empty store");
    Engine { name: "postgres", store: Arc::new(store), dir: tempfile::tempdir().expect("a temporary folder") }
}

/// The SQLite store in a folder; an empty one if there is none.
pub fn sqlite_in(dir: &Path) -> Arc<Store> {
    let path = dir.join("server.db");
    let store = Store::open_sqlite(&path, decide());
    Arc::new(store.expect("a store"))
}

/// Where a world's server keeps its store: SQLite, unless `GRIDLEDGER_ENGINE` says `postgres`.
pub fn address_by_environment(dir: &Path) -> StoreAddress {
    match std::env::var("GRIDLEDGER_ENGINE").as_deref() {
        Ok("postgres") => postgres_address(),
        Ok("sqlite") | Err(_) => StoreAddress::Sqlite(dir.join("server.db")),
        Ok(other) => panic!("GRIDLEDGER_ENGINE: {other} is neither sqlite nor postgres"),
    }
}

/// The address of an empty Postgres database.
pub fn postgres_address() -> StoreAddress {
    let mut settings = Settings::default();
    let url = Cluster::shared().database();
    settings.take("store", &url, "test").expect("an address");
    settings.store
}
