//! The lease: how long this phone may read residents' values. The reading key stands in the file only wrapped by the lease
//! secret, which the server gives to the device and this phone deletes when the lease has ended. Without it the phone is
//! *dark*: it goes on writing and shows what is nobody's.
//!
//! A store that is not enrolled yet begins with a lease of its own making, so that an invited phone can work at once.

use gridledger_core::calendar::DAY_MS;
use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::engine::file::database;
use crate::engine::file::key_file;
use crate::engine::file::seal::{self, ReadingKey};
use crate::engine::file::settings;
use crate::engine::phone::clock::Clock;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::UNNAMED;
use crate::error::ClientError;
use crate::faults;

/// The lease a new store begins with.
const FIRST_LEASE_MS: i64 = 7 * DAY_MS;

/// The time known is written down when it has gone on so far.
const KEEP_EVERY_MS: i64 = 5 * 60_000;

/// What the wrapped reading key is bound to.
const WRAPPED: &[u8] = b"gridledger/reading-key/v1";

/// Settings.
const READING_KEY: &str = "reading_key";

const SECRET: &str = "lease_secret";

const UNTIL: &str = "lease_until";

pub(crate) const FROM: &str = "lease_from";

/// 1 once a server has given a lease.
pub(crate) const GIVEN: &str = "lease_given";

pub(crate) const TIME: &str = "lease_time";

pub(crate) const CLOCK: &str = "lease_clock";

impl Engine {
    /// Makes the reading key and the first lease of a new store, or reads what there is.
    pub(crate) fn begin_lease(&mut self) -> Result<(), ClientError> {
        if settings::setting(&self.db, READING_KEY)?.is_none() {
            let (mut key, mut secret) = (ReadingKey::default(), ReadingKey::default());
            key_file::fill(&mut key[..])?;
            key_file::fill(&mut secret[..])?;
            let now = (self.lease.clock)();
            self.locked(UNNAMED, |_, c| {
                // Another process may have made them since.
                if settings::setting(c, READING_KEY)?.is_some() {
                    return Ok(());
                }
                keep(c, &key, &secret, (now, now.saturating_add(FIRST_LEASE_MS)))?;
                settings::set_number(c, TIME, now)?;
                settings::set_number(c, CLOCK, now)
            })?;
        }
        self.take_kept_time()?;
        self.look()
    }

    pub(crate) fn take_kept_time(&self) -> Result<(), ClientError> {
        self.lease.from.set(settings::number(&self.db, FROM)?);
        self.lease.until.set(settings::number(&self.db, UNTIL)?);
        self.lease.time.set(settings::number(&self.db, TIME)?);
        self.lease.seen.set(settings::number(&self.db, CLOCK)?);
        self.lease.kept.set(self.lease.time.get());
        Ok(())
    }

    /// Another process has written to this file: it may have renewed or ended the lease. A new one sets the time right.
    pub(crate) fn catch_up_lease(&self) -> Result<(), ClientError> {
        let stored = (settings::number(&self.db, FROM)?, settings::number(&self.db, UNTIL)?);
        if stored != (self.lease.from.get(), self.lease.until.get()) {
            self.take_kept_time()?;
        }
        let Some(secret) = settings::setting(&self.db, SECRET)? else {
            self.seal.forget();
            return Ok(());
        };
        if let Some(key) = wrapped(&self.db, &secret)? {
            self.seal.hold(key);
        }
        Ok(())
    }

    /// Looks at the time: a lease that is over ends here. Every call that reads or writes begins with this.
    pub(crate) fn look(&self) -> Result<(), ClientError> {
        let version = database::version(&self.db)?;
        if self.lease.version.replace(version) != version {
            self.catch_up_lease()?;
        }
        self.lease.go_on(settings::number(&self.db, "clock_offset")?);
        let now = self.lease.time.get();
        if now.saturating_sub(self.lease.kept.get()) >= KEEP_EVERY_MS {
            self.keep_time();
        }
        if !self.seal.is_dark() && now <= self.lease.until.get() {
            return Ok(());
        }
        // Another process may have renewed or ended it.
        self.lease.until.set(settings::number(&self.db, UNTIL)?);
        let Some(secret) = settings::setting(&self.db, SECRET)? else {
            self.seal.forget();
            return Ok(());
        };
        if now > self.lease.until.get() {
            return self.forget_secret().or_else(|error| {
                // It is dark already; where the file cannot be written to now, the next look tries again.
                if error.is_damage() { Err(error) } else { Ok(()) }
            });
        }
        if self.seal.is_dark()
            && let Some(key) = wrapped(&self.db, &secret)?
        {
            self.seal.hold(key);
            return self.freshen();
        }
        Ok(())
    }

    /// A store that cannot be written to now has to be read all the same.
    fn keep_time(&self) {
        let (time, seen) = (self.lease.time.get(), self.lease.seen.get());
        if settings::number(&self.db, TIME).is_ok_and(|kept| kept > time) {
            return; // Another process on this file is ahead.
        }
        if settings::set_number(&self.db, TIME, time).is_ok()
            && settings::set_number(&self.db, CLOCK, seen).is_ok()
        {
            self.lease.kept.set(time);
        }
    }

    fn forget_secret(&self) -> Result<(), ClientError> {
        self.seal.forget();
        faults::reach("phone.before_dark");
        settings::unset(&self.db, SECRET)?;
        self.keep_time();
        database::fold_log(&self.db)?;
        faults::reach("phone.after_dark");
        Ok(())
    }

    /// Ends the lease now: the server has said that this phone is shut out.
    pub fn end_lease(&mut self) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        settings::set_number(&tx, UNTIL, 0)?;
        settings::unset(&tx, SECRET)?;
        tx.commit().map_err(ClientError::of_store)?;
        self.lease.until.set(0);
        self.seal.forget();
        database::fold_log(&self.db)
    }

    /// Counts the lease by another clock than the edits', for replays of other days.
    pub fn count_lease_by(&mut self, clock: Clock) {
        self.lease.clock = clock;
    }

    /// Until when residents' values can be read, ms since 1970, and whether they cannot now.
    pub(crate) fn lease_stands(&self) -> Result<(i64, bool), ClientError> {
        self.look()?;
        Ok((self.lease.until.get(), self.seal.is_dark()))
    }
}

/// Keeps a reading key, wrapped, with its lease.
pub(crate) fn keep(
    c: &Connection,
    key: &ReadingKey,
    secret: &ReadingKey,
    (from, until): (i64, i64),
) -> Result<(), ClientError> {
    settings::set(c, READING_KEY, &seal::seal(secret, &key[..], WRAPPED)?)?;
    settings::set(c, SECRET, &secret[..])?;
    settings::set_number(c, FROM, from)?;
    settings::set_number(c, UNTIL, until)
}

/// The reading key that a secret opens.
pub(crate) fn wrapped(c: &Connection, secret: &[u8]) -> Result<Option<ReadingKey>, ClientError> {
    let (Some(wrapped), Ok(secret)) = (settings::setting(c, READING_KEY)?, <[u8; 32]>::try_from(secret))
    else {
        return Ok(None);
    };
    let key = seal::open(&Zeroizing::new(secret), &wrapped, WRAPPED).map(Zeroizing::new);
    Ok(key.and_then(|key| <[u8; 32]>::try_from(&key[..]).ok().map(Zeroizing::new)))
}
