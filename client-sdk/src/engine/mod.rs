//! The engine: everything on the phone without network, runtime or thread. It is synchronous; a shell calls it.
//!
//! Six rooms, each of which knows only those before it:
//!
//! | room | holds |
//! |---|---|
//! | `file` | the encrypted file: key, tables, settings, the seal on residents' values |
//! | `records` | records in the file: rows, documents, own entries, views, removal |
//! | `phone` | an open phone: what memory keeps of the file, the write lock, clocks, the lease |
//! | `reading` | lists, search, whole values for a purpose, status |
//! | `edits` | saving, refused edits, a new feed after a fork |
//! | `exchange` | one request and its answer |

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

pub use self::exchange::answer::{Exchange, Progress};
use self::file::key_file::FileKey;
pub use self::file::key_file::{Lock, PASSPHRASE_CHARS};
pub use self::file::opening::set_aside;
use self::file::seal::Seal;
use self::file::settings::SCHEMA_NO;
use self::file::{database, opening};
pub use self::phone::clock::Clock;
use self::phone::clock::LeaseTime;
pub use self::phone::engine::Engine;
use self::phone::engine::put_aside;
use self::phone::identity;
pub use self::reading::check::ForCheck;
use self::records::areas;
use crate::error::ClientError;

impl Engine {
    /// Opens the store at `path` with its lock, and makes it if there is none. `seed` is 32 random bytes for a new device's
    /// key; `schema` replaces the set that the store holds.
    ///
    /// # Errors
    ///
    /// `WrongKey`, `KeyFile` and `LostFile` if the file cannot be opened now (nothing was touched), `Damaged` after setting a
    /// damaged file aside, `NotAStore` for another file, and the file system's.
    pub fn open(
        path: &Path,
        lock: &Lock,
        schema: Option<Arc<SchemaSet>>,
        clock: Clock,
        seed: [u8; 32],
    ) -> Result<Self, ClientError> {
        let (db, file_key) = opening::open(path, lock)?;
        Self::open_over(db, file_key, path, schema, clock, seed).map_err(|error| {
            // The connection is closed by now.
            if error.is_damage() { put_aside(path) } else { error }
        })
    }

    fn open_over(
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
            None => identity::read_schema(&db)?,
        };
        let seal = Seal::default();
        seal.install(&db)?;
        let version = database::version(&db)?;
        let me = identity::read_identity(&db)?;
        let grants = identity::read_grants(&db)?;
        let tree = AreaTree::new(areas::list_known(&db)?);
        let mut engine = Self {
            path: path.to_owned(),
            file_key,
            set_aside: None,
            seal,
            lease: LeaseTime::new(clock.clone()),
            schema_no: SCHEMA_NO.get(&db)?,
            db,
            schema,
            clock,
            zone: Zone::default(),
            me,
            grants,
            tree,
            counter: 0,
            version,
        };
        engine.ignore_no_room(engine.note_latest())?;
        engine.ignore_no_room(engine.settle_empty())?;
        engine.begin_lease()?;
        engine.follow_schema()?;
        Ok(engine)
    }
}
