//! The settings in the phone's file: one constant for each, with the type of its value.

use std::borrow::Cow;
use std::marker::PhantomData;

use gridledger_schema::ids::ServerEpoch;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Grant;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::faults;

/// The seed of the device's key, 32 bytes.
pub(crate) const DEVICE_KEY: Setting<[u8; 32]> = Setting::new("key");
/// The suite of the device's key. Files that predate suites do not have it.
pub(crate) const SUITE: Setting<StoredSuite> = Setting::new("suite");
/// The ordinal of the feed this phone writes now.
pub(crate) const FEED_ORDINAL: Setting<u32> = Setting::new("feed_ordinal");
/// The last entry that the server has decided of the first feed.
const DECIDED: &str = "decided";

/// The server's address.
pub(crate) const SERVER: Setting<String> = Setting::new("server");
/// The one-time code, until the server has enrolled this device.
pub(crate) const CODE: Setting<String> = Setting::new("code");
/// The label that this device enrols under.
pub(crate) const LABEL: Setting<String> = Setting::new("label");
/// The number that the server gave this device; 0 for none.
pub(crate) const DEVICE: Setting<u32> = Setting::new("device");
/// The server's public key.
pub(crate) const SERVER_KEY: Setting<[u8; 32]> = Setting::new("server_key");
/// The suite of the server's key.
pub(crate) const SERVER_SUITE: Setting<StoredSuite> = Setting::new("server_suite");
/// The generation of the server that the cursors belong to.
pub(crate) const SERVER_EPOCH: Setting<ServerEpoch> = Setting::new("server_epoch");
/// The user's login.
pub(crate) const USER: Setting<String> = Setting::new("user");
/// The user's name.
pub(crate) const NAME: Setting<String> = Setting::new("name");
/// The user's rights.
pub(crate) const GRANTS: Setting<Json<Vec<Grant>>> = Setting::new("grants");
/// The version of the territory that came with the rights.
pub(crate) const TERRITORY: Setting<u32> = Setting::new("territory");
/// The codes of the areas to hold; none for all that the user may read.
pub(crate) const HOLD: Setting<Json<Vec<String>>> = Setting::new("hold");

/// The schema set in force, as the bundle the server sent. The built-in set is in force until there is one.
pub(crate) const SCHEMA: Setting<String> = Setting::new("schema");
/// How many schema sets have come with answers.
pub(crate) const SCHEMA_NO: Setting<i64> = Setting::new("schema_no");
/// Whether the server lacks this phone's dictionary.
pub(crate) const WITHOUT_DICTIONARY: Setting<bool> = Setting::new("no_dictionary");
/// A digest of what the schema set in force has sealed.
pub(crate) const SEALED_BY: Setting<Vec<u8>> = Setting::new("sealed_by");

/// The request counter used last.
pub(crate) const COUNTER: Setting<u64> = Setting::new("counter");
/// The counter of the newest request whose answer changed rights, areas, schema or generation.
pub(crate) const BASIS: Setting<u64> = Setting::new("basis");
/// The counter of the newest request whose answer told the time.
pub(crate) const ANSWERED: Setting<u64> = Setting::new("answered");
/// The last sync that ended well, ms since 1970; 0 for never.
pub(crate) const SYNCED_AT: Setting<i64> = Setting::new("synced_at");
/// Why the server did not decide all that was sent last, as JSON; empty if it did.
pub(crate) const TROUBLE: Setting<String> = Setting::new("trouble");

/// The server's clock less this phone's, ms.
pub(crate) const CLOCK_OFFSET: Setting<i64> = Setting::new("clock_offset");
/// The server's time as told last, ms since 1970; 0 for never.
pub(crate) const TOLD_AT: Setting<i64> = Setting::new("told_at");
/// The latest time this phone has seen, ms since 1970.
pub(crate) const LATEST: Setting<i64> = Setting::new("latest");
/// Whether there may be own entries of doubted times. A save would have to write a page for an index that says so.
pub(crate) const TIMES_DOUBTED: Setting<bool> = Setting::new("clock_doubts");

/// How often this phone has moved to another generation of its server.
pub(crate) const GENERATIONS: Setting<i64> = Setting::new("generations");
/// Whether something of a former generation may be left to do.
pub(crate) const RECOVERS: Setting<bool> = Setting::new("recovers");
/// Whether the server seems to have less than it confirmed.
pub(crate) const SERVER_DOUBTED: Setting<bool> = Setting::new("doubts");

