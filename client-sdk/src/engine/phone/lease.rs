//! The lease: the time for which this phone may read residents' values.
//!
//! The file holds the reading key only wrapped by the lease secret. The server gives the secret to the device, and the phone
//! deletes it when the lease has ended. Without the secret the phone is *dark*: it goes on writing and shows no resident's
//! values. A store that is not enrolled yet begins with a lease of its own making, so that an invited phone works at once.

use gridledger_core::calendar::DAY_MS;
use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::engine::file::seal::{self, ReadingKey};
use crate::engine::file::settings::{
    CLOCK_OFFSET, LEASE_CLOCK, LEASE_FROM, LEASE_SECRET, LEASE_TIME, LEASE_UNTIL, READING_KEY,
};
use crate::engine::file::{database, key_file};
use crate::engine::phone::clock::Clock;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::error::ClientError;
use crate::faults;

/// Milliseconds of the lease that a new store begins with.
const FIRST_LEASE_MS: i64 = 7 * DAY_MS;
/// Milliseconds that the lease's time goes on before it is written down.
const KEEP_EVERY_MS: i64 = 5 * 60_000;
/// The place that the wrapped reading key is bound to.
const WRAPPED: &[u8] = b"gridledger/reading-key/v1";

/// The time a lease lasts, ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseSpan {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl Engine {
    /// Makes the reading key and the first lease of a new store, or reads those that are there.
    pub(crate) fn begin_lease(&mut self) -> Result<(), ClientError> {
        if READING_KEY.find(&self.db)?.is_none() {
            let (mut key, mut secret) = (ReadingKey::default(), ReadingKey::default());
            key_file::fill_random(&mut key[..])?;
            key_file::fill_random(&mut secret[..])?;
            let now = (self.lease.clock)();
            self.write(Points::NONE, |_, c| {
                // Another process may have made them since.
                if READING_KEY.find(c)?.is_some() {
                    return Ok(());
                }
                let span = LeaseSpan { from: now, until: now.saturating_add(FIRST_LEASE_MS) };
                keep_lease(c, &key, &secret, span)?;
                LEASE_TIME.set(c, &now)?;
                LEASE_CLOCK.set(c, &now)
            })?;
        }
        self.read_lease_time()?;
        self.check_lease()
    }

    /// Reads the lease's time as it was written down.
    pub(crate) fn read_lease_time(&self) -> Result<(), ClientError> {
        self.lease.from.set(LEASE_FROM.get(&self.db)?);
        self.lease.until.set(LEASE_UNTIL.get(&self.db)?);
        self.lease.time.set(LEASE_TIME.get(&self.db)?);
        self.lease.seen.set(LEASE_CLOCK.get(&self.db)?);
        self.lease.kept.set(self.lease.time.get());
        Ok(())
    }

    /// Takes over what another process has written: it may have renewed or ended the lease. A new lease sets the time.
    pub(crate) fn catch_up_lease(&self) -> Result<(), ClientError> {
        let stored = (LEASE_FROM.get(&self.db)?, LEASE_UNTIL.get(&self.db)?);
        if stored != (self.lease.from.get(), self.lease.until.get()) {
            self.read_lease_time()?;
        }
        let Some(secret) = LEASE_SECRET.find(&self.db)? else {
            self.seal.forget();
            return Ok(());
        };
        if let Some(key) = unwrap_reading_key(&self.db, &secret)? {
            self.seal.hold(key);
        }
        Ok(())
    }

    /// Ends the lease here if its time is over. Every call that reads or writes records begins with this.
    pub(crate) fn check_lease(&self) -> Result<(), ClientError> {
        let version = database::version(&self.db)?;
        if self.lease.version.replace(version) != version {
            self.catch_up_lease()?;
        }
        self.lease.advance(CLOCK_OFFSET.get(&self.db)?);
        let now = self.lease.time.get();
        if now.saturating_sub(self.lease.kept.get()) >= KEEP_EVERY_MS {
            self.keep_lease_time();
        }
        if !self.seal.is_dark() && now <= self.lease.until.get() {
            return Ok(());
        }
        // Another process may have renewed or ended the lease.
        self.lease.until.set(LEASE_UNTIL.get(&self.db)?);
        let Some(secret) = LEASE_SECRET.find(&self.db)? else {
            self.seal.forget();
            return Ok(());
        };
        if now > self.lease.until.get() {
            return self.forget_secret().or_else(|error| {
                // The phone is dark already. If the file cannot be written to now, the next check tries again.
                if error.is_damage() { Err(error) } else { Ok(()) }
            });
        }
        if self.seal.is_dark()
            && let Some(key) = unwrap_reading_key(&self.db, &secret)?
        {
            self.seal.hold(key);
            return self.freshen();
        }
        Ok(())
    }

    /// Writes the lease's time down. A file that cannot be written to now has to be read all the same.
    fn keep_lease_time(&self) {
        let (time, seen) = (self.lease.time.get(), self.lease.seen.get());
        if LEASE_TIME.get(&self.db).is_ok_and(|kept| kept > time) {
            return; // Another process on this file is ahead.
        }
        if LEASE_TIME.set(&self.db, &time).is_ok() && LEASE_CLOCK.set(&self.db, &seen).is_ok() {
            self.lease.kept.set(time);
        }
    }

    fn forget_secret(&self) -> Result<(), ClientError> {
        self.seal.forget();
        faults::reach("phone.before_dark");
        LEASE_SECRET.remove(&self.db)?;
        self.keep_lease_time();
        database::fold_log(&self.db)?;
        faults::reach("phone.after_dark");
        Ok(())
    }

    /// Ends the lease now, as when the server has refused this phone for good.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn end_lease(&mut self) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        LEASE_UNTIL.set(&tx, &0)?;
        LEASE_SECRET.remove(&tx)?;
        tx.commit().map_err(ClientError::of_store)?;
        self.lease.until.set(0);
        self.seal.forget();
        database::fold_log(&self.db)
    }

    /// Counts the lease by another clock than the edits', for replays of other days.
    pub fn count_lease_by(&mut self, clock: Clock) {
        self.lease.clock = clock;
    }

    /// The end of the lease, ms since 1970, and whether the phone is dark.
    pub(crate) fn lease_state(&self) -> Result<(i64, bool), ClientError> {
        self.check_lease()?;
        Ok((self.lease.until.get(), self.seal.is_dark()))
    }
}

/// Keeps a reading key, wrapped, with its lease.
pub(crate) fn keep_lease(
    c: &Connection,
    key: &ReadingKey,
    secret: &ReadingKey,
    span: LeaseSpan,
) -> Result<(), ClientError> {
    READING_KEY.set(c, &seal::seal(secret, &key[..], WRAPPED)?)?;
    LEASE_SECRET.set(c, &Zeroizing::new(secret.to_vec()))?;
    LEASE_FROM.set(c, &span.from)?;
    LEASE_UNTIL.set(c, &span.until)
}

/// Opens the reading key with a lease secret; `None` if the secret does not fit.
pub(crate) fn unwrap_reading_key(c: &Connection, secret: &[u8]) -> Result<Option<ReadingKey>, ClientError> {
    let (Some(wrapped), Ok(secret)) = (READING_KEY.find(c)?, <[u8; 32]>::try_from(secret)) else {
        return Ok(None);
    };
    let key = seal::open(&Zeroizing::new(secret), &wrapped, WRAPPED).map(Zeroizing::new);
    Ok(key.and_then(|key| <[u8; 32]>::try_from(&key[..]).ok().map(Zeroizing::new)))
}
