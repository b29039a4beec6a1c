//! Reads rows that several files need: records, documents, heads, log lines, refusals.

use gridledger_core::clock;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{AreaNo, EntryHash, FeedId, RecordId};

use crate::store::StoreError;
use crate::store::rows::records::{AreaHead, Before, DocumentRow, LogRow, RecordRow};
use crate::store::sql::{Connection, Optional as _, Row, SqlError};

/// A record's columns, in the order [`read_record`] reads them.
pub(super) const RECORD_COLUMNS: &str =
    "r.record, r.area, r.type, r.epoch, r.created, r.last, r.entries, r.entry_bytes,
    r.created_by, r.created_at, r.changed_by, r.changed_at, r.began, r.arrived, r.erased,
    r.before_entries, r.before_bytes, r.base_bytes, r.rules, r.due_at";

/// Reads a record from the columns of [`RECORD_COLUMNS`], starting at the first.
pub(super) fn read_record(row: &Row) -> Result<RecordRow, SqlError> {
    let number = |column| row.get::<_, i64>(column).map(|n| n as u64);
    Ok(RecordRow {
        record: RecordId(row.get(0)?),
        area: AreaNo(row.get(1)?),
        record_type: row.get(2)?,
        epoch: row.get(3)?,
        created: number(4)?,
        last: number(5)?,
        entries: number(6)?,
        entry_bytes: number(7)?,
        created_by: row.get(8)?,
        created_at: row.get(9)?,
        changed_by: row.get(10)?,
        changed_at: row.get(11)?,
        began: number(12)?,
        arrived: number(13)?,
        erased: row.get(14)?,
        before: Before { entries: number(15)?, entry_bytes: number(16)?, base_bytes: number(17)? },
        rules: row.get(18)?,
        due_at: row.get(19)?,
    })
}

pub(super) fn record_row(c: &Connection<'_>, record: RecordId) -> Result<Option<RecordRow>, StoreError> {
    let mut select =
        c.prepare_cached(&format!("SELECT {RECORD_COLUMNS} FROM records r WHERE record = ?1"))?;
    Ok(select.query_row([record.0], read_record).optional()?)
}

pub(super) fn documents_of(c: &Connection<'_>, record: RecordId) -> Result<Vec<DocumentRow>, StoreError> {
    let mut select =
        c.prepare_cached("SELECT facet, bytes, term FROM documents WHERE record = ?1 ORDER BY facet")?;
    let rows = select.query_map([record.0], |row| {
        let term = u128::from_be_bytes(row.get(2)?);
        Ok(DocumentRow { facet: row.get(0)?, bytes: row.get(1)?, term })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn feed_head(c: &Connection<'_>, feed: FeedId) -> Result<(u64, EntryHash), StoreError> {
    let mut select = c.prepare_cached("SELECT n, hash FROM feeds WHERE feed = ?1")?;
    let found =
        select.query_row([feed.0], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Vec<u8>>(1)?)));
    match found.optional()? {
        None => Ok((0, EntryHash::ZERO)),
        Some((n, hash)) => Ok((n, entry_hash(hash)?)),
    }
}

pub(super) fn area_head(c: &Connection<'_>, area: AreaNo) -> Result<Option<AreaHead>, StoreError> {
    let mut select = c.prepare_cached("SELECT head, digests FROM areas WHERE area = ?1")?;
    let found =
        select.query_row([area.0], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Vec<u8>>(1)?)));
    let Some((seq, digests)) = found.optional()? else {
        return Ok(None);
    };
    // One byte of facet and 16 of digest each.
    let digests = digests
        .chunks_exact(17)
        .map(|d| (d[0], u128::from_be_bytes(d[1..].try_into().expect("BUG: 16 of 17 bytes"))))
        .collect();
    Ok(Some(AreaHead { seq, digests, mark: 0 }))
}

pub(super) fn entry_hash(bytes: Vec<u8>) -> Result<EntryHash, StoreError> {
    bytes.try_into().map(EntryHash).map_err(|_| StoreError::Damaged("entry hash"))
}

pub(super) fn read_refusal(text: &str) -> Refusal {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let code = value["code"].as_str().and_then(Code::parse).unwrap_or(Code::Internal);
    let rule = value["rule"].as_str().unwrap_or_default().to_owned();
    Refusal { code, rule, field: value["field"].as_str().map(str::to_owned) }
}

/// Reads a log line from columns seq, record, feed, n, facets, seen, starting at column `at`.
pub(super) fn read_line(row: &Row, at: usize) -> Result<LogRow, SqlError> {
    Ok(LogRow {
        seq: row.get::<_, i64>(at)? as u64,
        record: RecordId(row.get(at + 1)?),
        feed: FeedId(row.get(at + 2)?),
        n: row.get::<_, i64>(at + 3)? as u64,
        facets: row.get::<_, i64>(at + 4)? as u64,
        seen: row.get::<_, Option<Vec<u8>>>(at + 5)?.map(|packed| clock::list_items(&packed).collect()),
    })
}
