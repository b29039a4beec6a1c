//! The lease: how long this phone may read residents' values. The reading key stands in the file only wrapped by the lease
//! secret, which the server gives to the device and this phone deletes when the lease has ended. Without it the phone is
//! *dark*: it goes on writing and shows what is nobody's.
//!
//! A store that is not enrolled yet begins with a lease of its own making, so that an invited phone can work at once.

use std::cell::Cell;

use gridledger_schema::limits;
use gridledger_schema::wire::Lease;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use zeroize::Zeroizing;

use super::lock::UNNAMED;
use super::overlay::{self, Row};
use super::seal::{self, ReadingKey};
use super::{Clock, Engine, db, restored};
use crate::error::ClientError;
use crate::{faults, key_file};

const DAY_MS: i64 = 24 * 3_600_000;
/// The lease a new store begins with.
const FIRST_LEASE_MS: i64 = 7 * DAY_MS;
/// A new lease is asked for when less than this part of the time is left that the last one gave.
const RENEW_BELOW: (i64, i64) = (6, 7);
/// What the clock has moved between two looks counts as time that has passed, up to this: more may be a clock set right.
const PASSING_MS: i64 = DAY_MS;
/// The time known is written down when it has gone on so far.
const KEEP_EVERY_MS: i64 = 5 * 60_000;
/// What the wrapped reading key is bound to.
const WRAPPED: &[u8] = b"gridledger/reading-key/v1";

/// Settings.
const READING_KEY: &str = "reading_key";
const SECRET: &str = "lease_secret";
const UNTIL: &str = "lease_until";
const FROM: &str = "lease_from";
/// 1 once a server has given a lease.
const GIVEN: &str = "lease_given";
const TIME: &str = "lease_time";
const CLOCK: &str = "lease_clock";
/// The digest of what the schema said is to be sealed.
const SEALED_BY: &str = "sealed_by";

/// What time it is for the lease. It never goes back, whatever the phone's clock does; only a new lease sets it.
pub(super) struct LeaseTime {
    clock: Clock,
    /// The time known, ms since 1970.
    time: Cell<i64>,
    /// What the phone's clock said then.
    seen: Cell<i64>,
    /// The time as written down.
    kept: Cell<i64>,
    until: Cell<i64>,
    /// From when the lease in force counts.
    from: Cell<i64>,
    /// The store's version, as of the last look at the lease.
    version: Cell<i64>,
    /// The server's time as this answer said it.
    pub(super) server: Option<i64>,
    /// The answer's lease does not open this store.
    pub(super) misfit: bool,
}

impl LeaseTime {
    pub(super) fn new(clock: Clock) -> Self {
        let cell = || Cell::new(0);
        Self {
            clock,
            time: cell(),
            seen: cell(),
            kept: cell(),
            until: cell(),
            from: cell(),
            version: cell(),
            server: None,
            misfit: false,
        }
    }

    /// Goes on with the clock: to what it says, corrected by the server's where that is less, and at least by as much as
    /// it has moved.
    fn go_on(&self, offset_ms: i64) {
        let clock = (self.clock)();
        let says = clock.min(clock.saturating_add(offset_ms));
        let passed = clock.saturating_sub(self.seen.replace(clock)).clamp(0, PASSING_MS);
        self.time.set(says.max(self.time.get().saturating_add(passed)));
    }
}

/// The outcome of an answer's lease.
enum Taken {
    /// A later answer has brought one.
    Nothing,
    /// It does not open this store.
    Misfit,
    /// It is in force, and this is the reading key.
    Held(ReadingKey),
}

impl Engine {
    /// Makes the reading key and the first lease of a new store, or reads what there is.
    pub(super) fn begin_lease(&mut self) -> Result<(), ClientError> {
        if db::setting(&self.db, READING_KEY)?.is_none() {
            let (mut key, mut secret) = (ReadingKey::default(), ReadingKey::default());
            key_file::fill(&mut key[..])?;
            key_file::fill(&mut secret[..])?;
            let now = (self.lease.clock)();
            self.locked(UNNAMED, |_, c| {
                // Another process may have made them since.
                if db::setting(c, READING_KEY)?.is_some() {
                    return Ok(());
                }
                keep(c, &key, &secret, (now, now.saturating_add(FIRST_LEASE_MS)))?;
                db::set_number(c, TIME, now)?;
                db::set_number(c, CLOCK, now)
            })?;
        }
        self.take_kept_time()?;
        self.look()
    }

