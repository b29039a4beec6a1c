//! Restores, in SQL.

use gridledger_core::recovery;
use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId, RecordId, ServerEpoch};
use gridledger_schema::limits;
use gridledger_schema::wire::Missing;

use super::row_locks::Locked;
use super::settings::{decode_epoch, setting};
use super::{clock, marks};
use crate::cells;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::records::EventKind;
use crate::store::rows::restores::SET_BACK;
use crate::store::rows::restores::{Awaited, MissingRow, NewGeneration, Position, RestoreRow};
use crate::store::sql::{Connection, Optional as _, Row, SqlError};

/// Numbers of devices, people and areas left out at a restore: some may have been handed out since the backup.
const LEFT_OUT: i64 = 10_000;

const COLUMNS: &str =
    "SELECT epoch, former, at, first, until, ended_at, served FROM restores ORDER BY no DESC LIMIT 1";

fn read(row: &Row) -> Result<RestoreRow, SqlError> {
    Ok(RestoreRow {
        epoch: ServerEpoch(row.get::<_, i64>(0)? as u64),
        former: ServerEpoch(row.get::<_, i64>(1)? as u64),
        at: row.get(2)?,
        first: row.get::<_, i64>(3)? as u64,
        until: row.get(4)?,
        ended_at: row.get(5)?,
        served: row.get(6)?,
    })
}

fn last(c: &Connection<'_>) -> Result<Option<RestoreRow>, StoreError> {
    Ok(c.prepare_cached(COLUMNS)?.query_row((), read).optional()?)
}

fn begin(c: &Connection<'_>, new: &NewGeneration, random: [u8; 3]) -> Result<RestoreRow, StoreError> {
    // Every area's log gets a position.
    Locked::everything(c)?;
    let epoch = recovery::epoch(new.at, random);
    let former = decode_epoch(&setting(c, "server_epoch")?.ok_or(StoreError::Damaged("settings"))?);
    let number = |sql: &str| c.query_row(sql, (), |row| row.get::<_, i64>(0));
    let longest = number("SELECT coalesce(max(head), 0) FROM areas")? as u64;
    let first = recovery::first_position(new.at, longest);
    let mut numbers = 0;
    for sql in [
        "SELECT coalesce(max(device), 0) FROM devices",
        "SELECT coalesce(max(user), 0) FROM users",
        "SELECT coalesce(max(area), 0) FROM areas",
        "SELECT coalesce(max(numbers), 0) FROM restores",
    ] {
        numbers = number(sql)?.max(numbers);
    }
    let seen = number("SELECT coalesce(max(greatest(last_seen, enrolled_at)), 0) FROM devices")?;
    let areas: Vec<i64> = c
        .prepare_cached("SELECT area FROM areas ORDER BY area")?
        .query_map((), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for area in &areas {
        let event = (area, first as i64, EventKind::Restored.as_str(), None::<Vec<u8>>, new.at);
        c.execute("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)", event)?;
    }
    c.execute("UPDATE areas SET head = ?1", [first as i64])?;
    for area in areas {
        marks::put_head(c, AreaNo(area as u32))?;
    }
    // A dump's rows are older than what devices were given since.
    c.execute("DELETE FROM given", ())?;
    c.execute("DELETE FROM sent", ())?;
    c.execute("DELETE FROM counters", ())?;
    // An operator puts the backup in place, and so confirms the time.
    clock::confirm(c, new.at)?;
    let row = RestoreRow {
        epoch,
        former: ServerEpoch(former),
        at: new.at,
        first,
        until: new.until,
        served: 0,
        ended_at: None,
    };
    c.execute(
        "INSERT INTO restores (epoch, former, at, first, until, numbers, active_since) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        cells![
            row.epoch.0 as i64,
            row.former.0 as i64,
            row.at,
            first as i64,
            row.until,
            numbers + LEFT_OUT,
            seen - new.active_ms
        ],
    )?;
    c.execute(
        "UPDATE settings SET value = ?1 WHERE key = 'server_epoch'",
        [epoch.0.to_be_bytes()[1..].to_vec()],
    )?;
    c.execute("DELETE FROM settings WHERE key = ?1", [SET_BACK])?;
    c.execute(
        "INSERT INTO lost_generations SELECT DISTINCT epoch FROM claimed_generations WHERE true ON CONFLICT DO NOTHING",
        (),
    )?;
    c.execute("DELETE FROM claimed_generations", ())?;
    // A session or a code that was ended or used since the backup would be good again.
    c.execute("DELETE FROM refresh_tokens", ())?;
    c.execute("DELETE FROM enrolment_codes WHERE device IS NULL", ())?;
    Ok(row)
}

