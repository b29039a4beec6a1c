//! The engine: everything on the phone without network, runtime or thread. Synchronous; a shell calls it.
//!
//! Six rooms, each of which knows only those before it: `file` is the encrypted file, `records` what is in it, `phone` an open
//! phone; `reading` shows, `edits` saves; `exchange` makes a request and applies its answer.

mod edits;
mod exchange;
pub(crate) mod file;
mod phone;
mod reading;
mod records;

use std::path::Path;
use std::sync::Arc;

use gridledger_core::calendar::Zone;
use gridledger_core::rights::AreaTree;
use gridledger_schema::set::SchemaSet;
use rusqlite::Connection;

pub use exchange::request::Outgoing;
use file::key_file::FileKey;
pub use file::key_file::{Lock, PASSPHRASE_CHARS};
pub use file::opening::set_aside;
use file::seal::Seal;
use file::{database, opening, settings};
pub use phone::clock::Clock;
use phone::clock::LeaseTime;
pub use phone::engine::Engine;
use phone::engine::{Recovering, Times, put_aside};
use phone::identity;
pub use reading::check::ForCheck;
use records::areas;

use crate::error::ClientError;

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
        identity::make_key(&db, seed)?;
        let schema = match schema {
            Some(schema) => schema,
            None => identity::schema(&db)?,
        };
        let seal = Seal::default();
        seal.install(&db)?;
        let version = database::version(&db)?;
        let me = identity::identity(&db)?;
        let grants = identity::grants(&db)?;
        let tree = AreaTree::new(areas::areas(&db, false)?);
        let mut engine = Self {
            path: path.to_owned(),
            file_key,
            set_aside: None,
            seal,
            lease: LeaseTime::new(clock.clone()),
            schema_no: settings::number(&db, identity::SCHEMA_NO)?,
            db,
            schema,
            clock,
            zone: Zone::default(),
            me,
            grants,
            tree,
            counter: 0,
            answer_is_void: false,
            answer_epoch: None,
            answer_feed: None,
            reach_settled: false,
            asked: Vec::new(),
            recovering: Recovering::default(),
            times: Times::default(),
            ask_again: false,
            version,
        };
        engine.where_room(engine.note_latest())?;
        engine.where_room(engine.settle_empty())?;
        engine.begin_lease()?;
        engine.follow_schema()?;
        Ok(engine)
    }
}