/// The number of the last row of the read log. It goes on when the rows are gone.
pub(crate) const LAST_READ: Setting<i64> = Setting::new("reads_last");
/// Whether the write-ahead log still holds what was overwritten.
pub(crate) const SCRUB: Setting<bool> = Setting::new("scrub");

/// The reading key, wrapped by the lease secret.
pub(crate) const READING_KEY: Setting<Vec<u8>> = Setting::new("reading_key");
/// The lease secret, while the lease lasts.
pub(crate) const LEASE_SECRET: Setting<Zeroizing<Vec<u8>>> = Setting::new("lease_secret");
/// When the lease ends, ms since 1970.
pub(crate) const LEASE_UNTIL: Setting<i64> = Setting::new("lease_until");
/// When the lease began, ms since 1970.
pub(crate) const LEASE_FROM: Setting<i64> = Setting::new("lease_from");
/// Whether a server has given a lease.
pub(crate) const LEASE_GIVEN: Setting<bool> = Setting::new("lease_given");
/// The time that the lease counts by, as written down last, ms since 1970.
pub(crate) const LEASE_TIME: Setting<i64> = Setting::new("lease_time");
/// The phone's clock at that time, ms since 1970.
pub(crate) const LEASE_CLOCK: Setting<i64> = Setting::new("lease_clock");

/// The last entry that the server has decided of one of the key's feeds.
///
/// Files of an early version keep it under the first feed's name for whichever feed was written last.
pub(crate) fn decided(c: &Connection, ordinal: u32) -> Result<u64, ClientError> {
    match decided_of(ordinal).find(c)? {
        Some(decided) => Ok(decided),
        None => Setting::new(DECIDED).get(c),
    }
}

/// Keeps the last entry that the server has decided of one of the key's feeds.
pub(crate) fn set_decided(c: &Connection, ordinal: u32, n: u64) -> Result<(), ClientError> {
    decided_of(ordinal).set(c, &n)
}

fn decided_of(ordinal: u32) -> Setting<u64> {
    if ordinal == 0 || faults::is_planted("03") {
        return Setting::new(DECIDED);
    }
    Setting { key: Cow::Owned(format!("{DECIDED}_{ordinal}")), value: PhantomData }
}

/// A setting: its key in the file, and the type of its value.
pub(crate) struct Setting<T> {
    key: Cow<'static, str>,
    value: PhantomData<fn() -> T>,
}

/// A value that a setting can hold.
pub(crate) trait Value: Sized {
    /// The value that these bytes hold; `None` if they hold none.
    fn read(bytes: Vec<u8>) -> Option<Self>;
    /// The bytes that the file keeps.
    fn bytes(&self) -> Cow<'_, [u8]>;
}

impl<T: Value> Setting<T> {
    const fn new(key: &'static str) -> Self {
        Self { key: Cow::Borrowed(key), value: PhantomData }
    }

    /// The value, if there is one.
    pub(crate) fn find(&self, c: &Connection) -> Result<Option<T>, ClientError> {
        let mut select = c.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
        let bytes: Option<Vec<u8>> = select.query_row([&*self.key], |row| row.get(0)).optional()?;
        Ok(bytes.and_then(T::read))
    }

    /// The value; the type's default (0, false, empty) if there is none.
    pub(crate) fn get(&self, c: &Connection) -> Result<T, ClientError>
    where
        T: Default,
    {
        Ok(self.find(c)?.unwrap_or_default())
    }

    /// Keeps a value.
    pub(crate) fn set(&self, c: &Connection, value: &T) -> Result<(), ClientError> {
        let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
        c.prepare_cached(sql)?.execute((&*self.key, &*value.bytes()))?;
        Ok(())
    }

    /// Keeps a value unless there is one; whether it did. One statement: another process may do the same.
    pub(crate) fn set_first(&self, c: &Connection, value: &T) -> Result<bool, ClientError> {
        let sql = "INSERT OR IGNORE INTO settings VALUES (?1, ?2)";
        Ok(c.execute(sql, (&*self.key, &*value.bytes()))? > 0)
    }

    /// Removes the value.
    pub(crate) fn remove(&self, c: &Connection) -> Result<(), ClientError> {
        c.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([&*self.key])?;
        Ok(())
    }

    /// Removes the value unless a condition in SQL holds. One statement: another process may write meanwhile.
    pub(crate) fn remove_unless(&self, c: &Connection, condition: &str) -> Result<(), ClientError> {
        let sql = format!("DELETE FROM settings WHERE key = ?1 AND NOT {condition}");
        c.prepare_cached(&sql)?.execute([&*self.key])?;
        Ok(())
    }
}

