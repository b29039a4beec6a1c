//! The engine: a phone's open file, and what memory keeps of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gridledger_core::calendar::Zone;
use gridledger_core::rights::{AreaTree, Rights};
use gridledger_schema::ids::FeedId;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::{AreaInfo, Grant};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::engine::file::key_file::{self, FileKey, Lock};
use crate::engine::file::opening;
use crate::engine::file::seal::Seal;
use crate::engine::phone::clock::{Clock, LeaseTime};
use crate::engine::phone::identity::Identity;
use crate::engine::records::areas;
use crate::error::ClientError;

/// A phone's store and its rules.
///
/// Two processes may have one phone's file open. Each keeps in memory what it read last, and reads it again after another
/// one's commit.
pub struct Engine {
    pub(crate) db: Connection,
    pub(crate) path: PathBuf,
    pub(crate) file_key: FileKey,
    /// The new path of the file, if it was found damaged.
    pub(crate) set_aside: Option<String>,
    pub(crate) seal: Seal,
    pub(crate) lease: LeaseTime,
    pub(crate) schema: Arc<SchemaSet>,
    /// The number of `schema` among the sets that came with answers; 0 for the built-in set.
    pub(crate) schema_no: i64,
    pub(crate) clock: Clock,
    /// The office's time zone.
    pub(crate) zone: Zone,
    pub(crate) me: Identity,
    pub(crate) grants: Vec<Grant>,
    pub(crate) tree: AreaTree,
    /// The request counter used last.
    pub(crate) counter: u64,
    /// The version of the file whose identity, rights, schema and areas are in memory.
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

    /// Locks the store with another key or passphrase. The former one opens it no longer; copies made before stay as they
    /// are.
    ///
    /// # Errors
    ///
    /// `value_invalid` for a passphrase that is too short, and the file system's.
    pub fn rewrap(&mut self, lock: &Lock) -> Result<(), ClientError> {
        key_file::write(&self.path, &lock.wrap(&self.file_key)?)
    }

    /// Sets the store's files aside after a page was found damaged, and gives the error that says so. The engine is of no
    /// use then; opening again makes a new store.
    pub fn set_aside(&mut self) -> ClientError {
        if let Some(kept_as) = &self.set_aside {
            return ClientError::Damaged { kept_as: kept_as.clone() };
        }
        let empty = match Connection::open_in_memory() {
            Ok(empty) => empty,
            Err(error) => return error.into(),
        };
        // Closing would fold the log into the damaged file. The files stay as they were found.
        let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        if let Err(error) = self.db.set_db_config(keep, true) {
            return error.into();
        }
        drop(std::mem::replace(&mut self.db, empty));
        let error = put_aside(&self.path);
        if let ClientError::Damaged { kept_as } = &error {
            self.set_aside = Some(kept_as.clone());
        }
        error
    }

    /// Whether the files were found damaged and set aside.
    pub(crate) fn is_set_aside(&self) -> bool {
        self.set_aside.is_some()
    }

    /// The schema set in force.
    pub fn schema(&self) -> &Arc<SchemaSet> {
        &self.schema
    }

    /// Every area known here, by number. Areas above the held ones are among them if the server named them.
    pub fn areas(&self) -> impl Iterator<Item = &AreaInfo> {
        self.tree.iter()
    }

    /// This device's public key, 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        self.me.key.verifying_key().to_bytes()
    }

    /// The feeds that this phone's key has written.
    pub(crate) fn own_feeds(&self) -> BTreeSet<FeedId> {
        let key = self.public_key();
        (0..=self.me.ordinal).map(|ordinal| FeedId::of_key(&key, ordinal)).collect()
    }

    /// Turns an error of writing into `Full` or `ReadOnly` if that is the cause.
    pub(crate) fn explain_error(&self, error: ClientError) -> ClientError {
        opening::explain_write_error(&self.path, error)
    }

    /// Ignores that a write found no room. The write can wait; the file is read all the same.
    pub(crate) fn ignore_no_room(&self, done: Result<(), ClientError>) -> Result<(), ClientError> {
        match done.map_err(|error| self.explain_error(error)) {
            Err(ClientError::Full | ClientError::ReadOnly) => Ok(()),
            done => done,
        }
    }

    /// The user's rights, as this phone knows them.
    pub(crate) fn rights(&self) -> Rights<'_> {
        Rights { schema: &self.schema, tree: &self.tree, grants: &self.grants }
    }

    /// Reads the areas again.
    pub(crate) fn reload_tree(&mut self) -> Result<(), ClientError> {
        self.tree = AreaTree::new(areas::list_known(&self.db)?);
        Ok(())
    }
}

/// Sets the files at a path aside, and gives the error that says so.
pub(crate) fn put_aside(path: &Path) -> ClientError {
    match opening::set_aside(path) {
        Ok(kept_as) => ClientError::Damaged { kept_as },
        Err(error) => error,
    }
}
