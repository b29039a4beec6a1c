//! The phone's identity: its key, its feed, its number, its server. Also its rights and its schema, as the file has them.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use gridledger_schema::ids::{DeviceNo, EntryHash, FeedId, ServerEpoch};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Grant;
use rusqlite::Connection;

use crate::engine::file::settings::{
    self, DEVICE, DEVICE_KEY, FEED_ORDINAL, GRANTS, SCHEMA, SERVER_EPOCH, SERVER_KEY, SERVER_SUITE, SUITE,
    USER,
};
use crate::engine::records::entries::{self, Head};
use crate::error::ClientError;

/// The phone's identity, read when the file is opened and kept in step with it.
pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    /// The feed that is written now.
    pub(crate) feed: FeedId,
    /// The ordinal of that feed among the key's feeds.
    pub(crate) ordinal: u32,
    /// The number that the server gave this device.
    pub(crate) device: Option<DeviceNo>,
    /// The generation of the server that the cursors belong to.
    pub(crate) server_epoch: Option<ServerEpoch>,
    /// The suite of this phone's key, and so of its feeds.
    pub(crate) suite: Suite,
    pub(crate) server_key: Option<[u8; 32]>,
    /// The suite of the server's key.
    pub(crate) server_suite: Suite,
    /// The user's login: the author of the entries.
    pub(crate) user: String,
    /// The last entry of the feed.
    pub(crate) head: Head,
    /// The last entry that the server has decided.
    pub(crate) decided: u64,
}

/// Makes the device's key of a random seed if there is none.
pub(crate) fn make_key(c: &Connection, seed: [u8; 32]) -> Result<(), ClientError> {
    if DEVICE_KEY.set_first(c, &seed)? {
        SUITE.set(c, &Suite::default().into())?;
    }
    Ok(())
}

/// Reads the identity.
pub(crate) fn read_identity(c: &Connection) -> Result<Identity, ClientError> {
    let key = SigningKey::from_bytes(&DEVICE_KEY.find(c)?.ok_or(ClientError::NotEnrolled)?);
    let ordinal = FEED_ORDINAL.get(c)?;
    let feed = FeedId::of_key(&key.verifying_key().to_bytes(), ordinal);
    Ok(Identity {
        key,
        feed,
        ordinal,
        device: Some(DEVICE.get(c)?).filter(|device| *device > 0).map(DeviceNo),
        server_epoch: SERVER_EPOCH.find(c)?,
        suite: SUITE.get(c)?.suite()?,
        server_key: SERVER_KEY.find(c)?,
        server_suite: SERVER_SUITE.get(c)?.suite()?,
        user: USER.get(c)?,
        head: entries::find_head(c, feed)?.unwrap_or(Head { n: 0, hash: EntryHash::ZERO }),
        decided: settings::decided(c, ordinal)?,
    })
}

/// Reads the schema set in force.
pub(crate) fn read_schema(c: &Connection) -> Result<Arc<SchemaSet>, ClientError> {
    match SCHEMA.find(c)? {
        Some(bundle) => Ok(Arc::new(SchemaSet::from_bundle(&bundle)?)),
        None => Ok(SchemaSet::builtin()),
    }
}

/// Reads the user's rights.
pub(crate) fn read_grants(c: &Connection) -> Result<Vec<Grant>, ClientError> {
    Ok(GRANTS.get(c)?.0)
}