impl Setting<i64> {
    /// Keeps a number that is not negative, unless a greater one is kept.
    pub(crate) fn raise(&self, c: &Connection, value: i64) -> Result<(), ClientError> {
        // Big-endian bytes of such numbers are in the order of the numbers.
        let sql =
            "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = max(value, ?2)";
        c.prepare_cached(sql)?.execute((&*self.key, &*value.bytes()))?;
        Ok(())
    }
}

/// The number of a suite; 0 where none was written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StoredSuite(i64);

impl StoredSuite {
    /// The suite. A value without one belongs to the first.
    pub(crate) fn suite(self) -> Result<Suite, ClientError> {
        let Self(number) = self;
        match number {
            0 => Ok(Suite::Ed25519Sha256),
            number => Suite::of_number(number as u64).ok_or_else(|| {
                ClientError::NotAStore(format!(
                    "the store uses suite {number}, which this version does not run"
                ))
            }),
        }
    }
}

impl From<Suite> for StoredSuite {
    fn from(suite: Suite) -> Self {
        Self(suite.number().into())
    }
}

/// A value kept as JSON. What does not read is its default, as after a change of its form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize + DeserializeOwned> Value for Json<T> {
    fn read(bytes: Vec<u8>) -> Option<Self> {
        serde_json::from_slice(&bytes).ok().map(Self)
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(serde_json::json!(self.0).to_string().into_bytes())
    }
}

impl Value for Vec<u8> {
    fn read(bytes: Vec<u8>) -> Option<Self> {
        Some(bytes)
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self)
    }
}

impl Value for Zeroizing<Vec<u8>> {
    fn read(bytes: Vec<u8>) -> Option<Self> {
        Some(Self::new(bytes))
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self)
    }
}

impl Value for [u8; 32] {
    fn read(bytes: Vec<u8>) -> Option<Self> {
        bytes.try_into().ok()
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self)
    }
}

impl Value for String {
    fn read(bytes: Vec<u8>) -> Option<Self> {
        Some(Self::from_utf8_lossy(&bytes).into_owned())
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.as_bytes())
    }
}

impl Value for i64 {
    fn read(bytes: Vec<u8>) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.to_be_bytes().to_vec())
    }
}

/// Values kept as an `i64` of 8 bytes, big-endian.
macro_rules! as_number {
    ($type:ty, $read:expr, $write:expr) => {
        impl Value for $type {
            fn read(bytes: Vec<u8>) -> Option<Self> {
                i64::read(bytes).map($read)
            }

            fn bytes(&self) -> Cow<'_, [u8]> {
                let write: fn(&$type) -> i64 = $write;
                Cow::Owned(write(self).to_be_bytes().to_vec())
            }
        }
    };
}

as_number!(u64, |n| n as u64, |n| *n as i64);
as_number!(u32, |n| n as u32, |n| i64::from(*n));
as_number!(bool, |n| n != 0, |n| i64::from(*n));
as_number!(ServerEpoch, |n| ServerEpoch(n as u64), |epoch| epoch.0 as i64);
as_number!(StoredSuite, StoredSuite, |suite| suite.0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_and_numbers_keep_their_order() {
        let c = Connection::open_in_memory().expect("a database");
        c.execute_batch("CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
            .expect("a table");
        assert_eq!(COUNTER.get(&c).expect("a number"), 0);
        COUNTER.set(&c, &(7 << 40)).expect("kept");
        assert_eq!(COUNTER.get(&c).expect("a number"), 7 << 40);
        for (raised, kept) in [(5, 5), (300, 300), (255, 300)] {
            LATEST.raise(&c, raised).expect("raised");
            assert_eq!(LATEST.get(&c).expect("a number"), kept);
        }
        HOLD.set(&c, &Json(vec!["G1".into()])).expect("kept");
        assert_eq!(HOLD.get(&c).expect("codes").0, ["G1"]);
        assert!(SCRUB.set_first(&c, &true).expect("kept") && !SCRUB.set_first(&c, &false).expect("there"));
        assert!(SCRUB.get(&c).expect("a flag"));
        set_decided(&c, 0, 4).expect("kept");
        assert_eq!(decided(&c, 3).expect("a number"), 4, "files of an early version keep one for all");
        set_decided(&c, 3, 9).expect("kept");
        assert_eq!((decided(&c, 0).expect("a number"), decided(&c, 3).expect("a number")), (4, 9));
    }
}