    fn take_kept_time(&self) -> Result<(), ClientError> {
        self.lease.from.set(db::number(&self.db, FROM)?);
        self.lease.until.set(db::number(&self.db, UNTIL)?);
        self.lease.time.set(db::number(&self.db, TIME)?);
        self.lease.seen.set(db::number(&self.db, CLOCK)?);
        self.lease.kept.set(self.lease.time.get());
        Ok(())
    }

    /// Another process has written to this file: it may have renewed or ended the lease. A new one sets the time right.
    pub(super) fn catch_up_lease(&self) -> Result<(), ClientError> {
        let stored = (db::number(&self.db, FROM)?, db::number(&self.db, UNTIL)?);
        if stored != (self.lease.from.get(), self.lease.until.get()) {
            self.take_kept_time()?;
        }
        let Some(secret) = db::setting(&self.db, SECRET)? else {
            self.seal.forget();
            return Ok(());
        };
        if let Some(key) = wrapped(&self.db, &secret)? {
            self.seal.hold(key);
        }
        Ok(())
    }

    /// Looks at the time: a lease that is over ends here. Every call that reads or writes begins with this.
    pub(super) fn look(&self) -> Result<(), ClientError> {
        let version = db::version(&self.db)?;
        if self.lease.version.replace(version) != version {
            self.catch_up_lease()?;
        }
        self.lease.go_on(db::number(&self.db, "clock_offset")?);
        let now = self.lease.time.get();
        if now.saturating_sub(self.lease.kept.get()) >= KEEP_EVERY_MS {
            self.keep_time();
        }
        if !self.seal.is_dark() && now <= self.lease.until.get() {
            return Ok(());
        }
        // Another process may have renewed or ended it.
        self.lease.until.set(db::number(&self.db, UNTIL)?);
        let Some(secret) = db::setting(&self.db, SECRET)? else {
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
        if db::number(&self.db, TIME).is_ok_and(|kept| kept > time) {
            return; // Another process on this file is ahead.
        }
        if db::set_number(&self.db, TIME, time).is_ok() && db::set_number(&self.db, CLOCK, seen).is_ok() {
            self.lease.kept.set(time);
        }
    }

    fn forget_secret(&self) -> Result<(), ClientError> {
        self.seal.forget();
        faults::reach("phone.before_dark");
        db::unset(&self.db, SECRET)?;
        self.keep_time();
        db::fold_log(&self.db)?;
        faults::reach("phone.after_dark");
        Ok(())
    }

    /// Ends the lease now: the server has said that this phone is shut out.
    pub fn end_lease(&mut self) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        db::set_number(&tx, UNTIL, 0)?;
        db::unset(&tx, SECRET)?;
        tx.commit().map_err(ClientError::of_store)?;
        self.lease.until.set(0);
        self.seal.forget();
        db::fold_log(&self.db)
    }

    /// Counts the lease by another clock than the edits', for replays of other days.
    pub fn count_lease_by(&mut self, clock: Clock) {
        self.lease.clock = clock;
    }

    /// Until when residents' values can be read, ms since 1970, and whether they cannot now.
    pub(super) fn lease_stands(&self) -> Result<(i64, bool), ClientError> {
        self.look()?;
        Ok((self.lease.until.get(), self.seal.is_dark()))
    }

    /// Whether to ask for a new lease: there is none from a server, or a part of its time has gone.
    pub(super) fn wants_lease(&self) -> Result<bool, ClientError> {
        self.look()?;
        if self.seal.is_dark() || db::number(&self.db, GIVEN)? == 0 {
            return Ok(true);
        }
        // A wrong clock had moved the lease's time on: the next lease sets it right.
        let clock = (self.lease.clock)();
        let right = clock.max(clock.saturating_add(db::number(&self.db, "clock_offset")?));
        if self.lease.time.get() > right.saturating_add(limits::CLOCK_AHEAD_MS) {
            return Ok(true);
        }
        let (from, until) = (db::number(&self.db, FROM)?, self.lease.until.get());
        let (part, of) = RENEW_BELOW;
        let left = until.saturating_sub(self.lease.time.get());
        Ok(left.saturating_mul(of) < until.saturating_sub(from).saturating_mul(part))
    }

