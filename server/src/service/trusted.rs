//! The time that the service may act by: the wall clock, as long as it is trusted.

use gridledger_core::calendar::DAY_MS;
use std::collections::BTreeSet;

use gridledger_schema::limits;

use crate::service::clock::Doubt;
use crate::service::running::Service;
use crate::store::StoreError;
use crate::store::rows::people::{Device, UserNo};

impl Service {
    /// The server's clock, ms since 1970, if it is to be trusted; else [`StoreError::ClockUnsure`]. What cannot be undone goes by
    /// no other time. A store that was set back acts at no time: [`StoreError::SetBack`].
    pub fn trusted_now(&self) -> Result<i64, StoreError> {
        self.check_sound()?;
        self.trusted_clock()
    }

    /// The server's clock, ms since 1970, if it is to be trusted, whatever the store is.
    fn trusted_clock(&self) -> Result<i64, StoreError> {
        self.clock.trusted(&self.store)
    }

    /// Why the clock is not trusted, if it is not.
    pub fn clock_doubt(&self) -> Result<Option<Doubt>, StoreError> {
        match self.trusted_clock() {
            Ok(_) => Ok(None),
            Err(StoreError::ClockUnsure) => Ok(self.clock.doubt()),
            Err(error) => Err(error),
        }
    }

    /// Says that the clock is right, whatever the store knew. Refused where the database's clock says another time.
    pub fn confirm_clock(&self) -> Result<i64, StoreError> {
        if let Some(Doubt::Apart { .. }) = self.clock_doubt()? {
            return Err(StoreError::ClockUnsure);
        }
        let now = self.clock.wall();
        self.store.confirm_clock(now)?;
        self.trusted_clock()
    }

    /// Writes the time down before the service stops.
    pub fn rest_clock(&self) -> Result<(), StoreError> {
        let Ok(now) = self.trusted_clock() else {
            return Ok(());
        };
        self.store.beat(now, self.store.clock()?.confirmed)
    }

    /// While the clock is in doubt: takes a device's clock as a witness. `counter` is that of a request whose seal was checked;
    /// a phone takes it from its clock. Where the phones of enough people say the same time as the server, it is right.
    ///
    /// One phone alone can neither confirm a wrong clock nor hold up a right one, unless it is the only one: whoever disagrees
    /// does not count.
    pub fn hear_clock(&self, device: &Device, counter: u64) -> Result<(), StoreError> {
        if self.clock.at_once().is_some() {
            return Ok(());
        }
        let Some(Doubt::Behind { .. } | Doubt::Ahead { .. }) = self.clock_doubt()? else {
            return Ok(());
        };
        let is_new = counter > device.counter && !device.revoked;
        let user = self.store.user(device.user)?.filter(|user| !user.revoked);
        let Some(user) = user.filter(|_| is_new) else {
            return Ok(());
        };
        let phone = i64::try_from(counter).unwrap_or(i64::MAX);
        let agreeing = self.clock.hear(user.no, phone);
        if agreeing.len() >= self.witnesses_needed()? && !agreeing.is_empty() {
            let now = self.confirm_clock()?;
            tracing::warn!(now, phones = agreeing.len(), "phones confirmed the server's clock");
        }
        Ok(())
    }

    /// How many people's phones settle a doubt: as many as [`limits::CLOCK_WITNESSES`], or all that were in use lately.
    fn witnesses_needed(&self) -> Result<usize, StoreError> {
        let devices = self.store.devices()?;
        let seen = |device: &Device| device.last_seen.max(device.enrolled_at);
        let last = devices.iter().map(seen).max().unwrap_or(0);
        let since = last - limits::CLOCK_WITNESS_DAYS * DAY_MS;
        let in_use = devices.iter().filter(|device| !device.revoked && seen(device) >= since);
        let people: BTreeSet<UserNo> = in_use.map(|device| device.user).collect();
        let mut can_come = 0;
        for no in people {
            can_come += usize::from(self.store.user(no)?.is_some_and(|user| !user.revoked));
        }
        Ok(can_come.min(limits::CLOCK_WITNESSES))
    }
}
