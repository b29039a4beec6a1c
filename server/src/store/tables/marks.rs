//! Marks: a number for each position at which an area's log stood after a commit, made of what the area held then. A phone shows the
//! mark with which it was told of the log's end: a store that was set back, and whose log went on, has another one there, or none.

use crate::store::tables::read;
use gridledger_schema::ids::AreaNo;
use sha2::{Digest as _, Sha256};

use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::marks::AreaHead;
use crate::store::sql::{Connection, Optional as _};

/// Marks kept of an area. With two hundred commits a day in it they reach back fifty days; a phone that was away for longer is
/// compared by its receipts and digests alone.
const KEPT: i64 = 10_000;

/// Marks the log's last position. A marked position keeps its mark.
pub(super) fn write_mark(c: &Connection<'_>, area: AreaNo, head: &AreaHead) -> Result<(), StoreError> {
    let mut insert = c.prepare_cached("INSERT INTO marks VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
    insert.execute((area.0, head.seq as i64, i64::from(mark(head))))?;
    Ok(())
}

/// Marks the last position of an area's log as it stands in this transaction.
pub(super) fn put_head(c: &Connection<'_>, area: AreaNo) -> Result<(), StoreError> {
    let head = read::area_head(c, area)?.ok_or(StoreError::Damaged("areas"))?;
    write_mark(c, area, &head)
}

/// Fourteen bits of SHA-256 over the position and the area's digests: logs that differ in what they hold have other marks. 0 says
/// that there is none.
fn mark(head: &AreaHead) -> u16 {
    let mut hash = Sha256::new_with_prefix(head.seq.to_be_bytes());
    for (facet, digest) in &head.digests {
        hash.update([*facet]);
        hash.update(digest.to_be_bytes());
    }
    let hash = hash.finalize();
    (u16::from_be_bytes([hash[0], hash[1]]) & 0x3fff).max(1)
}

/// The mark of a position; 0 for none.
pub(super) fn read_mark(c: &Connection<'_>, area: AreaNo, seq: u64) -> Result<u16, StoreError> {
    let mut select = c.prepare_cached("SELECT mark FROM marks WHERE area = ?1 AND seq = ?2")?;
    let mark = select.query_row((area.0, seq as i64), |row| row.get::<_, i64>(0));
    Ok(mark.optional()?.map_or(0, |mark| mark as u16))
}

/// Whether the area's log stood at a position with this mark, or may have: below the oldest mark that is kept nothing is known.
fn is_marked(c: &Connection<'_>, area: AreaNo, seq: u64, mark: u16) -> Result<bool, StoreError> {
    let here = read_mark(c, area, seq)?;
    if here != 0 {
        return Ok(here == mark);
    }
    let mut select = c.prepare_cached("SELECT EXISTS (SELECT 1 FROM marks WHERE area = ?1 AND seq < ?2)")?;
    let is_known = select.query_row((area.0, seq as i64), |row| row.get::<_, bool>(0))?;
    Ok(!is_known)
}

/// Deletes all but the latest marks of an area, and returns how many.
fn thin(c: &Connection<'_>, area: AreaNo) -> Result<u64, StoreError> {
    let sql = "SELECT seq FROM marks WHERE area = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2";
    let oldest = c.prepare_cached(sql)?.query_row((area.0, KEPT - 1), |row| row.get::<_, i64>(0));
    let Some(oldest) = oldest.optional()? else {
        return Ok(0);
    };
    let mut delete = c.prepare_cached("DELETE FROM marks WHERE area = ?1 AND seq < ?2")?;
    Ok(delete.execute((area.0, oldest))? as u64)
}

impl Store {
    /// Whether each of these positions is one at which its area's log stood with that mark. Positions too old for marks count.
    pub fn are_marked(&self, marked: &[(AreaNo, u64, u16)]) -> Result<bool, StoreError> {
        self.engine.read(|c| {
            for (area, seq, mark) in marked {
                if !is_marked(c, *area, *seq, *mark)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Deletes all but the latest marks of an area, and returns how many.
    pub fn thin_marks(&self, area: AreaNo) -> Result<u64, StoreError> {
        self.engine.write_alone(move |c| thin(c, area))
    }
}