    /// Takes a lease: the secret opens the reading key, or wraps the one held. What was saved in the dark is shown
    /// from now on.
    pub(super) fn renew(&mut self, lease: Lease) -> Result<(), ClientError> {
        let secret = Zeroizing::new(lease.secret);
        // What is to be sent again stands sealed: it goes with another request.
        self.ask_again |= self.seal.is_dark() && restored::recovers(&self.db)?;
        let clock = (self.lease.clock)();
        let now = self.lease.server.unwrap_or_else(|| self.lease.time.get());
        let points = ("phone.before_lease", "phone.after_lease");
        let taken = self.of_answer(points, |engine, c| {
            if engine.is_overtaken()? {
                return Ok(Taken::Nothing);
            }
            let Some((key, is_new)) = engine.key_under(c, &secret)? else {
                return Ok(Taken::Misfit);
            };
            if is_new {
                begin_sealing(c)?;
            }
            keep(c, &key, &secret, (now, lease.until))?;
            db::set_number(c, GIVEN, 1)?;
            db::set_number(c, TIME, now)?;
            db::set_number(c, CLOCK, clock)?;
            Ok(Taken::Held(key))
        })?;
        match taken {
            None | Some(Taken::Nothing) => Ok(()),
            Some(Taken::Misfit) => {
                self.lease.misfit = true;
                Ok(())
            }
            Some(Taken::Held(key)) => {
                self.take_kept_time()?;
                self.seal.hold(key);
                self.freshen()
            }
        }
    }

    /// The reading key that a lease's secret is to wrap, and whether it is a new one. Only the secret that wrapped the one
    /// there is can open it: another is another server's. What is sealed stays so, and the end of the answer says it.
    fn key_under(
        &self,
        c: &Connection,
        secret: &ReadingKey,
    ) -> Result<Option<(ReadingKey, bool)>, ClientError> {
        if let Some(key) = self.seal.key() {
            return Ok(Some((key, false)));
        }
        if let Some(key) = wrapped(c, &secret[..])? {
            return Ok(Some((key, false)));
        }
        if db::number(c, GIVEN)? != 0 {
            return Ok(None);
        }
        Ok(Some((key_file::new_key()?, true)))
    }

    /// Derives and shows what could not be while it was dark, and seals what is to be sealed. Where there is no room for
    /// that, the next opening does it.
    pub(super) fn freshen(&self) -> Result<(), ClientError> {
        self.where_room(self.freshen_now())
    }

    fn freshen_now(&self) -> Result<(), ClientError> {
        let some = "SELECT EXISTS (SELECT 1 FROM records WHERE stale = 1)
                    OR EXISTS (SELECT 1 FROM entries WHERE state >= 2 AND sealed = 0)";
        if self.seal.is_dark() || !self.db.query_row(some, [], |row| row.get::<_, bool>(0))? {
            return Ok(());
        }
        let tx = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        for row in stale(&tx)? {
            // Sealed by what the schema says today.
            let sql =
                "UPDATE documents SET confirmed = seal(unseal(confirmed, record, facet), record, facet, ?2)
                       WHERE record = ?1 AND confirmed IS NOT NULL";
            tx.prepare_cached(sql)?.execute((row.record.0, &row.record_type))?;
            overlay::rebuild_stored(&tx, &self.schema, &row, &self.me.user)?;
        }
        overlay::seal_decided(&tx)?;
        faults::reach("phone.before_fresh");
        tx.commit().map_err(ClientError::of_store)?;
        faults::reach("phone.after_fresh");
        Ok(())
    }

    /// Seals what the schema set in force says. Where the set before said otherwise, every record is written again.
    pub(super) fn follow_schema(&mut self) -> Result<(), ClientError> {
        let says = self.seal.follow(&self.schema);
        let before = db::setting(&self.db, SEALED_BY)?;
        if before.as_deref() == Some(&says[..]) {
            return self.freshen();
        }
        self.where_room(self.seal_anew(&says))?;
        self.freshen()
    }

