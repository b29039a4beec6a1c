//! Territory, users, grants, devices, codes, feeds and refresh tokens.

mod areas;
mod devices;
mod grants;
mod tokens;
mod users;

pub(super) use areas::{all as all_areas, ancestry, below, number as area_number, put as put_areas};
pub(super) use grants::{read as read_grants, read_last_change, read_shortened as read_shortened_grants};

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaInfo, Grant};

use super::nodes;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::people::{
    Admission, Device, FeedRow, NewArea, NewUser, RefreshToken, Refreshed, User, UserNo,
};

impl Store {
    /// Every area.
    pub fn areas(&self) -> Result<Vec<AreaInfo>, StoreError> {
        self.engine.read(areas::all)
    }

    /// Makes or changes areas, parents first or not; returns (made, changed). All or nothing.
    pub fn put_areas(&self, areas: &[NewArea]) -> Result<(usize, usize), StoreError> {
        let areas = areas.to_vec();
        self.engine.write_alone(move |c| {
            nodes::territory_changes(c)?;
            areas::put(c, &areas)
        })
    }

    /// Makes or changes users and adds grants; returns (made, changed). A new password ends the user's refresh tokens.
    /// A grant that ends earlier than before is shortened, as by [`end_grant`](Self::end_grant). `now` is the server's
    /// clock, ms. All or nothing.
    pub fn put_users(&self, users: &[NewUser], now: i64) -> Result<(usize, usize), StoreError> {
        let users = users.to_vec();
        self.engine.write_alone(move |c| users::put(c, &users, now))
    }

    /// Every user.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        self.engine.read(users::all)
    }

    /// A user by login.
    pub fn user_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.engine.read(|c| users::by_login(c, login))
    }

    /// A user by number.
    pub fn user(&self, no: UserNo) -> Result<Option<User>, StoreError> {
        self.engine.read(|c| users::by_no(c, no))
    }

    /// Whether a device and its user are admitted, and the user's rights, read at one moment; `None` without such a
    /// device.
    pub fn admission(&self, device: DeviceNo) -> Result<Option<Admission>, StoreError> {
        self.engine.read(|c| {
            let Some((mut admission, user)) = devices::admission(c, device)? else {
                return Ok(None);
            };
            admission.grants = grants::read(c, user)?;
            Ok(Some(admission))
        })
    }

    /// A user's grants.
    pub fn grants(&self, user: UserNo) -> Result<Vec<Grant>, StoreError> {
        self.engine.read(|c| grants::read(c, user))
    }

    /// Ends a grant at `at` (ms); returns whether one was ended. What was granted before is kept, and the log of the area
    /// and of every area below it says that rights changed: see `gridledger_core::known`.
    pub fn end_grant(
        &self,
        user: UserNo,
        role: &str,
        area: AreaNo,
        at: i64,
        now: i64,
    ) -> Result<bool, StoreError> {
        let role = role.to_owned();
        self.engine.write_alone(move |c| grants::end_role(c, user, &role, area, (at, now)))
    }

    /// Notes that a device knows of its user's shortened grants up to this time.
    pub fn note_told(&self, device: DeviceNo, upto: i64) -> Result<(), StoreError> {
        self.engine.write_apart(move |c| devices::note_told(c, device, upto))
    }

    /// Revokes a user or takes that back; revoking ends every refresh token.
    pub fn set_user_revoked(&self, user: UserNo, revoked: bool) -> Result<(), StoreError> {
        self.engine.write_alone(move |c| users::set_revoked(c, user, revoked))
    }

    /// Keeps a one-time enrolment code (its SHA-256) for a user until `expires` (ms).
    pub fn put_code(&self, hash: [u8; 32], user: UserNo, expires: i64) -> Result<(), StoreError> {
        self.engine.write_alone(move |c| devices::put_code(c, hash, user, expires))
    }

    /// Uses a code up and enrols the device; the same code with the same key again gives the same device (a lost
    /// answer). `None`: no such code, used by another key, expired, its user was revoked, or the key is of another suite.
    pub fn enrol(
        &self,
        hash: [u8; 32],
        key: ([u8; 32], Suite),
        label: &str,
        now: i64,
    ) -> Result<Option<Device>, StoreError> {
        // A wrong code is found by reading, so that strangers hold up no writes.
        if !self.engine.read(|c| devices::may_enrol(c, hash, now))? {
            return Ok(None);
        }
        let label = label.to_owned();
        self.engine.write_alone(move |c| devices::enrol(c, hash, key, &label, now))
    }

    /// A device by number.
    pub fn device(&self, no: DeviceNo) -> Result<Option<Device>, StoreError> {
        self.engine.read(|c| devices::by_no(c, no))
    }

    /// Every device.
    pub fn devices(&self) -> Result<Vec<Device>, StoreError> {
        self.engine.read(devices::all)
    }

    /// Revokes a device or takes that back.
    pub fn set_device_revoked(&self, no: DeviceNo, revoked: bool) -> Result<(), StoreError> {
        self.engine.write_alone(move |c| devices::set_revoked(c, no, revoked))
    }

    /// Remembers the counter and time of devices' latest requests; never lowers a counter.
    pub fn touch_devices(&self, seen: &[(DeviceNo, u64, i64)]) -> Result<(), StoreError> {
        if seen.is_empty() {
            return Ok(());
        }
        let seen = seen.to_vec();
        self.engine.write_apart(move |c| devices::touch(c, &seen))
    }

    /// A feed, if it is known.
    pub fn feed(&self, feed: FeedId) -> Result<Option<FeedRow>, StoreError> {
        self.engine.read(|c| devices::feed(c, feed))
    }

    /// Makes a feed known; the same one again is no error.
    pub fn put_feed(&self, feed: &FeedRow) -> Result<(), StoreError> {
        let feed = feed.clone();
        self.engine.write_apart(move |c| devices::put_feed(c, &feed))
    }

    /// Keeps a refresh token.
    pub fn put_refresh(&self, token: &RefreshToken) -> Result<(), StoreError> {
        let token = token.clone();
        self.engine.write_apart(move |c| tokens::put(c, &token))
    }

    /// Uses a refresh token up and keeps its successor (hash, valid until) in the same family, or ends the family if
    /// the token was used before. If two use the same token at once, the first succeeds and then both are shut out.
    pub fn use_refresh(
        &self,
        hash: [u8; 32],
        next: ([u8; 32], i64),
        now: i64,
    ) -> Result<Refreshed, StoreError> {
        if !self.engine.read(|c| tokens::is_known(c, hash, now))? {
            return Ok(Refreshed::Unknown);
        }
        self.engine.write_alone(move |c| tokens::use_up(c, hash, next, now))
    }

    /// Ends the family of a refresh token (sign-out).
    pub fn end_refresh(&self, hash: [u8; 32]) -> Result<(), StoreError> {
        if !self.engine.read(|c| tokens::is_known(c, hash, i64::MIN))? {
            return Ok(());
        }
        self.engine.write_alone(move |c| tokens::end(c, hash))
    }

    /// Whether a session, which is a family of refresh tokens, has not ended.
    pub fn session_lives(&self, family: [u8; 16]) -> Result<bool, StoreError> {
        self.engine.read(|c| tokens::lives(c, family))
    }
}
