//! Territory, users, grants, devices, enrolment codes, refresh tokens: the rows and the calls.

use gridledger_schema::ids::{DeviceNo, FeedId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Grant;

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
    /// Argon2 PHC string; `None` for a user who cannot sign in with a password.
    pub password: Option<String>,
    /// Whether the user was revoked.
    pub revoked: bool,
    /// When grants of the user were last shortened, by the server's clock, ms since 1970; 0 for never. Every transaction
    /// that shortens grants has a time of its own.
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

/// Leaves out the same fields as a [`User`].
impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewUser {{ login: {:?}, grants: {:?}, .. }}", self.login, self.grants)
    }
}

/// A grant that was shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortenedGrant {
    /// The grant as it was before.
    pub grant: Grant,
    /// The time of the change, by the server's clock, ms since 1970.
    pub at: i64,
}

/// An enrolled device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The number.
    pub no: DeviceNo,
    /// Its user.
    pub user: UserNo,
    /// Its public key.
    pub public_key: [u8; 32],
    /// The key's suite.
    pub suite: Suite,
    /// Its own name for itself.
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
    /// The edge is valid until (exclusive), ms since 1970.
    pub to: Option<i64>,
}

/// A feed and its owner.
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
    /// Its user.
    pub user: UserNo,
    /// Valid until, ms since 1970.
    pub expires: i64,
}

/// The result of using a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshed {
    /// The token was good and is now used up.
    Good(UserNo),
    /// The token had been used before: its whole family is gone.
    Reused,
    /// The token is unknown, or its time is over.
    Unknown,
}

/// The facts about a device that are checked while it is being answered.
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
