//! The store's settings: its generation, its seeds, and values that the service keeps under a key.

use gridledger_schema::ids::ServerEpoch;

use crate::store::rows::identity::Identity;
use crate::store::sql::{Connection, Optional as _};
use crate::store::{Store, StoreError};

/// A generation's number, of its seven bytes.
pub(super) fn decode_epoch(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b))
}

pub(super) fn setting(c: &Connection<'_>, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut select = c.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
    Ok(select.query_row([key], |row| row.get(0)).optional()?)
}

impl Store {
    /// The store's generation and keys, made when the store was.
    pub fn identity(&self) -> Result<Identity, StoreError> {
        self.engine.read(|c| {
            let fixed = |key: &'static str| {
                let value = setting(c, key)?.ok_or(StoreError::Damaged("settings"))?;
                <[u8; 32]>::try_from(value).map_err(|_| StoreError::Damaged("settings"))
            };
            let epoch = setting(c, "server_epoch")?.ok_or(StoreError::Damaged("settings"))?;
            Ok(Identity {
                epoch: ServerEpoch(decode_epoch(&epoch)),
                receipt_seed: fixed("receipt_seed")?,
                desk_seed: fixed("desk_seed")?,
                lease_seed: fixed("lease_seed")?,
            })
        })
    }

    /// Whether the store can be read and written now.
    pub fn ready(&self) -> Result<(), StoreError> {
        // It runs beside other writes, because anybody may ask.
        self.engine.write_apart(|_| Ok(()))?;
        self.engine.read(|c| {
            c.query_row("SELECT 1", (), |_| Ok(()))?;
            self.engine.check(c)
        })
    }

    /// A setting kept in the store, such as the JWT keys.
    pub fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine.read(|c| setting(c, key))
    }

    /// Keeps a setting that is not there yet. Returns the kept value, perhaps another process's.
    pub fn first_setting(&self, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.engine.write_alone(move |c| {
            let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            c.execute(sql, (&key, &value))?;
            setting(c, &key)?.ok_or(StoreError::Damaged("settings"))
        })
    }

    /// Keeps a setting.
    pub fn set_setting(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.engine.write_alone(move |c| {
            let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            c.execute(sql, (&key, &value))?;
            Ok(())
        })
    }

    /// Folds what is pending into the main file and lets go of it; for a graceful stop.
    pub fn close(&self) {
        self.engine.close();
    }
}
