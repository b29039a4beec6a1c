//! The engine itself: a phone's open file, and what is kept of it in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gridledger_core::calendar::Zone;
use gridledger_core::rights::{AreaTree, Rights};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId, ServerEpoch};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire;
use gridledger_schema::wire::{AreaInfo, Grant};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::engine::file::key_file;
use crate::engine::file::key_file::{FileKey, Lock};
use crate::engine::file::opening::{self, set_aside};
use crate::engine::file::seal;
use crate::engine::phone::clock::{self, Clock};
use crate::engine::phone::identity::Identity;
use crate::engine::records::areas;
use crate::error::ClientError;

/// A phone's store and its rules.
pub struct Engine {
    pub(crate) db: Connection,
    pub(crate) path: PathBuf,
    pub(crate) file_key: FileKey,
    /// Where the files were put when they were found damaged.
    pub(crate) set_aside: Option<String>,
    pub(crate) seal: seal::Seal,
    pub(crate) lease: clock::LeaseTime,
    pub(crate) schema: Arc<SchemaSet>,
    /// Which of the schema sets that came with answers it is.
    pub(crate) schema_no: i64,
    pub(crate) clock: Clock,
    /// The office's time zone.
    pub(crate) zone: Zone,
    pub(crate) me: Identity,
    pub(crate) grants: Vec<Grant>,
    pub(crate) tree: AreaTree,
    /// The request counter used last.
    pub(crate) counter: u64,
    /// The answer being received is about a feed this phone has left: its frames mean nothing any more.
    pub(crate) answer_is_void: bool,
    /// The generation of the server that the answer being received is of, once it has said so.
    pub(crate) answer_epoch: Option<ServerEpoch>,
    /// The feed that was written when the request being answered was made.
    pub(crate) answer_feed: Option<FeedId>,
    /// What is held was put in step with what may be read, for the answer being received.
    pub(crate) reach_settled: bool,
    /// The questions in the request being answered, with their notes.
    pub(crate) asked: Vec<wire::Ask>,
    /// What the exchange going on says of the recovery from a restore.
    pub(crate) recovering: Recovering,
    /// The times of own entries, as far as the exchange going on concerns them.
    pub(crate) times: Times,
    /// Something must be asked for again, whatever the answer says.
    pub(crate) ask_again: bool,
    /// The store's version, as of the last look at what it says about this phone: others may write to it too.
    pub(crate) version: i64,
}

impl Engine {
    /// The office's time zone, in which times are written.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Sets the office's time zone; Asia/Shanghai by default.
    pub fn set_zone(&mut self, zone: Zone) {
        self.zone = zone;
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

    /// An error with a full disk, and a place that cannot be written to, told apart.
    pub(crate) fn told(&self, error: ClientError) -> ClientError {
        opening::told(&self.path, error)
    }

    /// A write that can wait until there is room: where nothing can be written now, what is there is read all the same.
    pub(crate) fn where_room(&self, done: Result<(), ClientError>) -> Result<(), ClientError> {
        match done.map_err(|error| self.told(error)) {
            Err(ClientError::Full | ClientError::ReadOnly) => Ok(()),
            done => done,
        }
    }

    pub(crate) fn rights(&self) -> Rights<'_> {
        Rights { schema: &self.schema, tree: &self.tree, grants: &self.grants }
    }

    pub(crate) fn reload_tree(&mut self) -> Result<(), ClientError> {
        self.tree = AreaTree::new(areas::areas(&self.db, false)?);
        Ok(())
    }
}

pub(crate) fn put_aside(path: &Path) -> ClientError {
    match set_aside(path) {
        Ok(kept_as) => ClientError::Damaged { kept_as },
        Err(error) => error,
    }
}

/// The word of one request and its answer on the times of own entries.
#[derive(Default)]
pub(crate) struct Times {
    /// The request left out own entries, since their times are in doubt: the server's comes first.
    pub(crate) held_back: bool,
    /// The last entry of each segment in the request, with its hash.
    pub(crate) sent: Vec<(FeedId, u64, EntryHash)>,
    /// Own entries whose times were corrected by the answer.
    pub(crate) corrected: u64,
    /// The times under which a copy of this phone had entries decided, as the server tells them; a receipt has to prove it.
    pub(crate) told: Option<wire::Times>,
}

/// What one request and its answer say of the recovery.
#[derive(Default)]
pub(crate) struct Recovering {
    /// The records of which the request says that something is missing.
    pub(crate) told_missing: Vec<RecordId>,
    /// The answer says that it is over.
    pub(crate) over: bool,
    /// The request shows the server this phone's last receipts.
    pub(crate) shows_receipts: bool,
}
