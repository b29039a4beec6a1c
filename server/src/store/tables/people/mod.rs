//! Territory, users, grants, devices, codes, feeds and refresh tokens.

mod areas;
mod devices;
mod grants;
mod tokens;
mod users;

pub(super) use areas::{all as all_areas, ancestry, below, number as area_number, put as put_areas};
pub(super) use grants::{last_cut, of as grants_of, replaced as replaced_of};

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaInfo, Grant};

use super::{Engine, SqlStore, nodes};
use crate::store::StoreError;
use crate::store::people::{
    Admission, Device, FeedRow, NewArea, NewUser, PeopleStore, RefreshToken, Refreshed, User, UserNo,
};

impl<E: Engine> PeopleStore for SqlStore<E> {
    fn areas(&self) -> Result<Vec<AreaInfo>, StoreError> {
        self.engine.read(areas::all)
    }

    fn put_areas(&self, areas: &[NewArea]) -> Result<(usize, usize), StoreError> {
        let areas = areas.to_vec();
        self.engine.write(move |c| {
            nodes::territory_changes(c)?;
            areas::put(c, &areas)
        })
    }

    fn put_users(&self, users: &[NewUser], now: i64) -> Result<(usize, usize), StoreError> {
        let users = users.to_vec();
        self.engine.write(move |c| users::put(c, &users, now))
    }

    fn users(&self) -> Result<Vec<User>, StoreError> {
        self.engine.read(users::all)
    }

    fn user_by_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.engine.read(|c| users::by_login(c, login))
    }

    fn user(&self, no: UserNo) -> Result<Option<User>, StoreError> {
        self.engine.read(|c| users::by_no(c, no))
    }

    fn admission(&self, device: DeviceNo) -> Result<Option<Admission>, StoreError> {
        self.engine.read(|c| {
            let Some((mut admission, user)) = devices::admission(c, device)? else {
                return Ok(None);
            };
            admission.grants = grants::of(c, user)?;
            Ok(Some(admission))
        })
    }

    fn grants(&self, user: UserNo) -> Result<Vec<Grant>, StoreError> {
        self.engine.read(|c| grants::of(c, user))
    }

    fn end_grant(
        &self,
        user: UserNo,
        role: &str,
        area: AreaNo,
        at: i64,
        now: i64,
    ) -> Result<bool, StoreError> {
        let role = role.to_owned();
        self.engine.write(move |c| grants::end(c, user, &role, area, (at, now)))
    }

    fn note_told(&self, device: DeviceNo, cut: i64) -> Result<(), StoreError> {
        self.engine.write_aside(move |c| devices::note_told(c, device, cut))
    }

    fn set_user_revoked(&self, user: UserNo, revoked: bool) -> Result<(), StoreError> {
        self.engine.write(move |c| users::set_revoked(c, user, revoked))
    }

    fn put_code(&self, hash: [u8; 32], user: UserNo, expires: i64) -> Result<(), StoreError> {
        self.engine.write(move |c| devices::put_code(c, hash, user, expires))
    }

    fn enrol(
        &self,
        hash: [u8; 32],
        key: ([u8; 32], Suite),
        label: &str,
        now: i64,
    ) -> Result<Option<Device>, StoreError> {
        // A wrong code is found out by reading: strangers hold up no writing.
        if !self.engine.read(|c| devices::may_enrol(c, hash, now))? {
            return Ok(None);
        }
        let label = label.to_owned();
        self.engine.write(move |c| devices::enrol(c, hash, key, &label, now))
    }

    fn device(&self, no: DeviceNo) -> Result<Option<Device>, StoreError> {
        self.engine.read(|c| devices::by_no(c, no))
    }

    fn devices(&self) -> Result<Vec<Device>, StoreError> {
        self.engine.read(devices::all)
    }

    fn set_device_revoked(&self, no: DeviceNo, revoked: bool) -> Result<(), StoreError> {
        self.engine.write(move |c| devices::set_revoked(c, no, revoked))
    }

    fn touch_devices(&self, seen: &[(DeviceNo, u64, i64)]) -> Result<(), StoreError> {
        if seen.is_empty() {
            return Ok(());
        }
        let seen = seen.to_vec();
        self.engine.write_aside(move |c| devices::touch(c, &seen))
    }

    fn feed(&self, feed: FeedId) -> Result<Option<FeedRow>, StoreError> {
        self.engine.read(|c| devices::feed(c, feed))
    }

    fn put_feed(&self, feed: &FeedRow) -> Result<(), StoreError> {
        let feed = feed.clone();
        self.engine.write_aside(move |c| devices::put_feed(c, &feed))
    }

    fn put_refresh(&self, token: &RefreshToken) -> Result<(), StoreError> {
        let token = token.clone();
        self.engine.write_aside(move |c| tokens::put(c, &token))
    }

    fn use_refresh(&self, hash: [u8; 32], next: ([u8; 32], i64), now: i64) -> Result<Refreshed, StoreError> {
        if !self.engine.read(|c| tokens::is_known(c, hash, now))? {
            return Ok(Refreshed::Unknown);
        }
        self.engine.write(move |c| tokens::use_up(c, hash, next, now))
    }

    fn end_refresh(&self, hash: [u8; 32]) -> Result<(), StoreError> {
        if !self.engine.read(|c| tokens::is_known(c, hash, i64::MIN))? {
            return Ok(());
        }
        self.engine.write(move |c| tokens::end(c, hash))
    }

    fn session_lives(&self, family: [u8; 16]) -> Result<bool, StoreError> {
        self.engine.read(|c| tokens::lives(c, family))
    }
}
