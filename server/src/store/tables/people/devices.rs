//! The rows of devices, enrolment codes and feeds.

use crate::store::tables::numbers;
use gridledger_schema::ids::{DeviceNo, EntryHash, FeedId};
use gridledger_schema::suite::Suite;

use crate::store::StoreError;
use crate::store::rows::people::{Admission, Device, FeedRow, UserNo};
use crate::store::sql::{Connection, Optional as _, Row, SqlError};

const COLUMNS: &str = "SELECT device, user, public_key, label, revoked, counter, enrolled_at, last_seen, told, suite FROM devices";

fn device(row: &Row) -> Result<Device, SqlError> {
    Ok(Device {
        no: DeviceNo(row.get(0)?),
        user: UserNo(row.get(1)?),
        public_key: row.get(2)?,
        label: row.get(3)?,
        revoked: row.get(4)?,
        counter: row.get::<_, i64>(5)? as u64,
        enrolled_at: row.get(6)?,
        last_seen: row.get(7)?,
        told: row.get(8)?,
        suite: row.get(9)?,
    })
}

/// Every device, by number.
pub fn all(c: &Connection<'_>) -> Result<Vec<Device>, StoreError> {
    let mut select = c.prepare_cached(&[COLUMNS, " ORDER BY device"].concat())?;
    let rows = select.query_map((), device)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The device of a number.
pub fn by_no(c: &Connection<'_>, no: DeviceNo) -> Result<Option<Device>, StoreError> {
    let mut select = c.prepare_cached(&[COLUMNS, " WHERE device = ?1"].concat())?;
    Ok(select.query_row([no.0], device).optional()?)
}

fn by_key(c: &Connection<'_>, public_key: &[u8; 32]) -> Result<Option<Device>, StoreError> {
    let mut select = c.prepare_cached(&[COLUMNS, " WHERE public_key = ?1"].concat())?;
    Ok(select.query_row([public_key], device).optional()?)
}

/// Keeps the hash of a one-time code.
pub fn put_code(c: &Connection<'_>, hash: [u8; 32], user: UserNo, expires: i64) -> Result<(), StoreError> {
    known_user(c, user)?;
    let mut insert = c.prepare_cached(
        "INSERT INTO enrolment_codes (hash, user, expires) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )?;
    match insert.execute((hash, user.0, expires))? {
        0 => Err(StoreError::Taken("the enrolment code".into())),
        _ => Ok(()),
    }
}

fn known_user(c: &Connection<'_>, user: UserNo) -> Result<(), StoreError> {
    let mut select = c.prepare_cached("SELECT 1 FROM users WHERE user = ?1")?;
    let found = select.query_row([user.0], |_| Ok(())).optional()?;
    found.ok_or_else(|| StoreError::Missing(format!("user {}", user.0)))
}

/// A one-time code as kept, with whether its user was revoked.
struct CodeRow {
    user: UserNo,
    expires: i64,
    device: Option<u32>,
    revoked: bool,
}

/// Whether a code may enrol a device at a time.
pub fn may_enrol(c: &Connection<'_>, hash: [u8; 32], now: i64) -> Result<bool, StoreError> {
    let code = code(c, hash)?;
    Ok(code.is_some_and(|code| !code.revoked && (code.device.is_some() || now < code.expires)))
}

/// Whether a device and its user are let in, without the user's grants; and the user.
pub fn admission(c: &Connection<'_>, no: DeviceNo) -> Result<Option<(Admission, UserNo)>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT d.revoked, u.revoked AS user_revoked, u.user AS no, t.version, coalesce(k.counter, 0) AS counter
         FROM devices d JOIN users u ON u.user = d.user CROSS JOIN territory t LEFT JOIN counters k ON k.device = d.device
         WHERE d.device = ?1",
    )?;
    let found = select.query_row([no.0], |row| {
        let admission = Admission {
            is_in: !row.get::<_, bool>(0)? && !row.get::<_, bool>("user_revoked")?,
            grants: Vec::new(),
            territory: row.get::<_, i64>("version")? as u64,
            counter: row.get::<_, i64>("counter")? as u64,
        };
        Ok((admission, UserNo(row.get("no")?)))
    });
    Ok(found.optional()?)
}

/// Uses a code up; see [`PeopleStore::enrol`](crate::store::PeopleStore::enrol).
pub fn enrol(
    c: &Connection<'_>,
    hash: [u8; 32],
    (public_key, suite): ([u8; 32], Suite),
    label: &str,
    now: i64,
) -> Result<Option<Device>, StoreError> {
    let Some(code) = code(c, hash)? else {
        return Ok(None);
    };
    let with_key = by_key(c, &public_key)?;
    // A key keeps its suite for ever.
    if code.revoked
        || with_key
            .as_ref()
            .is_some_and(|device| device.revoked || device.user != code.user || device.suite != suite)
    {
        return Ok(None);
    }
    if let Some(used_for) = code.device {
        return Ok(with_key.filter(|device| device.no.0 == used_for));
    }
    if now >= code.expires {
        return Ok(None);
    }
    if with_key.is_none() {
        let mut insert = c.prepare_cached(
            "INSERT INTO devices (device, user, public_key, label, enrolled_at, suite) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let no = numbers::next_number(c, "devices", "device")?;
        insert.execute((no, code.user.0, public_key, label, now, suite.number()))?;
    }
    let enrolled = by_key(c, &public_key)?.ok_or(StoreError::Damaged("devices"))?;
    c.prepare_cached("UPDATE enrolment_codes SET device = ?2 WHERE hash = ?1")?
        .execute((hash, enrolled.no.0))?;
    Ok(Some(enrolled))
}

fn code(c: &Connection<'_>, hash: [u8; 32]) -> Result<Option<CodeRow>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT e.user, e.expires, e.device, u.revoked FROM enrolment_codes e JOIN users u USING (user)
         WHERE e.hash = ?1",
    )?;
    let row = select.query_row([hash], |row| {
        let (user, expires) = (UserNo(row.get(0)?), row.get(1)?);
        Ok(CodeRow { user, expires, device: row.get(2)?, revoked: row.get(3)? })
    });
    Ok(row.optional()?)
}

/// Revokes a device or takes that back.
pub fn set_revoked(c: &Connection<'_>, no: DeviceNo, revoked: bool) -> Result<(), StoreError> {
    let mut update = c.prepare_cached("UPDATE devices SET revoked = ?2 WHERE device = ?1")?;
    match update.execute((no.0, revoked))? {
        0 => Err(StoreError::Missing(format!("device {no}"))),
        _ => Ok(()),
    }
}

/// Remembers devices' latest counters and times; neither ever goes back.
pub fn touch(c: &Connection<'_>, seen: &[(DeviceNo, u64, i64)]) -> Result<(), StoreError> {
    let mut update = c.prepare_cached(
        "UPDATE devices SET counter = greatest(counter, ?2), last_seen = greatest(last_seen, ?3) WHERE device = ?1",
    )?;
    for &(no, counter, at) in seen {
        update.execute((no.0, i64::try_from(counter).unwrap_or(i64::MAX), at))?;
    }
    Ok(())
}

/// Notes that a device knows of its user's shortened grants up to this time.
pub fn note_told(c: &Connection<'_>, no: DeviceNo, upto: i64) -> Result<(), StoreError> {
    c.prepare_cached("UPDATE devices SET told = greatest(told, ?2) WHERE device = ?1")?
        .execute((no.0, upto))?;
    Ok(())
}

/// A feed, if it is known.
pub fn feed(c: &Connection<'_>, feed: FeedId) -> Result<Option<FeedRow>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT device, user, author, public_key, ordinal, suite FROM feeds WHERE feed = ?1",
    )?;
    let row = select.query_row([feed.0], |row| {
        Ok(FeedRow {
            feed,
            device: row.get::<_, Option<u32>>(0)?.map(DeviceNo),
            user: UserNo(row.get(1)?),
            author: row.get(2)?,
            public_key: row.get(3)?,
            ordinal: row.get(4)?,
            suite: row.get(5)?,
        })
    });
    Ok(row.optional()?)
}

/// Makes a feed known, with nothing decided of it yet.
pub fn put_feed(c: &Connection<'_>, row: &FeedRow) -> Result<(), StoreError> {
    match feed(c, row.feed)? {
        Some(there) if there == *row => return Ok(()),
        Some(_) => return Err(StoreError::Taken(format!("feed {}", row.feed))),
        None => known_user(c, row.user)?,
    }
    let mut insert = c.prepare_cached(
        "INSERT INTO feeds (feed, device, user, author, public_key, ordinal, n, hash, suite)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8) ON CONFLICT DO NOTHING",
    )?;
    let device = row.device.map(|device| device.0);
    let key = (
        row.feed.0,
        device,
        row.user.0,
        &row.author,
        row.public_key,
        row.ordinal,
        EntryHash::ZERO.0,
        row.suite.number(),
    );
    if insert.execute(key)? == 0 && feed(c, row.feed)?.as_ref() != Some(row) {
        return Err(StoreError::Taken(format!("feed {}", row.feed)));
    }
    Ok(())
}
