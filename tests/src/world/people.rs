//! The people of a world: their roles, codes, phones and desks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gridledger_client::Invite;
use gridledger_client::engine::Clock;
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::wire::Grant;
use gridledger_server::store::rows::people::{NewUser, User};

use super::World;
use crate::office::{self, Clerk};
use crate::phone::Phone;

impl World {
    /// An area's number.
    #[track_caller]
    pub fn area(&self, code: &str) -> AreaNo {
        self.service.tree().by_code(code).map(|area| area.no).expect("the world has the area")
    }

    /// Users with one role at one area each: login, role, area.
    #[track_caller]
    pub fn users(&self, users: &[(&str, &str, &str)]) {
        for (login, role, area) in users {
            self.user(login, role, area);
        }
    }

    /// A user with one role at one area.
    #[track_caller]
    pub fn user(&self, login: &str, role: &str, area: &str) {
        self.user_until(login, role, area, None);
    }

    /// A user with one role at one area, which ends at a time (ms since 1970).
    #[track_caller]
    pub fn user_until(&self, login: &str, role: &str, area: &str, to: Option<i64>) {
        self.grant(login, Grant { role: role.into(), area: self.area(area), from: 0, to });
    }

    /// Gives a user a role at an area from now on.
    #[track_caller]
    pub fn give(&self, login: &str, role: &str, area: &str) {
        let from = self.service.now();
        self.grant(login, Grant { role: role.into(), area: self.area(area), from, to: None });
    }

    fn grant(&self, login: &str, grant: Grant) {
        let user =
            NewUser { login: login.into(), name: format!("{login}某"), password: None, grants: vec![grant] };
        self.store().put_users(&[user], self.service.now());
    }

    /// A user's account.
    #[track_caller]
    pub fn account(&self, login: &str) -> User {
        self.store().account(login)
    }

    /// Shuts a user out, or lets the user in again.
    #[track_caller]
    pub fn revoke_user(&self, login: &str, revoked: bool) {
        self.store().set_user_revoked(self.account(login).no, revoked);
    }

    /// Ends a role of a user now; whether the user held it.
    #[track_caller]
    pub fn take(&self, login: &str, role: &str, area: &str) -> bool {
        let (user, area, now) = (self.account(login).no, self.area(area), self.service.now());
        self.store().end_grant(user, role, area, now, now)
    }

    /// A dwelling in an area, which a worker of that area notes at a desk.
    pub fn dwelling(&self, area: &str) -> RecordId {
        let address = serde_json::json!({ "road": "滨河路", "number": "1" });
        self.noted("dwelling", area, "address", address)
    }

    /// A household in a dwelling of its own.
    pub fn household(&self, area: &str) -> RecordId {
        let dwelling = self.dwelling(area);
        self.noted("household", area, "dwelling_id", dwelling.to_string().into())
    }

    fn noted(&self, of: &str, area: &str, field: &str, value: serde_json::Value) -> RecordId {
        let login = format!("clerk-{}", area.to_lowercase());
        self.user(&login, "grid_worker", area);
        self.clerk(&login).made(of, area, office::put(field, value))
    }

    /// A one-time code for a user.
    pub fn code(&self, login: &str) -> String {
        let code = format!("CODE{:08}", self.phones.fetch_add(1, Ordering::Relaxed));
        let hash = gridledger_server::auth::codes::hash(&code).expect("a code is well formed");
        self.store().put_code(hash, self.account(login).no, i64::MAX);
        code
    }

    /// A phone of a user, enrolled by its first sync. `skew` is how far its clock is off, ms.
    pub fn phone(&self, login: &str, skew: i64) -> Phone {
        let number = self.phones.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.path().join(format!("phone-{login}-{number}.db"));
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let (time, skew) = (self.time.clone(), Arc::new(AtomicI64::new(skew)));
        let off = skew.clone();
        let clock: Clock = Arc::new(move || time.load(Ordering::Relaxed) + off.load(Ordering::Relaxed));
        let mut phone = Phone::new(path, clock, skew, seed, self.schema.clone());
        phone.enrols_with(&self.code(login));
        phone
    }

    /// A phone of a user that has enrolled and synced.
    #[track_caller]
    pub fn enrolled_phone(&self, login: &str) -> Phone {
        let mut phone = self.phone(login, 0);
        phone.syncs(self);
        phone
    }

    /// An invitation for a user's phone, with a grid worker's role at `G1` from a time on.
    pub fn invite(&self, login: &str, from: i64) -> Invite {
        Invite {
            server: "http://nowhere".into(),
            code: self.code(login),
            user: login.into(),
            name: "王某".into(),
            grants: vec![Grant { role: "grid_worker".into(), area: self.area("G1"), from, to: None }],
            areas: self.service.tree().iter().cloned().collect(),
        }
    }

    /// A person of the world at a desk.
    #[track_caller]
    pub fn clerk(&self, login: &str) -> Clerk<'_> {
        Clerk::new(&self.service, login)
    }
}
