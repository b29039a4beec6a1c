//! The read log: rows numbered and chained inside the transaction that writes them.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_schema::ids::{AreaNo, DeviceNo, RecordId};
use gridledger_schema::limits;

use crate::cells;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::read_log::{NewRead, ReadKind, ReadQuery, ReadRow};
use crate::store::sql::{Cell, Connection, Optional as _, Row, SqlError, ToCell as _};
use crate::store::tables::chain;

const COLUMNS: &str = "r.no, r.at, r.received_at, r.user, r.device, r.device_n, r.kind, r.subject, r.area, r.fields, \
                       r.reason, r.records, r.share, r.hash";
/// `received_at` never falls, so that the first row from a time on has the lowest number of them.
const FIRST_AT: &str = "SELECT no FROM read_log WHERE received_at >= ?1 ORDER BY received_at, no LIMIT 1";
/// The records that a person saw alone between two times, both ends left out. The count is bounded: a very large number
/// says no more.
const SEEN: &str =
    "SELECT count(*) FROM (SELECT 1 FROM seen_alone WHERE user = ?1 AND at > ?2 AND at < ?3 LIMIT ?4) seen";
const COUNTED: i64 = 20 * limits::BULK_RECORDS as i64;
const DAY_MS: i64 = limits::EXPORT_HOURS * 3_600_000;
const DAMAGED: StoreError = StoreError::Damaged("read_log");

/// The log's last row: its number, when it was learnt of, its hash.
struct Head {
    no: u64,
    received_at: i64,
    hash: [u8; 32],
}

fn head(c: &Connection<'_>) -> Result<Head, StoreError> {
    let mut select =
        c.prepare_cached("SELECT no, received_at, hash FROM read_log ORDER BY no DESC LIMIT 1")?;
    let head = select.query_row((), |row| {
        let (no, received_at, hash) = (row.get::<_, i64>(0)? as u64, row.get(1)?, row.get(2)?);
        Ok(Head { no, received_at, hash })
    });
    let nothing = Head { no: 0, received_at: i64::MIN, hash: [0; 32] };
    Ok(head.optional()?.unwrap_or(nothing))
}

/// Waits until no other transaction appends, at whatever node.
fn take_turn(c: &Connection<'_>) -> Result<(), StoreError> {
    let lock = c.for_update();
    let sql = ["SELECT name FROM turns WHERE name = 'read_log'", lock].concat();
    c.prepare_cached(&sql)?.query_row((), |_| Ok(()))?;
    Ok(())
}

fn append(c: &Connection<'_>, mut read: NewRead, head: &mut Head) -> Result<(), StoreError> {
    // The log keeps its order when the server's clock is set back.
    read.received_at = read.received_at.max(head.received_at);
    let row = ReadRow { no: head.no + 1, hash: chain::hash(&head.hash, head.no + 1, &read), read };
    insert(c, &row)?;
    *head = Head { no: row.no, received_at: row.read.received_at, hash: row.hash };
    Ok(())
}

fn insert(c: &Connection<'_>, row: &ReadRow) -> Result<(), StoreError> {
    let ReadRow { no, read, hash } = row;
    let mut insert = c.prepare_cached(
        "INSERT INTO read_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    insert.execute(cells![
        *no as i64,
        read.at,
        read.received_at,
        read.user,
        read.device.map(|device| device.0),
        read.device_n.map(|n| n as i64),
        read.kind.as_str(),
        read.subject,
        read.area.map(|area| area.0),
        serde_json::json!(read.fields).to_string(),
        read.reason,
        read.records.iter().flat_map(|record| record.0).collect::<Vec<u8>>(),
        read.share.map(|share| share as i64),
        hash,
    ])?;
    let mut index = c.prepare_cached("INSERT INTO read_records VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for record in &read.records {
        index.execute((record.0, *no as i64))?;
    }
    if read.kind.is_alone() {
        count_in(c, read)?;
    }
    Ok(())
}

/// Counts the records that a person saw alone, and drops those too old for any count.
fn count_in(c: &Connection<'_>, read: &NewRead) -> Result<(), StoreError> {
    let mut upsert = c.prepare_cached(
        "INSERT INTO seen_alone (user, record, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (user, record) DO UPDATE SET at = excluded.at WHERE excluded.at > seen_alone.at",
    )?;
    for record in &read.records {
        upsert.execute((&read.user, record.0, seen_at(read)))?;
    }
    let kept = read.received_at.saturating_sub(limits::RIGHTS_GRACE_MS);
    c.prepare_cached("DELETE FROM seen_alone WHERE user = ?1 AND at < ?2")?.execute((&read.user, kept))?;
    Ok(())
}

