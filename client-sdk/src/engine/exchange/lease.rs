//! A lease of an answer: it opens the reading key, or wraps the one held. [`crate::engine::phone::lease`] counts its time.

use gridledger_schema::limits;
use gridledger_schema::wire::Lease;
use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::engine::exchange::answer::Exchange;
use crate::engine::file::key_file;
use crate::engine::file::seal::ReadingKey;
use crate::engine::file::settings::{
    CLOCK_OFFSET, LEASE_CLOCK, LEASE_FROM, LEASE_GIVEN, LEASE_TIME, RECOVERS,
};
use crate::engine::phone::engine::Engine;
use crate::engine::phone::lease::{LeaseSpan, keep_lease, unwrap_reading_key};
use crate::engine::phone::write_lock::Points;
use crate::error::ClientError;

/// A new lease is asked for when less than this part (numerator, denominator) of the last one's time is left.
const RENEW_BELOW: (i64, i64) = (6, 7);

/// The outcome of an answer's lease.
enum Taken {
    /// A later answer has brought a lease.
    Nothing,
    /// It does not open this store.
    Misfit,
    /// It is in force, and this is the reading key.
    Held(ReadingKey),
}

impl Engine {
    /// Whether to ask for a new lease: no server has given one, or a part of its time has gone.
    pub(crate) fn wants_lease(&self) -> Result<bool, ClientError> {
        self.check_lease()?;
        if self.seal.is_dark() || !LEASE_GIVEN.get(&self.db)? {
            return Ok(true);
        }
        // If a wrong clock had moved the lease's time on, the next lease sets it right.
        let clock = (self.lease.clock)();
        let right = clock.max(clock.saturating_add(CLOCK_OFFSET.get(&self.db)?));
        if self.lease.time.get() > right.saturating_add(limits::CLOCK_AHEAD_MS) {
            return Ok(true);
        }
        let (from, until) = (LEASE_FROM.get(&self.db)?, self.lease.until.get());
        let (part, of) = RENEW_BELOW;
        let left = until.saturating_sub(self.lease.time.get());
        Ok(left.saturating_mul(of) < until.saturating_sub(from).saturating_mul(part))
    }

    /// Takes a lease: its secret opens the reading key, or wraps the one held. Edits saved in the dark are shown then.
    pub(crate) fn apply_lease(&mut self, exchange: &mut Exchange, lease: Lease) -> Result<(), ClientError> {
        let secret = Zeroizing::new(lease.secret);
        // Entries that a recovery sends again stand sealed: they go with another request.
        exchange.heard.ask_again |= self.seal.is_dark() && RECOVERS.get(&self.db)?;
        let clock = (self.lease.clock)();
        let now = exchange.heard.server_time.unwrap_or_else(|| self.lease.time.get());
        let points = Points::around("phone.before_lease", "phone.after_lease");
        let taken = self.apply_part(exchange, points, |engine, exchange, c| {
            if engine.is_overtaken(exchange)? {
                return Ok(Taken::Nothing);
            }
            let Some((key, is_new)) = engine.find_reading_key(c, &secret)? else {
                return Ok(Taken::Misfit);
            };
            if is_new {
                begin_sealing(c)?;
            }
            keep_lease(c, &key, &secret, LeaseSpan { from: now, until: lease.until })?;
            LEASE_GIVEN.set(c, &true)?;
            LEASE_TIME.set(c, &now)?;
            LEASE_CLOCK.set(c, &clock)?;
            Ok(Taken::Held(key))
        })?;
        match taken {
            None | Some(Taken::Nothing) => Ok(()),
            Some(Taken::Misfit) => {
                exchange.heard.lease_misfit = true;
                Ok(())
            }
            Some(Taken::Held(key)) => {
                self.read_lease_time()?;
                self.seal.hold(key);
                self.freshen()
            }
        }
    }

    /// Finds the reading key that a lease's secret is to wrap, and whether it is a new one. `None` if another secret wrapped
    /// the key that is there: then the lease is another server's, sealed values stay sealed, and the end of the answer is an
    /// error.
    fn find_reading_key(
        &self,
        c: &Connection,
        secret: &ReadingKey,
    ) -> Result<Option<(ReadingKey, bool)>, ClientError> {
        if let Some(key) = self.seal.key() {
            return Ok(Some((key, false)));
        }
        if let Some(key) = unwrap_reading_key(c, &secret[..])? {
            return Ok(Some((key, false)));
        }
        if LEASE_GIVEN.get(c)? {
            return Ok(None);
        }
        Ok(Some((key_file::make_key()?, true)))
    }
}

/// Begins a new reading key after the first lease ran out before the first sync, and its key with it. The file holds only
/// own entries that no server has seen, and these stand open; what was derived from them is derived again.
fn begin_sealing(c: &Connection) -> Result<(), ClientError> {
    c.execute("DELETE FROM documents WHERE confirmed IS NULL", [])?;
    c.execute("UPDATE records SET sealed = NULL, stale = 1", [])?;
    Ok(())
}
