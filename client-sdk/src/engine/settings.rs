//! What the phone's store says about the phone: key, number, server, rights, schema.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, ServerEpoch};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaInfo, Grant, Welcome};
use rusqlite::{Connection, OptionalExtension as _};

use super::lock::UNNAMED;
use super::{Engine, Identity, db};
use crate::error::ClientError;
use crate::faults;
use crate::model::Invite;

/// How many schema sets have come with answers.
pub(super) const SCHEMA_NO: &str = "schema_no";
/// The last entry decided of the feed written at first; files of before have it of whichever feed was written last.
const DECIDED: &str = "decided";

/// The last entry that the server has decided of one of the key's feeds.
fn decided(c: &Connection, ordinal: u32) -> Result<u64, ClientError> {
    let of_feed = db::setting(c, &decided_key(ordinal))?.is_some();
    let key = if of_feed { &decided_key(ordinal) } else { DECIDED };
    Ok(db::number(c, key)? as u64)
}

/// Keeps the last entry that the server has decided of one of the key's feeds.
pub(super) fn set_decided(c: &Connection, ordinal: u32, n: u64) -> Result<(), ClientError> {
    db::set_number(c, &decided_key(ordinal), n as i64)
}

fn decided_key(ordinal: u32) -> String {
    if ordinal == 0 || faults::is_planted("03") {
        return DECIDED.to_owned();
    }
    format!("{DECIDED}_{ordinal}")
}

/// Makes the device's key if there is none.
pub(super) fn make_key(c: &Connection, seed: [u8; 32]) -> Result<(), ClientError> {
    // In one statement: another process may be making the store as well.
    let sql = "INSERT OR IGNORE INTO settings VALUES ('key', ?1)";
    if c.execute(sql, [&seed[..]])? > 0 {
        db::set_number(c, "suite", Suite::default().number().into())?;
    }
    Ok(())
}

pub(super) fn schema(c: &Connection) -> Result<Arc<SchemaSet>, ClientError> {
    match db::text(c, "schema")? {
        Some(bundle) => Ok(Arc::new(SchemaSet::from_bundle(&bundle)?)),
        None => Ok(SchemaSet::builtin()),
    }
}

pub(super) fn grants(c: &Connection) -> Result<Vec<Grant>, ClientError> {
    let text = db::text(c, "grants")?.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

pub(super) fn identity(c: &Connection) -> Result<Identity, ClientError> {
    let seed: [u8; 32] = fixed(c, "key")?.ok_or(ClientError::NotEnrolled)?;
    let key = SigningKey::from_bytes(&seed);
    let ordinal = db::number(c, "feed_ordinal")? as u32;
    let feed = FeedId::of_key(&key.verifying_key().to_bytes(), ordinal);
    let mut last = c.prepare("SELECT n, hash FROM entries WHERE feed = ?1 ORDER BY n DESC LIMIT 1")?;
    let head = last
        .query_row([feed.0], |row| Ok((row.get::<_, i64>(0)? as u64, EntryHash(row.get(1)?))))
        .optional()?;
    let device = db::number(c, "device")?;
    Ok(Identity {
        key,
        feed,
        ordinal,
        device: (device > 0).then_some(DeviceNo(device as u32)),
        server_epoch: db::setting(c, "server_epoch")?
            .is_some()
            .then_some(())
            .map(|()| db::number(c, "server_epoch"))
            .transpose()?
            .map(|e| ServerEpoch(e as u64)),
        suite: suite(c, "suite")?,
        server_key: fixed(c, "server_key")?,
        server_suite: suite(c, "server_suite")?,
        user: db::text(c, "user")?.unwrap_or_default(),
        head: head.unwrap_or((0, EntryHash::ZERO)),
        decided: decided(c, ordinal)?,
    })
}

/// The suite of a key; what was kept without one is of the first.
fn suite(c: &Connection, key: &str) -> Result<Suite, ClientError> {
    match db::number(c, key)? {
        0 => Ok(Suite::Ed25519Sha256),
        number => Suite::of_number(number as u64).ok_or_else(|| {
            ClientError::NotAStore(format!("the store uses suite {number}, which this version does not run"))
        }),
    }
}

fn fixed<const N: usize>(c: &Connection, key: &str) -> Result<Option<[u8; N]>, ClientError> {
    Ok(db::setting(c, key)?.and_then(|v| v.try_into().ok()))
}

pub(super) fn put_area(c: &Connection, area: &AreaInfo, held: bool) -> Result<(), ClientError> {
    let mut upsert = c.prepare_cached(
        "INSERT INTO areas (area, parent, code, kind, name, held, edges) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (area) DO UPDATE SET parent = ?2, code = ?3, kind = ?4, name = ?5, held = max(held, ?6), edges = ?7",
    )?;
    upsert.execute((
        area.no.0,
        area.parent.map(|AreaNo(p)| p),
        &area.code,
        &area.kind,
        &area.name,
        held,
        serde_json::json!(area.edges).to_string(),
    ))?;
    Ok(())
}

impl Engine {
    /// Remembers the server and the one-time code; the next sync enrols.
    pub fn enrol(&mut self, server: &str, code: &str) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        db::set(&tx, "server", server.trim_end_matches('/').as_bytes())?;
        db::set(&tx, "code", code.as_bytes())?;
        tx.commit().map_err(ClientError::of_store)
    }

    /// Takes everything an invite holds, so that work can begin before the first sync.
    pub fn accept(&mut self, invite: &Invite) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        db::set(&tx, "server", invite.server.trim_end_matches('/').as_bytes())?;
        db::set(&tx, "code", invite.code.as_bytes())?;
        db::set(&tx, "user", invite.user.as_bytes())?;
        db::set(&tx, "name", invite.name.as_bytes())?;
        db::set(&tx, "grants", serde_json::json!(invite.grants).to_string().as_bytes())?;
        for area in &invite.areas {
            put_area(&tx, area, false)?;
        }
        tx.commit().map_err(ClientError::of_store)?;
        self.me.user.clone_from(&invite.user);
        self.grants.clone_from(&invite.grants);
        self.reload_tree()
    }

    /// The server's address, where one is known.
    pub fn server(&self) -> Result<Option<String>, ClientError> {
        db::text(&self.db, "server")
    }

    /// Another address for the same server.
    pub fn set_server(&mut self, server: &str) -> Result<(), ClientError> {
        db::set(&self.db, "server", server.trim_end_matches('/').as_bytes())
    }

    /// Holds only these areas (codes); none means every area the user has rights in.
    pub fn hold_only(&mut self, codes: &[String]) -> Result<(), ClientError> {
        db::set(&self.db, "hold", serde_json::json!(codes).to_string().as_bytes())
    }

    pub(super) fn welcomed(&mut self, welcome: &Welcome) -> Result<(), ClientError> {
        self.of_answer(UNNAMED, |engine, c| {
            db::set_number(c, "device", i64::from(welcome.device.0))?;
            // A generation that is left for another is left when the server says what it has of this phone's.
            if engine.me.server_epoch.is_none() {
                db::set_number(c, "server_epoch", welcome.server_epoch.0 as i64)?;
            }
            db::set(c, "server_key", &welcome.server_key)?;
            let suite = welcome.suite.unwrap_or(Suite::Ed25519Sha256);
            db::set_number(c, "server_suite", suite.number().into())?;
            db::set(c, "user", welcome.user.as_bytes())?;
            db::set(c, "name", welcome.name.as_bytes())?;
            db::unset(c, "code")
        })?;
        self.look_again()
    }
}
