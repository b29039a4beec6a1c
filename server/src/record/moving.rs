//! A batch of records on its way to other areas, as one transaction: each is in exactly one area at every moment.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use gridledger_core::digest;
use gridledger_schema::ids::{AreaNo, RecordId};

use crate::store::StoreError;
use crate::store::rows::records::{
    AreaHead, Departure, DocumentRow, EventKind, EventRow, RecordRow, RecordWrite, Source, Stay, Writes,
};

/// Decides the writes that move these records of `from`; those that are no longer there stay where they are.
pub fn batch(
    source: &mut dyn Source,
    from: AreaNo,
    moves: &[(RecordId, AreaNo)],
    now: i64,
) -> Result<Writes, StoreError> {
    let mut heads: BTreeMap<AreaNo, AreaHead> = BTreeMap::new();
    let mut writes = Writes::default();
    for (record, to) in moves {
        let Some((row, documents)) = source.record(*record)? else {
            continue;
        };
        if row.area != from || row.erased || *to == from {
            continue;
        }
        for area in [from, *to] {
            if let Entry::Vacant(slot) = heads.entry(area) {
                let head = source.area_head(area)?;
                slot.insert(head.ok_or(StoreError::Missing(format!("area {area}")))?);
            }
        }
        one(&mut heads, row, &documents, *to, now, &mut writes);
    }
    writes.areas = heads.into_iter().collect();
    Ok(writes)
}

fn one(
    heads: &mut BTreeMap<AreaNo, AreaHead>,
    row: RecordRow,
    documents: &[DocumentRow],
    to: AreaNo,
    now: i64,
    writes: &mut Writes,
) {
    let from = row.area;
    let [mut old, mut new] = [from, to].map(|area| heads.remove(&area).unwrap_or_default());
    let crossing = Crossing::between(&mut old, &mut new);
    for document in documents {
        digest::add(&mut old.digests, document.facet, digest::change(document.term, 0));
        digest::add(&mut new.digests, document.facet, document.term);
    }
    heads.extend([(from, old), (to, new)]);
    let record = row.record;
    crossing.note(record, (from, row.created), to, now, writes);
    let row = RecordRow {
        area: to,
        created: crossing.arrived,
        last: crossing.arrived,
        arrived: crossing.arrived,
        ..row
    };
    writes.records.push(RecordWrite { row, documents: Vec::new(), ledger: Vec::new(), base: None });
}

/// The positions at which a record leaves one log and arrives in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// In the log it leaves.
    pub left: u64,
    /// In the log it comes to.
    pub arrived: u64,
}

impl Crossing {
    /// Takes the next positions. The arrival lies beyond everything in both logs: a record's positions only grow, so that
    /// "the author had seen up to here" means the same before and after.
    pub fn between(old: &mut AreaHead, new: &mut AreaHead) -> Self {
        old.seq += 1;
        new.seq = old.seq.max(new.seq + 1);
        Self { left: old.seq, arrived: new.seq }
    }

    /// Notes the crossing in both logs, and under which short name the record was known before.
    pub fn note(
        self,
        record: RecordId,
        (from, created): (AreaNo, u64),
        to: AreaNo,
        now: i64,
        writes: &mut Writes,
    ) {
        let Self { left, arrived } = self;
        let event = |seq, kind| EventRow { seq, kind, record: Some(record), at: now };
        writes.events.push((from, event(left, EventKind::Left)));
        writes.departures.push((from, Departure { seq: left, record, to }));
        writes.stays.push((record, Stay { area: from, created, until: left }));
        writes.events.push((to, event(arrived, EventKind::Arrived)));
    }
}
