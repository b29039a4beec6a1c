//! The tables' code: what the store's traits do, in SQL, once for every engine.

mod audit;
pub mod bulk;
mod clock;
mod desk;
mod epochs;
mod events;
mod handled;
pub mod hot;
mod ledgers;
mod locks;
mod marks;
mod nodes;
mod people;
mod plans;
mod pushes;
mod quotas;
mod reads;
mod records;
mod refusals;
mod repair;
mod restores;
mod shares;
pub mod steps;
pub mod tools;

use gridledger_schema::ids::ServerEpoch;

pub use super::engine::{Engine, SqlStore};
use super::sql::{Connection, Optional as _};
use super::{Identity, Store, StoreError};
pub(in crate::store) use nodes::look;

/// Makes the store's generation and keys, where there are none yet.
pub(super) fn make_identity(c: &Connection<'_>) -> Result<(), StoreError> {
    let mut random = [0u8; 104];
    getrandom::fill(&mut random).map_err(|_| StoreError::Busy)?;
    let insert = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    // Seven bytes: an epoch fits a signed integer of every engine.
    for (key, value) in [
        ("server_epoch", &random[..7]),
        ("receipt_seed", &random[8..40]),
        ("desk_seed", &random[40..72]),
        ("lease_seed", &random[72..]),
    ] {
        c.execute(insert, (key, value))?;
    }
    Ok(())
}

/// A generation's number, of its seven bytes.
fn epoch_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b))
}

fn setting(c: &Connection<'_>, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut select = c.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
    Ok(select.query_row([key], |row| row.get(0)).optional()?)
}

impl<E: Engine> Store for SqlStore<E> {
    fn identity(&self) -> Result<Identity, StoreError> {
        self.engine.read(|c| {
            let fixed = |key: &'static str| {
                let value = setting(c, key)?.ok_or(StoreError::Damaged("settings"))?;
                <[u8; 32]>::try_from(value).map_err(|_| StoreError::Damaged("settings"))
            };
            let epoch = setting(c, "server_epoch")?.ok_or(StoreError::Damaged("settings"))?;
            Ok(Identity {
                epoch: ServerEpoch(epoch_of(&epoch)),
                receipt_seed: fixed("receipt_seed")?,
                desk_seed: fixed("desk_seed")?,
                lease_seed: fixed("lease_seed")?,
            })
        })
    }

    fn ready(&self) -> Result<(), StoreError> {
        // Beside other writes: who asks may be anybody.
        self.engine.write_aside(|_| Ok(()))?;
        self.engine.read(|c| {
            c.query_row("SELECT 1", (), |_| Ok(()))?;
            self.engine.check(c)
        })
    }

    fn setting(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.engine.read(|c| setting(c, key))
    }

    fn first_setting(&self, key: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.engine.write(move |c| {
            let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            c.execute(sql, (&key, &value))?;
            setting(c, &key)?.ok_or(StoreError::Damaged("settings"))
        })
    }

    fn set_setting(&self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.engine.write(move |c| {
            let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
            c.execute(sql, (&key, &value))?;
            Ok(())
        })
    }

    fn close(&self) {
        self.engine.close();
    }
}
