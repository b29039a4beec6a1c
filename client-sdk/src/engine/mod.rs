//! The engine: everything on the phone without network, runtime or thread. Synchronous; a shell calls it.
//!
//! `edit` saves, `overlay` shows undecided edits on top of what is confirmed, `query` reads, `request` says what to
//! send, `apply` what an answer means, `attention` keeps what was refused,
//! `fork` starts a new feed when this one went on elsewhere, `gone` lets go of records that left, `epochs` of what was
//! erased or is due, `reach` follows the user's rights, `time` says how late it is, `lock` lets two processes share a file.

mod apply;
mod attention;
mod db;
mod edit;
mod epochs;
mod fork;
mod gone;
mod lock;
mod names;
mod overlay;
mod query;
mod reach;
mod request;
mod settings;
mod time;

use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use gridledger_core::rights::{AreaTree, Rights};
use gridledger_schema::ids::{DeviceNo, EntryHash, FeedId, ServerEpoch};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::{AreaInfo, Grant};
use rusqlite::Connection;

use crate::error::ClientError;
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
    server_key: Option<[u8; 32]>,
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
    schema: Arc<SchemaSet>,
    clock: Clock,
    me: Identity,
    grants: Vec<Grant>,
    tree: AreaTree,
    /// The request counter used last.
    counter: u64,
    /// The answer being received is about a feed this phone has left: its frames mean nothing any more.
    answer_is_void: bool,
    /// What is held was put in step with what may be read, for the answer being received.
    reach_settled: bool,
    /// The questions in the request being answered, with their notes.
    asked: Vec<(crate::model::EntryId, String)>,
    /// Something must be asked for again, whatever the answer says.
    ask_again: bool,
    /// The store's version, as of the last look at what it says about this phone: others may write to it too.
    version: i64,
}

impl Engine {
    /// Opens the store at `path`, making it if it is not there. `seed` is 32 random bytes for a new device's key;
    /// `schema` replaces the set the store holds.
    pub fn open(
        path: &Path,
        schema: Option<Arc<SchemaSet>>,
        clock: Clock,
        seed: [u8; 32],
    ) -> Result<Self, ClientError> {
        let db = db::open(path)?;
        settings::make_key(&db, seed)?;
        let schema = match schema {
            Some(schema) => schema,
            None => settings::schema(&db)?,
        };
        let version = db::version(&db)?;
        let me = settings::identity(&db)?;
        let grants = settings::grants(&db)?;
        let tree = AreaTree::new(query::areas(&db, false)?);
        let engine = Self {
            db,
            schema,
            clock,
            me,
            grants,
            tree,
            counter: 0,
            answer_is_void: false,
            reach_settled: false,
            asked: Vec::new(),
            ask_again: false,
            version,
        };
        engine.note_latest()?;
        Ok(engine)
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
        self.me.head.0 > self.me.decided
    }

    fn rights(&self) -> Rights<'_> {
        Rights {
            schema: &self.schema,
            tree: &self.tree,
            grants: &self.grants,
        }
    }

    fn reload_tree(&mut self) -> Result<(), ClientError> {
        self.tree = AreaTree::new(query::areas(&self.db, false)?);
        Ok(())
    }
}
