//! The rows that nodes share. Counters and given positions are a memory of all nodes: no commit of it waits for a disk,
//! and after a crash of the database it is empty.

use std::sync::Arc;

use gridledger_schema::ids::{AreaNo, DeviceNo, RecordId};
use gridledger_schema::wire::AreaInfo;

use super::people;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::nodes::{Bounds, Sent};
use crate::store::shared::heads::read_territory_version;
use crate::store::sql::wake_ups::{WakeUp, WakeUps};
use crate::store::sql::{Connection, Optional as _};

/// Notes in a transaction that the territory changes with it.
pub(super) fn territory_changes(c: &Connection<'_>) -> Result<(), StoreError> {
    c.execute("UPDATE territory SET version = version + 1", ())?;
    c.note_wake_up(WakeUp::Territory);
    Ok(())
}

/// Takes a counter that is higher than the one taken last and returns 0, or returns the one taken last.
fn advance(c: &Connection<'_>, device: DeviceNo, counter: i64, now: i64) -> Result<u64, StoreError> {
    let mut upsert = c.prepare_cached(
        "INSERT INTO counters (device, counter, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (device) DO UPDATE SET counter = ?2, at = ?3 WHERE counters.counter < ?2",
    )?;
    if upsert.execute((device.0, counter, now))? == 1 {
        return Ok(0);
    }
    let mut select = c.prepare_cached("SELECT counter FROM counters WHERE device = ?1")?;
    let used = select.query_row([device.0], |row| row.get::<_, i64>(0)).optional()?;
    Ok(used.unwrap_or(0) as u64)
}

fn given(c: &Connection<'_>, device: DeviceNo) -> Result<Bounds, StoreError> {
    let mut select = c.prepare_cached("SELECT area, seq FROM given WHERE device = ?1")?;
    let rows = select.query_map([device.0], |row| Ok((AreaNo(row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An unknown device may have been given as much as there is.
const GIVE: &str = "
INSERT INTO given (device, area, seq)
  SELECT CAST(?1 AS BIGINT), area, greatest(head, CAST(?3 AS BIGINT)) FROM areas WHERE area = ?2
ON CONFLICT (device, area) DO UPDATE SET seq = greatest(given.seq, ?3)";

/// The positions at which a device was sent some records.
fn sent(c: &Connection<'_>, device: DeviceNo, records: &[RecordId]) -> Result<Sent, StoreError> {
    let mut select = c.prepare_cached("SELECT seq FROM sent WHERE device = ?1 AND record = ?2")?;
    let mut found = Sent::new();
    for record in records {
        let seq = select.query_row((device.0, record.0), |row| row.get::<_, i64>(0));
        found.extend(seq.optional()?.map(|seq| (*record, seq as u64)));
    }
    Ok(found)
}

impl Store {
    /// Whether other processes may serve this store at the same time.
    pub fn is_shared(&self) -> bool {
        self.engine.is_shared()
    }

    /// Bytes left for the store's file; `None` where there is none, or it cannot be known.
    pub fn free_bytes(&self) -> Option<u64> {
        self.engine.free_bytes()
    }

    /// The wake-ups for requests that wait for news.
    pub fn wake_ups(&self) -> &Arc<WakeUps> {
        self.engine.wake_ups()
    }

    /// The version of the territory: it changes whenever the territory does.
    pub fn territory_version(&self) -> Result<u64, StoreError> {
        self.engine.read(read_territory_version)
    }

    /// The territory and its number, read at one moment.
    pub fn territory(&self) -> Result<(u64, Vec<AreaInfo>), StoreError> {
        self.engine.read(|c| Ok((read_territory_version(c)?, people::all_areas(c)?)))
    }

    /// Takes a request counter of a device at `now` (ms) if it is higher than any taken, and returns 0; else it returns the highest taken.
    pub fn advance_counter(&self, device: DeviceNo, counter: u64, now: i64) -> Result<u64, StoreError> {
        let counter = i64::try_from(counter).unwrap_or(i64::MAX);
        self.engine.write_unsynced(move |c| advance(c, device, counter, now))
    }

    /// The most a device can hold of each area's log that it was given of, and of the logs of these areas: of an area met for
    /// the first time, as much as there is.
    pub fn meet(&self, device: DeviceNo, areas: &[AreaNo]) -> Result<Bounds, StoreError> {
        let known = self.engine.read(|c| given(c, device))?;
        let missing = areas.iter().copied().filter(|area| !known.contains_key(area));
        let missing: Vec<AreaNo> = missing.collect();
        if missing.is_empty() {
            return Ok(known);
        }
        self.engine.write_unsynced(move |c| {
            for area in &missing {
                c.prepare_cached(GIVE)?.execute((device.0, area.0, 0_i64))?;
            }
            given(c, device)
        })
    }

    /// The positions at which a device was sent these records by themselves, of those that are known.
    pub fn sent(&self, device: DeviceNo, records: &[RecordId]) -> Result<Sent, StoreError> {
        self.engine.read(|c| sent(c, device, records))
    }

    /// Notes that a device is being sent records by themselves.
    pub fn send(&self, device: DeviceNo, records: &Sent) -> Result<(), StoreError> {
        let records = records.clone();
        self.engine.write_unsynced(move |c| {
            let mut upsert = c.prepare_cached(
                "INSERT INTO sent (device, record, seq) VALUES (?1, ?2, ?3)
                 ON CONFLICT (device, record) DO UPDATE SET seq = greatest(sent.seq, ?3)",
            )?;
            for (record, seq) in &records {
                upsert.execute((device.0, record.0, *seq as i64))?;
            }
            Ok(())
        })
    }

    /// Notes that a device is being given an area's log up to `seq`.
    pub fn give(&self, device: DeviceNo, area: AreaNo, seq: u64) -> Result<(), StoreError> {
        self.engine.write_unsynced(move |c| {
            c.prepare_cached(GIVE)?.execute((device.0, area.0, seq as i64))?;
            Ok(())
        })
    }
}
