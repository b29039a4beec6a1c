//! The engine: everything on the phone without network, runtime or thread. Synchronous; a shell calls it.
//!
//! `edit` saves, `overlay` shows undecided edits on top of what is confirmed, `query` reads, `reads` masks what is shown
//! and notes what is seen whole, `request` says what to send, `apply` what an answer means, `receipts` what became of own entries, `attention` keeps what was
//! refused, `empty` settles what says nothing, `fork` starts a new feed when this one went on elsewhere, `gone` lets go of records that left, `epochs` of
//! what was erased or is due, `reach` follows the user's rights, `time` says how late it is, `times` puts right what a wrong clock said, `lock` lets two processes share
//! a file. `restored` moves to a restored server's generation, `shadows` keep what was confirmed before until it comes back,
//! `lost` is what does not. `lease` says how long residents' values may be read, `seal` keeps them from being read otherwise, `blind` saves
//! without seeing them. `opening` opens the store's file, `db` has its tables.

mod apply;
mod attention;
mod blind;
mod db;
mod edit;
mod empty;
mod epochs;
mod fork;
mod gone;
mod lease;
mod lock;
mod lost;
mod names;
mod opening;
mod overlay;
mod query;
mod reach;
mod reads;
mod receipts;
mod request;
mod restored;
mod seal;
mod settings;
mod shadows;
mod time;
mod times;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use gridledger_core::rights::{AreaTree, Rights};
use gridledger_schema::code::Code;
use gridledger_schema::ids::{DeviceNo, EntryHash, FeedId, ServerEpoch};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaInfo, Grant};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::ClientError;
use crate::key_file::{self, FileKey, Lock};
pub use opening::set_aside;
pub use reads::ForCheck;
pub use request::Outgoing;

/// The wall clock, ms since 1970; a parameter, so that a test or a replay can say what time it is.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What this phone is, read once at opening and kept in step with the store.
struct Identity {
    key: SigningKey,
    feed: FeedId,
    ordinal: u32,
    device: Option<DeviceNo>,
    server_epoch: Option<ServerEpoch>,
    /// The suite of this phone's key, and so of its feeds.
    suite: Suite,
    server_key: Option<[u8; 32]>,
    /// The suite of the server's key.
    server_suite: Suite,
    /// The user's login; the author in entries.
    user: String,
    /// The last entry of the feed: its number and hash.
    head: (u64, EntryHash),
    /// The last entry the server has decided.
    decided: u64,
}

/// A phone's store and its rules.
pub struct Engine {
    db: Connection,
    path: PathBuf,
    file_key: FileKey,
    /// Where the files were put when they were found damaged.
    set_aside: Option<String>,
    seal: seal::Seal,
    lease: lease::LeaseTime,
    schema: Arc<SchemaSet>,
    /// Which of the schema sets that came with answers it is.
    schema_no: i64,
    clock: Clock,
    me: Identity,
    grants: Vec<Grant>,
    tree: AreaTree,
    /// The request counter used last.
    counter: u64,
    /// The answer being received is about a feed this phone has left: its frames mean nothing any more.
    answer_is_void: bool,
    /// The generation of the server that the answer being received is of, once it has said so.
    answer_epoch: Option<ServerEpoch>,
    /// The feed that was written when the request being answered was made.
    answer_feed: Option<FeedId>,
    /// What is held was put in step with what may be read, for the answer being received.
    reach_settled: bool,
    /// The questions in the request being answered, with their notes.
    asked: Vec<gridledger_schema::wire::Ask>,
    /// What the exchange going on says of the recovery from a restore.
    recovering: restored::Recovering,
    /// The times of own entries, as far as the exchange going on concerns them.
    times: times::Times,
    /// Something must be asked for again, whatever the answer says.
    ask_again: bool,
    /// The store's version, as of the last look at what it says about this phone: others may write to it too.
    version: i64,
}

impl Engine {
    /// Opens the store at `path` with its lock, making it if it is not there. `seed` is 32 random bytes for a new
    /// device's key; `schema` replaces the set the store holds.
    pub fn open(
        path: &Path,
        lock: &Lock,
        schema: Option<Arc<SchemaSet>>,
        clock: Clock,
        seed: [u8; 32],
    ) -> Result<Self, ClientError> {
        let (db, file_key) = opening::open(path, lock)?;
        Self::over(db, file_key, path, schema, clock, seed).map_err(|error| {
            // The connection is closed by now.
            if error.is_damage() {
                return put_aside(path);
            }
            error
        })
    }