/// Admitted devices of admitted users that were there before the restore and in use shortly before the backup, and have
/// not offered (or not settled) what is waited for.
fn awaited(c: &Connection<'_>, least: i64) -> Result<Vec<DeviceNo>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT d.device FROM devices d JOIN users u ON u.user = d.user
         JOIN restores r ON r.no = (SELECT max(no) FROM restores)
         WHERE d.revoked = 0 AND u.revoked = 0 AND d.enrolled_at <= r.at AND greatest(d.last_seen, d.enrolled_at) >= r.active_since
           AND NOT EXISTS (SELECT 1 FROM offers o WHERE o.restore = r.no AND o.device = d.device AND o.settled >= ?1)
         ORDER BY d.device",
    )?;
    let rows = select.query_map([least], |row| row.get(0).map(DeviceNo))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes a generation that was lost with a state that the store was set back from.
fn note_lost(c: &Connection<'_>, epoch: ServerEpoch) -> Result<(), StoreError> {
    let sql = "INSERT INTO lost_generations VALUES (?1) ON CONFLICT DO NOTHING";
    c.execute(sql, [epoch.0 as i64])?;
    Ok(())
}

impl Store {
    /// The last restore, if there was one.
    pub fn restored(&self) -> Result<Option<RestoreRow>, StoreError> {
        self.engine.read(last)
    }

    /// Makes this store another generation: every log goes on far above, numbers handed out before are not handed out
    /// again, sessions end, and codes that were not used are void.
    pub fn begin_generation(&self, new: NewGeneration) -> Result<RestoreRow, StoreError> {
        let mut random = [0; 3];
        getrandom::fill(&mut random).map_err(|_| StoreError::Busy)?;
        // The file beside the store tells of a generation as well, if one was lost.
        let beside = self.engine.position_beside().map(|kept| kept.epoch);
        self.engine.write_alone(move |c| {
            if let Some(epoch) = beside {
                note_lost(c, epoch)?;
            }
            begin(c, &new, random)
        })
    }

    /// Every generation of this store: the one now, those before, and those that were lost with a state it was set back from.
    pub fn epochs(&self) -> Result<Vec<ServerEpoch>, StoreError> {
        self.engine.read(|c| {
            let now = decode_epoch(&setting(c, "server_epoch")?.ok_or(StoreError::Damaged("settings"))?);
            let mut select = c.prepare_cached(
                "SELECT epoch FROM restores UNION SELECT former FROM restores UNION SELECT epoch FROM lost_generations",
            )?;
            let rows = select.query_map((), |row| Ok(ServerEpoch(row.get::<_, i64>(0)? as u64)))?;
            let mut epochs: Vec<ServerEpoch> = rows.collect::<Result<_, _>>()?;
            epochs.push(ServerEpoch(now));
            Ok(epochs)
        })
    }

    /// Notes that the store was set back, and the generation that was lost with it, if one was.
    pub fn note_set_back(&self, why: &str, lost: Option<ServerEpoch>) -> Result<(), StoreError> {
        let why = why.as_bytes().to_owned();
        self.engine.write_alone(move |c| {
            if let Some(lost) = lost {
                note_lost(c, lost)?;
            }
            let sql = "INSERT INTO settings VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            c.execute(sql, (SET_BACK, &why))?;
            Ok(())
        })
    }

    /// Notes the generation, not known here, that a device says it is of: the last one it said.
    pub fn note_claimed(&self, device: DeviceNo, epoch: ServerEpoch) -> Result<(), StoreError> {
        self.engine.write_apart(move |c| {
            let sql =
                "INSERT INTO claimed_generations VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET epoch = ?2";
            c.prepare_cached(sql)?.execute((device.0, epoch.0 as i64))?;
            Ok(())
        })
    }

    /// The store's position.
    pub fn position(&self) -> Result<Position, StoreError> {
        self.engine.read(|c| {
            let epoch = decode_epoch(&setting(c, "server_epoch")?.ok_or(StoreError::Damaged("settings"))?);
            let number = |sql: &str| c.query_row(sql, (), |row| row.get::<_, i64>(0));
            Ok(Position {
                epoch: ServerEpoch(epoch),
                entries: number("SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM feeds")? as u64,
                longest: number("SELECT coalesce(max(head), 0) FROM areas")? as u64,
            })
        })
    }

