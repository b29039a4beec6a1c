//! A store whose every answer is good: a failure of the store is a failure of the story, at the line that asked.

use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaCursor, AreaInfo, Grant};
use gridledger_server::store::rows::audit::{KeptEntry, Repaired};
use gridledger_server::store::rows::clock::ClockRow;
use gridledger_server::store::rows::people::{
    Device, FeedRow, NewArea, NewUser, RefreshToken, Refreshed, User, UserNo,
};
use gridledger_server::store::rows::read_log::{ReadQuery, ReadRow};
use gridledger_server::store::rows::records::{
    AreaHead, DocumentRow, ErasureRow, HistoryRow, LedgerPage, LedgerQuery, Push, RecordNewsRow, RecordRow,
    SegmentVerdict,
};
use gridledger_server::store::rows::refusals::RefusedRow;
use gridledger_server::store::rows::restores::{NewGeneration, Position, RestoreRow};
use gridledger_server::store::{Identity, Store};

use crate::areas::area;
use crate::outcome::done;

/// A store that is asked without a word about failures.
#[derive(Clone, Copy)]
pub struct Kept<'a>(pub(crate) &'a Store);

macro_rules! asks {
    ($($name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*) => {
        impl<'a> Kept<'a> {
            $(
                #[doc = concat!("`", stringify!($name), "` of the store.")]
                #[track_caller]
                pub fn $name(&self $(, $arg: $type)*) $(-> $out)? {
                    done(stringify!($name), self.0.$name($($arg),*))
                }
            )*
        }
    };
}

asks! {
    areas() -> Vec<AreaInfo>;
    beat(at: i64, confirmed: u64);
    begin_generation(new: NewGeneration) -> RestoreRow;
    begin_import() -> u64;
    clock() -> ClockRow;
    confirm_clock(at: i64);
    counts() -> (u64, u64, u64);
    database_time() -> Option<i64>;
    device(no: DeviceNo) -> Option<Device>;
    devices() -> Vec<Device>;
    displaced() -> Vec<(FeedId, u64, Vec<u8>)>;
    end_grant(user: UserNo, role: &str, area: AreaNo, at: i64, now: i64) -> bool;
    end_refresh(hash: [u8; 32]);
    enrol(hash: [u8; 32], key: ([u8; 32], Suite), label: &str, now: i64) -> Option<Device>;
    entry_hash(feed: FeedId, n: u64) -> Option<EntryHash>;
    erasures(record: Option<RecordId>) -> Vec<ErasureRow>;
    feed(feed: FeedId) -> Option<FeedRow>;
    feed_head(feed: FeedId) -> (u64, EntryHash);
    grants(user: UserNo) -> Vec<Grant>;
    head(area: AreaNo) -> AreaHead;
    history(record: RecordId) -> Vec<HistoryRow>;
    identity() -> Identity;
    kept_entries(feed: FeedId, after: u64, limit: usize) -> Vec<KeptEntry>;
    ledger(query: &LedgerQuery) -> LedgerPage;
    ledger_row(record: RecordId) -> Option<gridledger_server::store::rows::records::LedgerRow>;
    newest() -> Option<i64>;
    news(cursor: AreaCursor, bytes: usize) -> (AreaHead, Vec<RecordNewsRow>);
    note_daily_run(at: i64);
    position() -> Position;
    push(push: Push) -> Vec<SegmentVerdict>;
    put_areas(areas: &[NewArea]) -> (usize, usize);
    put_code(hash: [u8; 32], user: UserNo, expires: i64);
    put_feed(feed: &FeedRow);
    put_refresh(token: &RefreshToken);
    put_users(users: &[NewUser], now: i64) -> (usize, usize);
    reads(query: &ReadQuery) -> Vec<ReadRow>;
    ready();
    record(record: RecordId) -> Option<(RecordRow, Vec<DocumentRow>)>;
    record_named(area: AreaNo, created: u64) -> Option<RecordId>;
    records_of(area: AreaNo) -> Vec<RecordRow>;
    refused_entry(feed: FeedId, n: u64) -> Option<RefusedRow>;
    repair_digests(area: AreaNo) -> Repaired;
    restored() -> Option<RestoreRow>;
    session_lives(family: [u8; 16]) -> bool;
    set_device_revoked(no: DeviceNo, revoked: bool);
    set_setting(key: &str, value: &[u8]);
    set_user_revoked(user: UserNo, revoked: bool);
    setting(key: &str) -> Option<Vec<u8>>;
    share(no: u64) -> Option<gridledger_server::store::rows::shares::Share>;
    touch_devices(seen: &[(DeviceNo, u64, i64)]);
    use_refresh(hash: [u8; 32], next: ([u8; 32], i64), now: i64) -> Refreshed;
    user(no: UserNo) -> Option<User>;
    user_by_login(login: &str) -> Option<User>;
    users() -> Vec<User>;
}

impl<'a> Kept<'a> {
    /// A store that a story opened by itself.
    pub fn of(store: &'a Store) -> Self {
        Self(store)
    }

    /// The store itself, for a question that it may refuse.
    pub fn asked(&self) -> &'a Store {
        self.0
    }

    /// Closes the store.
    pub fn close(&self) {
        self.0.close();
    }

    /// Writes a position beside the store's file.
    pub fn put_position_beside(&self, at: Position) {
        self.0.put_position_beside(at);
    }

    /// Whether several nodes share the store.
    pub fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    /// The number of an area that is there.
    #[track_caller]
    pub fn area(&self, code: &str) -> AreaNo {
        match self.areas().iter().find(|area| area.code == code) {
            Some(area) => area.no,
            None => panic!("no area has the code {code}"),
        }
    }

    /// Adds basic grids without a parent; their numbers, in the order of the codes.
    #[track_caller]
    pub fn add_grids<const N: usize>(&self, codes: [&str; N]) -> [AreaNo; N] {
        self.put_areas(&codes.map(|code| area(code, "", "basic_grid")));
        codes.map(|code| self.area(code))
    }

    /// The account of a login that is there.
    #[track_caller]
    pub fn account(&self, login: &str) -> User {
        match self.user_by_login(login) {
            Some(user) => user,
            None => panic!("nobody signs in as {login}"),
        }
    }

    /// A device that is there.
    #[track_caller]
    pub fn enrolled(&self, no: DeviceNo) -> Device {
        match self.device(no) {
            Some(device) => device,
            None => panic!("no device has the number {no:?}"),
        }
    }
}