/// The time at which values were seen: not later than when the server learnt of it, whatever a phone's clock says.
fn seen_at(read: &NewRead) -> i64 {
    read.at.min(read.received_at)
}

/// Counts the records that a person saw alone between two times.
fn seen_between(c: &Connection<'_>, user: &str, (after, before): (i64, i64)) -> Result<usize, StoreError> {
    let count: i64 = c.prepare_cached(SEEN)?.query_row((user, after, before, COUNTED), |row| row.get(0))?;
    Ok(count as usize)
}

/// Finds the records among some that a person has not seen alone between two times, each once; of very many, the first.
fn not_seen(
    c: &Connection<'_>,
    (user, records): (&str, &[RecordId]),
    (after, before): (i64, i64),
) -> Result<BTreeSet<RecordId>, StoreError> {
    let mut select = c.prepare_cached("SELECT at FROM seen_alone WHERE user = ?1 AND record = ?2")?;
    let mut fresh = BTreeSet::new();
    for record in records {
        let at: Option<i64> = select.query_row((user, record.0), |row| row.get(0)).optional()?;
        if !at.is_some_and(|at| after < at && at < before) {
            fresh.insert(*record);
        }
        if fresh.len() > limits::BULK_RECORDS {
            break;
        }
    }
    Ok(fresh)
}

/// The records in a phone's rows beyond those that one person may see alone in a day, by area.
#[derive(Default)]
struct Beyond(BTreeMap<Option<AreaNo>, NewRead>);

impl Beyond {
    /// Checks a row before it is written: the day before it and, for a late row, the day after.
    fn check_row(&mut self, c: &Connection<'_>, read: &NewRead) -> Result<(), StoreError> {
        let at = seen_at(read);
        let day = (at.saturating_sub(DAY_MS), at.saturating_add(DAY_MS));
        let fresh = not_seen(c, (&read.user, &read.records), day)?;
        if fresh.is_empty() {
            return Ok(());
        }
        let count = seen_between(c, &read.user, day)? + fresh.len();
        if count <= limits::BULK_RECORDS {
            return Ok(());
        }
        let over = self.0.entry(read.area).or_insert_with(|| NewRead {
            kind: ReadKind::Over,
            device_n: None,
            fields: Vec::new(),
            reason: String::new(),
            records: Vec::new(),
            ..read.clone()
        });
        over.subject = format!("{count} in a day, alone at most {}", limits::BULK_RECORDS);
        over.records.extend(fresh);
        Ok(())
    }

    fn append(self, c: &Connection<'_>, head: &mut Head) -> Result<(), StoreError> {
        self.0.into_values().try_for_each(|over| append(c, over, head))
    }
}

fn read_row(row: &Row) -> Result<Result<ReadRow, StoreError>, SqlError> {
    let (kind, fields): (String, String) = (row.get(6)?, row.get(9)?);
    let records: Vec<u8> = row.get(11)?;
    let (Some(kind), Ok(fields)) = (ReadKind::parse(&kind), serde_json::from_str(&fields)) else {
        return Ok(Err(DAMAGED));
    };
    let (ids, rest) = records.as_chunks::<16>();
    if !rest.is_empty() {
        return Ok(Err(DAMAGED));
    }
    let number = |column| row.get::<_, Option<i64>>(column).map(|n| n.map(|n| n as u64));
    let read = NewRead {
        at: row.get(1)?,
        received_at: row.get(2)?,
        user: row.get(3)?,
        device: row.get::<_, Option<u32>>(4)?.map(DeviceNo),
        device_n: number(5)?,
        kind,
        subject: row.get(7)?,
        area: row.get::<_, Option<u32>>(8)?.map(AreaNo),
        fields,
        reason: row.get(10)?,
        records: ids.iter().copied().map(RecordId).collect(),
        share: number(12)?,
    };
    Ok(Ok(ReadRow { no: row.get::<_, i64>(0)? as u64, read, hash: row.get(13)? }))
}