    fn over(
        db: Connection,
        file_key: FileKey,
        path: &Path,
        schema: Option<Arc<SchemaSet>>,
        clock: Clock,
        seed: [u8; 32],
    ) -> Result<Self, ClientError> {
        settings::make_key(&db, seed)?;
        let schema = match schema {
            Some(schema) => schema,
            None => settings::schema(&db)?,
        };
        let seal = seal::Seal::default();
        seal.install(&db)?;
        let version = db::version(&db)?;
        let me = settings::identity(&db)?;
        let grants = settings::grants(&db)?;
        let tree = AreaTree::new(query::areas(&db, false)?);
        let mut engine = Self {
            path: path.to_owned(),
            file_key,
            set_aside: None,
            seal,
            lease: lease::LeaseTime::new(clock.clone()),
            schema_no: db::number(&db, settings::SCHEMA_NO)?,
            db,
            schema,
            clock,
            me,
            grants,
            tree,
            counter: 0,
            answer_is_void: false,
            answer_epoch: None,
            answer_feed: None,
            reach_settled: false,
            asked: Vec::new(),
            recovering: restored::Recovering::default(),
            times: times::Times::default(),
            ask_again: false,
            version,
        };
        engine.where_room(engine.note_latest())?;
        engine.where_room(engine.settle_empty())?;
        engine.begin_lease()?;
        engine.follow_schema()?;
        Ok(engine)
    }

    /// Locks the store with another key or passphrase from now on. The one used before opens it no longer; copies made
    /// before stay as they are.
    pub fn rewrap(&mut self, lock: &Lock) -> Result<(), ClientError> {
        key_file::write(&self.path, &lock.wrap(&self.file_key)?)
    }

    /// Sets the store's files aside, after one of its pages was found damaged: what to tell. This engine is of no use
    /// from then on; opening again makes a new store.
    pub fn set_aside(&mut self) -> ClientError {
        if let Some(kept_as) = &self.set_aside {
            return ClientError::Damaged { kept_as: kept_as.clone() };
        }
        let nothing = match Connection::open_in_memory() {
            Ok(nothing) => nothing,
            Err(error) => return error.into(),
        };
        // The files stay as they were found: closing would fold the log into the damaged one.
        let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if let Err(error) = self.db.set_db_config(keep, true) {
            return error.into();
        }
        drop(std::mem::replace(&mut self.db, nothing));
        let told = put_aside(&self.path);
        if let ClientError::Damaged { kept_as } = &told {
            self.set_aside = Some(kept_as.clone());
        }
        told
    }

    /// Where the files were put, if they were found damaged.
    pub(crate) fn is_set_aside(&self) -> bool {
        self.set_aside.is_some()
    }

    /// The schema set in force.
    pub fn schema(&self) -> &Arc<SchemaSet> {
        &self.schema
    }

    /// Every area known here, by number; those above the ones held are among them where the server named them.
    pub fn areas(&self) -> impl Iterator<Item = &AreaInfo> {
        self.tree.iter()
    }

    /// This device's public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.me.key.verifying_key().to_bytes()
    }

    /// Whether own entries wait for a verdict.
    pub fn has_unsent(&self) -> bool {
        self.me.head.0 > self.me.decided || self.former_feeds().is_ok_and(|feeds| !feeds.is_empty())
    }

    /// An error with a full disk, and a place that cannot be written to, told apart.
    pub(crate) fn told(&self, error: ClientError) -> ClientError {
        opening::told(&self.path, error)
    }

    /// A write that can wait until there is room: where nothing can be written now, what is there is read all the same.
    fn where_room(&self, done: Result<(), ClientError>) -> Result<(), ClientError> {
        match done.map_err(|error| self.told(error)) {
            Err(ClientError::Full | ClientError::ReadOnly) => Ok(()),
            done => done,
        }
    }

    /// Whether the server put off what was sent last: it was busy, and decided nothing more.
    pub fn is_put_off(&self) -> Result<bool, ClientError> {
        let trouble = query::trouble(&self.db)?;
        Ok(self.has_unsent() && trouble.is_some_and(|trouble| trouble.code == Code::Busy))
    }

    fn rights(&self) -> Rights<'_> {
        Rights { schema: &self.schema, tree: &self.tree, grants: &self.grants }
    }

    fn reload_tree(&mut self) -> Result<(), ClientError> {
        self.tree = AreaTree::new(query::areas(&self.db, false)?);
        Ok(())
    }
}

fn put_aside(path: &Path) -> ClientError {
    match set_aside(path) {
        Ok(kept_as) => ClientError::Damaged { kept_as },
        Err(error) => error,
    }
}
