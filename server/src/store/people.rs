//! Territory, users, grants, devices, enrolment codes, refresh tokens: the rows and the calls.

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaInfo, Grant};

use super::StoreError;

/// A user's short number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserNo(pub u32);

/// A user.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The number.
    pub no: UserNo,
    /// The login, which is also the author's code in entries.
    pub login: String,
    /// The name.
    pub name: String,
    /// Argon2 PHC string; `None` for who cannot sign in with a password.
    pub password: Option<String>,
    /// Whether the user was revoked.
    pub revoked: bool,
    /// When a grant of the user was last cut short, by the server's clock, ms since 1970; 0 for never. Every cut has a
    /// time of its own.
    pub rights_cut: i64,
}

/// Leaves out what is secret (the password's hash) and what is personal (the name).
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (no, login, revoked) = (self.no, &self.login, self.revoked);
        write!(f, "User {{ no: {no:?}, login: {login:?}, revoked: {revoked}, .. }}")
    }
}

/// A user to be made or changed, as an import or an administrator says it.
#[derive(Clone, Default)]
pub struct NewUser {
    /// The login.
    pub login: String,
    /// The name.
    pub name: String,
    /// Argon2 PHC string; `None` leaves what is there.
    pub password: Option<String>,
    /// Grants to hold besides those already held.
    pub grants: Vec<Grant>,
}

/// As of a [`User`].
impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewUser {{ login: {:?}, grants: {:?}, .. }}", self.login, self.grants)
    }
}

/// An enrolled device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The number.
    pub no: DeviceNo,
    /// Whose it is.
    pub user: UserNo,
    /// Its public key.
    pub public_key: [u8; 32],
    /// The key's suite.
    pub suite: Suite,
    /// What it calls itself.
    pub label: String,
    /// Whether it was revoked.
    pub revoked: bool,
    /// The highest request counter it used.
    pub counter: u64,
    /// Enrolled, ms since 1970.
    pub enrolled_at: i64,
    /// Last sync, ms since 1970; 0 for never.
    pub last_seen: i64,
    /// The latest of the user's [`rights_cut`](User::rights_cut) that the device has said it was told of.
    pub told: i64,
}

/// An area to be made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewArea {
    /// The office's code.
    pub code: String,
    /// The code of the area above.
    pub parent: Option<String>,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// The edge to the area above is valid from, ms since 1970.
    pub from: Option<i64>,
    /// … until (exclusive).
    pub to: Option<i64>,
}

/// A feed and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// The feed.
    pub feed: FeedId,
    /// The device that writes it; `None` for the server's own feeds.
    pub device: Option<DeviceNo>,
    /// The author.
    pub user: UserNo,
    /// The author's code.
    pub author: String,
    /// The key its segments are signed with.
    pub public_key: [u8; 32],
    /// The suite by which its entries are hashed and signed: one for the feed's whole life.
    pub suite: Suite,
    /// The key's feed number: 0 for the first.
    pub ordinal: u32,
}

/// A refresh token, as kept: only its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// All tokens descended from one login.
    pub family: [u8; 16],
    /// Whose.
    pub user: UserNo,
    /// Valid until, ms since 1970.
    pub expires: i64,
}

/// What using a refresh token gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// It was good and is now used up.
    Good(UserNo),
    /// It had been used before: its whole family is gone.
    Reused,
    /// There is none such, or it is past its time.
    Unknown,
}

/// What is asked of a device while it is being answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether neither the device nor its user was revoked.
    pub is_in: bool,
    /// The user's grants.
    pub grants: Vec<Grant>,
    /// The number of the territory.
    pub territory: u64,
    /// The highest counter that any node took from the device; 0 where one node alone takes them.
    pub counter: u64,
}