    fn seal_anew(&self, says: &[u8]) -> Result<(), ClientError> {
        let tx = self.db.unchecked_transaction()?;
        tx.execute("UPDATE records SET stale = 1", [])?;
        db::set(&tx, SEALED_BY, says)?;
        tx.commit().map_err(ClientError::of_store)
    }
}

fn stale(c: &Connection) -> Result<Vec<Row>, ClientError> {
    let mut select = c.prepare_cached("SELECT record FROM records WHERE stale = 1")?;
    let records = select
        .query_map([], |row| row.get(0).map(gridledger_schema::ids::RecordId))?
        .collect::<Result<Vec<_>, _>>()?;
    let rows = records.into_iter().map(|record| overlay::row(c, record));
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Keeps a reading key, wrapped, with its lease.
fn keep(
    c: &Connection,
    key: &ReadingKey,
    secret: &ReadingKey,
    (from, until): (i64, i64),
) -> Result<(), ClientError> {
    db::set(c, READING_KEY, &seal::seal(secret, &key[..], WRAPPED)?)?;
    db::set(c, SECRET, &secret[..])?;
    db::set_number(c, FROM, from)?;
    db::set_number(c, UNTIL, until)
}

/// The reading key that a secret opens.
fn wrapped(c: &Connection, secret: &[u8]) -> Result<Option<ReadingKey>, ClientError> {
    let (Some(wrapped), Ok(secret)) = (db::setting(c, READING_KEY)?, <[u8; 32]>::try_from(secret)) else {
        return Ok(None);
    };
    let key = seal::open(&Zeroizing::new(secret), &wrapped, WRAPPED).map(Zeroizing::new);
    Ok(key.and_then(|key| <[u8; 32]>::try_from(&key[..]).ok().map(Zeroizing::new)))
}

/// The first lease ran out before the first sync, and its key with it: all there is are own entries that no server has
/// seen, and they stand open. What was derived from them is derived again.
fn begin_sealing(c: &Connection) -> Result<(), ClientError> {
    c.execute("DELETE FROM documents WHERE confirmed IS NULL", [])?;
    c.execute("UPDATE records SET sealed = NULL, stale = 1", [])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn time() -> (Arc<AtomicI64>, LeaseTime) {
        let clock = Arc::new(AtomicI64::new(0));
        let reads = clock.clone();
        let time = LeaseTime::new(Arc::new(move || reads.load(Ordering::Relaxed)));
        (clock, time)
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_time() {
        let (clock, time) = time();
        let at = |ms: i64, offset| {
            clock.store(ms, Ordering::Relaxed);
            time.go_on(offset);
            time.time.get()
        };
        let t = 1_000 * DAY_MS;
        assert_eq!(at(t, 0), t);
        assert_eq!(at(t - 30 * DAY_MS, 0), t);
        // Each hour after that counts, and no jump counts for more than a day.
        assert_eq!(at(t - 30 * DAY_MS + 3_600_000, 0), t + 3_600_000);
        assert_eq!(at(t - 20 * DAY_MS, 0), t + 3_600_000 + DAY_MS);
        // Set right again, it is what it is.
        assert_eq!(at(t + 3 * DAY_MS, 0), t + 3 * DAY_MS);
        // Set back each evening and left alone till the next: each day counts.
        for day in 4..10 {
            assert_eq!(at(t + 2 * DAY_MS, 0), t + (day - 1) * DAY_MS);
            assert_eq!(at(t + 3 * DAY_MS, 0), t + day * DAY_MS);
        }
    }

    #[test]
    fn a_clock_that_was_wrong_and_is_right_again_costs_a_day_at_most() {
        let (clock, time) = time();
        let at = |ms: i64, offset| {
            clock.store(ms, Ordering::Relaxed);
            time.go_on(offset);
            time.time.get()
        };
        let t = 20_000 * DAY_MS;
        time.time.set(t);
        time.seen.set(0);
        // An empty battery: 1970, and the server said by how much it is off.
        assert_eq!(at(1_000, t), t + 1_000);
        // The network set it right before the next sync did.
        assert_eq!(at(t + 5_000, t), t + 1_000 + DAY_MS);
        time.time.set(t);
        // Ahead of the server: the server's time counts.
        time.seen.set(t + DAY_MS);
        assert_eq!(at(t + DAY_MS + 6_000, -DAY_MS), t + 6_000);
    }
}