    /// The store's position by the file beside it; `None` where there is none.
    pub fn position_beside(&self) -> Option<Position> {
        self.engine.position_beside()
    }

    /// Writes that file, where the engine keeps one.
    pub fn put_position_beside(&self, at: Position) {
        self.engine.put_position_beside(at);
    }

    /// Notes how long the store was served for the recovery, ms.
    pub fn note_served(&self, ms: i64) -> Result<(), StoreError> {
        self.engine.write_apart(move |c| {
            let sql =
                "UPDATE restores SET served = greatest(served, ?1) WHERE no = (SELECT max(no) FROM restores)";
            c.prepare_cached(sql)?.execute([ms])?;
            Ok(())
        })
    }

    /// Ends the recovery.
    pub fn end_recovery(&self, at: i64) -> Result<(), StoreError> {
        self.engine.write_alone(move |c| {
            let sql = "UPDATE restores SET ended_at = ?1 WHERE ended_at IS NULL AND no = (SELECT max(no) FROM restores)";
            c.execute(sql, [at])?;
            Ok(())
        })
    }

    /// Notes that a device has offered all it has receipts for, and whether all of it is decided. Returns whether that
    /// was news.
    pub fn note_offered(&self, device: DeviceNo, settled: bool) -> Result<bool, StoreError> {
        let known = self.engine.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT settled FROM offers WHERE device = ?1 AND restore = (SELECT max(no) FROM restores)",
            )?;
            Ok(select.query_row([device.0], |row| row.get::<_, bool>(0)).optional()?)
        })?;
        if known.is_some_and(|known| known >= settled) {
            return Ok(false);
        }
        self.engine.write_alone(move |c| {
            let sql = "INSERT INTO offers SELECT max(no), CAST(?1 AS BIGINT), CAST(?2 AS BIGINT) FROM restores WHERE true
                       ON CONFLICT (restore, device) DO UPDATE SET settled = greatest(offers.settled, excluded.settled)";
            c.execute(sql, (device.0, i64::from(settled)))?;
            Ok(true)
        })
    }

    /// The devices that the recovery waits for.
    pub fn awaited(&self) -> Result<Awaited, StoreError> {
        self.engine.read(|c| Ok(Awaited { to_offer: awaited(c, 0)?, to_settle: awaited(c, 1)? }))
    }

    /// Notes what a device misses.
    pub fn note_missing(&self, device: DeviceNo, missing: &[Missing], at: i64) -> Result<(), StoreError> {
        let missing = missing.to_vec();
        self.engine.write_alone(move |c| {
            // No device can miss more than it can hold.
            let mut select = c.prepare_cached("SELECT count(*) FROM missing WHERE device = ?1")?;
            let told: i64 = select.query_row([device.0], |row| row.get(0))?;
            let left = limits::DEVICE_RECORDS.saturating_sub(told as usize);
            for one in missing.iter().take(left) {
                let sql = "INSERT INTO missing VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                           ON CONFLICT (record, facet, feed) DO UPDATE SET count = greatest(missing.count, excluded.count)";
                let key = cells![
                    one.area.0,
                    one.record.0,
                    one.facet,
                    one.feed.0,
                    one.count as i64,
                    device.0,
                    at
                ];
                c.prepare_cached(sql)?.execute(key)?;
            }
            Ok(())
        })
    }

    /// Displaced entries: feed, number and content. It leaves out those that were erased or whose time is up.
    pub fn displaced(&self) -> Result<Vec<(FeedId, u64, Vec<u8>)>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached("SELECT feed, n, body FROM displaced ORDER BY feed, n")?;
            let rows = select
                .query_map((), |row| Ok((FeedId(row.get(0)?), row.get::<_, i64>(1)? as u64, row.get(2)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Reads the changes that phones reported missing, by area and record. Some may have arrived since.
    pub fn told_missing(&self) -> Result<Vec<MissingRow>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(
                "SELECT area, record, facet, feed, count, device, at FROM missing ORDER BY area, record, facet, feed",
            )?;
            let rows = select.query_map((), |row| {
                Ok(MissingRow {
                    area: AreaNo(row.get(0)?),
                    record: RecordId(row.get(1)?),
                    facet: row.get(2)?,
                    feed: FeedId(row.get(3)?),
                    count: row.get::<_, i64>(4)? as u64,
                    device: DeviceNo(row.get(5)?),
                    at: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