/// Appends the rows that a device brought, each once. If a copy of the phone gave a number to another row, both stay.
fn append_of_device(
    c: &Connection<'_>,
    (device, n): (DeviceNo, u64),
    read: NewRead,
    (head, beyond): (&mut Head, &mut Beyond),
) -> Result<(), StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM read_log r WHERE r.device = ?1 AND r.device_n = ?2");
    let mut select = c.prepare_cached(&sql)?;
    for known in select.query_map((device.0, n as i64), read_row)? {
        let known = known??.read;
        if (known.at, &known.records, &known.fields, &known.reason)
            == (read.at, &read.records, &read.fields, &read.reason)
        {
            return Ok(());
        }
    }
    let mut select =
        c.prepare_cached("SELECT max(device_n) FROM read_log WHERE device = ?1 AND device_n IS NOT NULL")?;
    let last: Option<i64> = select.query_row([device.0], |row| row.get(0))?;
    let last = last.unwrap_or(0) as u64;
    if n > last + 1 {
        let missing = NewRead {
            at: read.received_at,
            device_n: None,
            kind: ReadKind::Missing,
            subject: format!("{}-{}", last + 1, n - 1),
            area: None,
            fields: Vec::new(),
            reason: String::new(),
            records: Vec::new(),
            ..read.clone()
        };
        append(c, missing, head)?;
    }
    beyond.check_row(c, &read)?;
    append(c, read, head)
}

/// The first row learnt of at or after a time; one past the end if there is none.
fn first_at(c: &Connection<'_>, time: i64) -> Result<i64, StoreError> {
    let found = c.prepare_cached(FIRST_AT)?.query_row([time], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(i64::MAX))
}

/// The statement that finds a query's rows, and its values. The narrowest condition leads; each has an index.
fn statement(c: &Connection<'_>, query: &ReadQuery) -> Result<(String, Vec<Cell>), StoreError> {
    let from = query.from.map_or(Ok(0), |time| first_at(c, time))?;
    let to = query.to.map_or(Ok(i64::MAX), |time| first_at(c, time))?;
    let after = i64::try_from(query.after).unwrap_or(i64::MAX).max(from.saturating_sub(1));
    let (mut tables, mut no) = ("read_log r", "r.no");
    let (mut conditions, mut values) =
        (Vec::new(), vec![after.cell(), to.cell(), (query.limit as i64).cell()]);
    let mut condition = |column: &str, value: Cell| {
        values.push(value);
        conditions.push(format!(" AND {column} = ?{}", values.len()));
    };
    if let Some(record) = query.record {
        (tables, no) = ("read_records x JOIN read_log r ON r.no = x.no", "x.no");
        condition("x.record", record.0.cell());
    }
    if let Some(user) = &query.user {
        condition("r.user", user.cell());
    }
    if let Some(share) = query.share {
        condition("r.share", (share as i64).cell());
    }
    if let Some(kind) = query.kind {
        condition("r.kind", kind.as_str().cell());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM {tables} WHERE {no} > ?1 AND {no} < ?2{} ORDER BY {no} LIMIT ?3",
        conditions.concat()
    );
    Ok((sql, values))
}

impl Store {
    /// Writes rows, in order; returns after the commit, so that no value leaves before its row is durable. A row that
    /// its device has brought before is not written again; numbers that a device left out are noted first, as a row of
    /// kind [`ReadKind::Missing`]. What phones bring counts too: where it takes a person beyond
    /// [`limits::BULK_RECORDS`](gridledger_schema::limits::BULK_RECORDS), a row of kind [`ReadKind::Over`] says so.
    pub fn log_reads(&self, reads: Vec<NewRead>) -> Result<(), StoreError> {
        self.engine.write_apart(move |c| {
            take_turn(c)?;
            let (mut head, mut beyond) = (head(c)?, Beyond::default());
            for read in reads.iter().cloned() {
                match (read.device, read.device_n) {
                    (Some(device), Some(n)) => {
                        append_of_device(c, (device, n), read, (&mut head, &mut beyond))?;
                    }
                    _ => append(c, read, &mut head)?,
                }
            }
            beyond.append(c, &mut head)
        })
    }

    /// Rows of the log.
    pub fn reads(&self, query: &ReadQuery) -> Result<Vec<ReadRow>, StoreError> {
        self.engine.read(|c| {
            let (sql, values) = statement(c, query)?;
            let mut select = c.prepare_cached(&sql)?;
            let rows = select.query_map(values, read_row)?;
            rows.map(|row| row?).collect()
        })
    }

    /// Writes a row of a kind that is seen alone ([`ReadKind::is_alone`]), unless it has records that are new to the person
    /// and with them he or she would have seen more than `most` alone since `from`, in whatever way; whether it was written.
    pub fn log_within(&self, read: NewRead, most: usize, from: i64) -> Result<bool, StoreError> {
        self.engine.write_apart(move |c| {
            take_turn(c)?;
            let since = (from.saturating_sub(1), i64::MAX);
            let fresh = not_seen(c, (&read.user, &read.records), since)?;
            if !fresh.is_empty() && seen_between(c, &read.user, since)? + fresh.len() > most {
                return Ok(false);
            }
            append(c, read.clone(), &mut head(c)?)?;
            Ok(true)
        })
    }
}

#[cfg(test)]
mod tests;