/// Territory and people.
pub trait PeopleStore {
    /// Every area.
    fn areas(&self) -> Result<Vec<AreaInfo>, StoreError>;
    /// Makes or changes areas, parents first or not; returns (made, changed). All or nothing.
    fn put_areas(&self, areas: &[NewArea]) -> Result<(usize, usize), StoreError>;
    /// Makes or changes users and adds grants; returns (made, changed). A new password ends the user's refresh tokens.
    /// A grant that ends earlier than before is cut, as by [`end_grant`](Self::end_grant). `now` is the server's
    /// clock, ms. All or nothing.
    fn put_users(&self, users: &[NewUser], now: i64) -> Result<(usize, usize), StoreError>;
    /// Every user.
    fn users(&self) -> Result<Vec<User>, StoreError>;
    /// A user by login.
    fn user_by_login(&self, login: &str) -> Result<Option<User>, StoreError>;
    /// A user by number.
    fn user(&self, no: UserNo) -> Result<Option<User>, StoreError>;
    /// Whether a device and its user are let in, and what the user may do, in one look; `None` without such a device.
    fn admission(&self, device: DeviceNo) -> Result<Option<Admission>, StoreError>;
    /// A user's grants.
    fn grants(&self, user: UserNo) -> Result<Vec<Grant>, StoreError>;
    /// Ends a grant at `at` (ms); returns whether one was ended. What was granted before is kept, and the log of the area
    /// and of every area below it says that rights changed: see `gridledger_core::known`.
    fn end_grant(
        &self,
        user: UserNo,
        role: &str,
        area: AreaNo,
        at: i64,
        now: i64,
    ) -> Result<bool, StoreError>;
    /// Remembers that a device was told of its user's cuts up to this one.
    fn note_told(&self, device: DeviceNo, cut: i64) -> Result<(), StoreError>;
    /// Revokes a user or takes that back; revoking ends every refresh token.
    fn set_user_revoked(&self, user: UserNo, revoked: bool) -> Result<(), StoreError>;

    /// Keeps a one-time enrolment code (its SHA-256) for a user until `expires` (ms).
    fn put_code(&self, hash: [u8; 32], user: UserNo, expires: i64) -> Result<(), StoreError>;
    /// Uses a code up and enrols the device; the same code with the same key again gives the same device (a lost
    /// answer). `None`: no such code, used by another key, expired, its user was revoked, or the key is of another suite.
    fn enrol(
        &self,
        hash: [u8; 32],
        key: ([u8; 32], Suite),
        label: &str,
        now: i64,
    ) -> Result<Option<Device>, StoreError>;
    /// A device by number.
    fn device(&self, no: DeviceNo) -> Result<Option<Device>, StoreError>;
    /// Every device.
    fn devices(&self) -> Result<Vec<Device>, StoreError>;
    /// Revokes a device or takes that back.
    fn set_device_revoked(&self, no: DeviceNo, revoked: bool) -> Result<(), StoreError>;
    /// Remembers the counter and time of devices' latest requests; never lowers a counter.
    fn touch_devices(&self, seen: &[(DeviceNo, u64, i64)]) -> Result<(), StoreError>;

    /// A feed, if it is known.
    fn feed(&self, feed: FeedId) -> Result<Option<FeedRow>, StoreError>;
    /// Makes a feed known; the same one again is no error.
    fn put_feed(&self, feed: &FeedRow) -> Result<(), StoreError>;

    /// Keeps a refresh token.
    fn put_refresh(&self, token: &RefreshToken) -> Result<(), StoreError>;
    /// Uses a refresh token up and keeps its successor (hash, valid until) in the same family, or ends the family if the
    /// token was used before. Of two that use the same token at once, one is good and then both are shut out.
    fn use_refresh(&self, hash: [u8; 32], next: ([u8; 32], i64), now: i64) -> Result<Refreshed, StoreError>;
    /// Ends the family of a refresh token (sign-out).
    fn end_refresh(&self, hash: [u8; 32]) -> Result<(), StoreError>;
    /// Whether a session, which is a family of refresh tokens, has not ended.
    fn session_lives(&self, family: [u8; 16]) -> Result<bool, StoreError>;
}
