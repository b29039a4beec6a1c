//! The lease: how long this phone may read residents' values. The reading key stands in the file only wrapped by the lease
//! secret, which the server gives to the device and this phone deletes when the lease has ended. Without it the phone is
//! *dark*: it goes on writing and shows what is nobody's.
//!
//! A store that is not enrolled yet begins with a lease of its own making, so that an invited phone can work at once.

use gridledger_schema::limits;
use gridledger_schema::wire::Lease;
use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::engine::exchange::restored;
use crate::engine::file::key_file;
use crate::engine::file::seal::ReadingKey;
use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::lease::{CLOCK, FROM, GIVEN, TIME, keep, wrapped};
use crate::error::ClientError;

/// A new lease is asked for when less than this part of the time is left that the last one gave.
const RENEW_BELOW: (i64, i64) = (6, 7);

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
    /// Whether to ask for a new lease: there is none from a server, or a part of its time has gone.
    pub(crate) fn wants_lease(&self) -> Result<bool, ClientError> {
        self.look()?;
        if self.seal.is_dark() || settings::number(&self.db, GIVEN)? == 0 {
            return Ok(true);
        }
        // A wrong clock had moved the lease's time on: the next lease sets it right.
        let clock = (self.lease.clock)();
        let right = clock.max(clock.saturating_add(settings::number(&self.db, "clock_offset")?));
        if self.lease.time.get() > right.saturating_add(limits::CLOCK_AHEAD_MS) {
            return Ok(true);
        }
        let (from, until) = (settings::number(&self.db, FROM)?, self.lease.until.get());
        let (part, of) = RENEW_BELOW;
        let left = until.saturating_sub(self.lease.time.get());
        Ok(left.saturating_mul(of) < until.saturating_sub(from).saturating_mul(part))
    }

    /// Takes a lease: the secret opens the reading key, or wraps the one held. What was saved in the dark is shown
    /// from now on.
    pub(crate) fn renew(&mut self, lease: Lease) -> Result<(), ClientError> {
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
            settings::set_number(c, GIVEN, 1)?;
            settings::set_number(c, TIME, now)?;
            settings::set_number(c, CLOCK, clock)?;
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
        if settings::number(c, GIVEN)? != 0 {
            return Ok(None);
        }
        Ok(Some((key_file::new_key()?, true)))
    }
}

/// The first lease ran out before the first sync, and its key with it: all there is are own entries that no server has
/// seen, and they stand open. What was derived from them is derived again.
fn begin_sealing(c: &Connection) -> Result<(), ClientError> {
    c.execute("DELETE FROM documents WHERE confirmed IS NULL", [])?;
    c.execute("UPDATE records SET sealed = NULL, stale = 1", [])?;
    Ok(())
}
