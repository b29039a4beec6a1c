//! What the phone's store says about the phone: key, number, server, rights, schema.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use gridledger_schema::ids::{DeviceNo, EntryHash, FeedId, ServerEpoch};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Grant;
use rusqlite::{Connection, OptionalExtension as _};

use crate::engine::file::settings;
use crate::error::ClientError;
use crate::faults;

/// How many schema sets have come with answers.
pub(crate) const SCHEMA_NO: &str = "schema_no";

/// The last entry decided of the feed written at first; files of before have it of whichever feed was written last.
const DECIDED: &str = "decided";

/// The last entry that the server has decided of one of the key's feeds.
fn decided(c: &Connection, ordinal: u32) -> Result<u64, ClientError> {
    let of_feed = settings::setting(c, &decided_key(ordinal))?.is_some();
    let key = if of_feed { &decided_key(ordinal) } else { DECIDED };
    Ok(settings::number(c, key)? as u64)
}

/// Keeps the last entry that the server has decided of one of the key's feeds.
pub(crate) fn set_decided(c: &Connection, ordinal: u32, n: u64) -> Result<(), ClientError> {
    settings::set_number(c, &decided_key(ordinal), n as i64)
}

fn decided_key(ordinal: u32) -> String {
    if ordinal == 0 || faults::is_planted("03") {
        return DECIDED.to_owned();
    }
    format!("{DECIDED}_{ordinal}")
}

/// Makes the device's key if there is none.
pub(crate) fn make_key(c: &Connection, seed: [u8; 32]) -> Result<(), ClientError> {
    // In one statement: another process may be making the store as well.
    let sql = "INSERT OR IGNORE INTO settings VALUES ('key', ?1)";
    if c.execute(sql, [&seed[..]])? > 0 {
        settings::set_number(c, "suite", Suite::default().number().into())?;
    }
    Ok(())
}

pub(crate) fn schema(c: &Connection) -> Result<Arc<SchemaSet>, ClientError> {
    match settings::text(c, "schema")? {
        Some(bundle) => Ok(Arc::new(SchemaSet::from_bundle(&bundle)?)),
        None => Ok(SchemaSet::builtin()),
    }
}

pub(crate) fn grants(c: &Connection) -> Result<Vec<Grant>, ClientError> {
    let text = settings::text(c, "grants")?.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

pub(crate) fn identity(c: &Connection) -> Result<Identity, ClientError> {
    let seed: [u8; 32] = fixed(c, "key")?.ok_or(ClientError::NotEnrolled)?;
    let key = SigningKey::from_bytes(&seed);
    let ordinal = settings::number(c, "feed_ordinal")? as u32;
    let feed = FeedId::of_key(&key.verifying_key().to_bytes(), ordinal);
    let mut last = c.prepare("SELECT n, hash FROM entries WHERE feed = ?1 ORDER BY n DESC LIMIT 1")?;
    let head = last
        .query_row([feed.0], |row| Ok((row.get::<_, i64>(0)? as u64, EntryHash(row.get(1)?))))
        .optional()?;
    let device = settings::number(c, "device")?;
    Ok(Identity {
        key,
        feed,
        ordinal,
        device: (device > 0).then_some(DeviceNo(device as u32)),
        server_epoch: settings::setting(c, "server_epoch")?
            .is_some()
            .then_some(())
            .map(|()| settings::number(c, "server_epoch"))
            .transpose()?
            .map(|e| ServerEpoch(e as u64)),
        suite: suite(c, "suite")?,
        server_key: fixed(c, "server_key")?,
        server_suite: suite(c, "server_suite")?,
        user: settings::text(c, "user")?.unwrap_or_default(),
        head: head.unwrap_or((0, EntryHash::ZERO)),
        decided: decided(c, ordinal)?,
    })
}

/// The suite of a key; what was kept without one is of the first.
pub(crate) fn suite(c: &Connection, key: &str) -> Result<Suite, ClientError> {
    match settings::number(c, key)? {
        0 => Ok(Suite::Ed25519Sha256),
        number => Suite::of_number(number as u64).ok_or_else(|| {
            ClientError::NotAStore(format!("the store uses suite {number}, which this version does not run"))
        }),
    }
}

fn fixed<const N: usize>(c: &Connection, key: &str) -> Result<Option<[u8; N]>, ClientError> {
    Ok(settings::setting(c, key)?.and_then(|v| v.try_into().ok()))
}

/// What this phone is, read once at opening and kept in step with the store.
pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    pub(crate) feed: FeedId,
    pub(crate) ordinal: u32,
    pub(crate) device: Option<DeviceNo>,
    pub(crate) server_epoch: Option<ServerEpoch>,
    /// The suite of this phone's key, and so of its feeds.
    pub(crate) suite: Suite,
    pub(crate) server_key: Option<[u8; 32]>,
    /// The suite of the server's key.
    pub(crate) server_suite: Suite,
    /// The user's login; the author in entries.
    pub(crate) user: String,
    /// The last entry of the feed: its number and hash.
    pub(crate) head: (u64, EntryHash),
    /// The last entry the server has decided.
    pub(crate) decided: u64,
}
