//! Makes an area's digests again from its documents.

use crate::store::tables::read;
use gridledger_core::digest::{self, Digests};
use gridledger_core::document::Document;
use gridledger_schema::ids::{AreaNo, RecordId};

use super::pushes;
use super::row_locks::Locked;
use crate::store::StoreError;
use crate::store::rows::audit::Repaired;
use crate::store::sql::{Connection, Row, SqlError};

/// A document's part of its area's digest, as it is kept and as it should be.
struct Term {
    record: RecordId,
    facet: u8,
    kept: u128,
    right: Option<u128>,
}

impl Term {
    fn read(row: &Row) -> Result<Self, SqlError> {
        let (record, facet) = (RecordId(row.get(0)?), row.get(1)?);
        let document = Document::load(&row.get::<_, Vec<u8>>(3)?).ok();
        let epoch = row.get(4)?;
        let right = document.map(|document| digest::term(record, facet, epoch, &document.heads()));
        Ok(Self { record, facet, kept: u128::from_be_bytes(row.get(2)?), right })
    }
}

/// Sums the terms of the area's documents, and writes the sum where another one is kept.
pub(super) fn digests(c: &Connection<'_>, area: AreaNo) -> Result<Repaired, StoreError> {
    let locked = Locked::everything(c)?;
    let mut repaired = Repaired::default();
    let mut sums = Digests::new();
    for term in terms(c, area)? {
        let right = term.right.ok_or(StoreError::Damaged("documents"))?;
        digest::add(&mut sums, term.facet, right);
        if right != term.kept {
            repaired.terms += 1;
            let mut update =
                c.prepare_cached("UPDATE documents SET term = ?3 WHERE record = ?1 AND facet = ?2")?;
            update.execute((term.record.0, term.facet, right.to_be_bytes()))?;
        }
    }
    let mut head = read::area_head(c, area)?.ok_or(StoreError::Damaged("areas"))?;
    repaired.digests = digest::list_differing(&head.digests, &sums).len() as u64;
    if repaired.digests > 0 {
        sums.sort_unstable();
        head.digests = sums;
        pushes::write_head(c, &locked, area, &head)?;
    }
    Ok(repaired)
}

fn terms(c: &Connection<'_>, area: AreaNo) -> Result<Vec<Term>, StoreError> {
    let mut select = c.prepare_cached(
        "SELECT d.record, d.facet, d.term, d.bytes, r.epoch FROM records r JOIN documents d ON d.record = r.record
         WHERE r.area = ?1",
    )?;
    let mut found = Vec::new();
    // One document at a time is in memory.
    select.visit([area.0], |row| -> Result<bool, SqlError> {
        found.push(Term::read(row)?);
        Ok(true)
    })?;
    Ok(found)
}
