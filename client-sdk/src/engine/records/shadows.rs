//! Shadows: what was confirmed before the server was restored. A shadow is shown until the server has given back at
//! least what it held; what it does not give back at all is *lost*, and its holder is told with the values there were.
//! A phone that heals keeps shadows too, and does not show them: what the server does not have is told as lost at once.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_core::canonical;
use gridledger_core::document::Document;
use gridledger_core::recovery::{self, Gap};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::SchemaSet;
use rusqlite::{Connection, OptionalExtension as _};

use crate::engine::records::documents::Facets;
use crate::engine::records::entries::Open;
use crate::engine::records::erased;
use crate::engine::records::rows::Row;
use crate::error::ClientError;
use crate::faults;

/// What stands in a shadow's `lost`: it is shown.
const SHOWN: i64 = 0;

/// The server did not give it back, and does not know of that yet.
pub(crate) const LOST: i64 = 1;

/// … and knows.
pub(crate) const TOLD: i64 = 2;

/// The phone healed, and what its server holds has not all come yet.
pub(crate) const HEALING: i64 = 3;

/// The phone healed, and its server does not have all of this. It may have been set back, and nobody has said so yet.
pub(crate) const HEALED: i64 = 4;

/// SQL: the holder of the shadow is told of it.
pub(crate) const IS_TOLD: &str = "lost IN (1, 2, 4)";

/// SQL: whether the server gives the shadow back is not settled yet.
pub(crate) const IS_OPEN: &str = "lost IN (0, 3, 4)";

/// What a record was in one former generation.
pub(crate) struct Shadow {
    /// Which time of being moved here it was.
    pub(crate) no: i64,
    pub(crate) lost: i64,
    pub(crate) facets: Facets,
}

/// Moves everything confirmed into shadows that are shown.
pub(crate) fn cast(c: &Connection) -> Result<(), ClientError> {
    cast_of(c, None, SHOWN)
}

/// Keeps what is confirmed of an area as shadows that are not shown: the phone is about to fetch the area afresh.
pub(crate) fn keep_healing(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    cast_of(c, Some(area), HEALING)
}

fn cast_of(c: &Connection, area: Option<AreaNo>, lost: i64) -> Result<(), ClientError> {
    // A number of its own tells this time from others.
    let no = "SELECT coalesce(max(no), 0) + 1 FROM shadows";
    let no: i64 = c.query_row(no, [], |row| row.get(0))?;
    c.execute(
        "INSERT INTO shadows (record, facet, no, document, clock, held, area, type, lost)
         SELECT d.record, d.facet, ?1, d.confirmed, d.confirmed_clock, max(r.held, coalesce(a.floor, 0)), r.area, r.type, ?3
         FROM documents d JOIN records r ON r.record = d.record LEFT JOIN areas a ON a.area = r.area
         WHERE d.confirmed IS NOT NULL AND (?2 IS NULL OR r.area = ?2)",
        (no, area.map(|area| area.0), lost),
    )?;
    Ok(())
}

/// The record's shadows, the earliest first.
pub(crate) fn of(c: &Connection, record: RecordId) -> Result<Vec<Shadow>, ClientError> {
    let sql = "SELECT no, lost, facet, unseal(document, record, facet) FROM shadows WHERE record = ?1 ORDER BY no, facet";
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([record.0])?;
    let mut found: Vec<Shadow> = Vec::new();
    while let Some(row) = rows.next()? {
        let (no, lost, facet) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let document = Document::load(&row.get::<_, Vec<u8>>(3)?)
            .map_err(|e| ClientError::NotAStore(format!("a document is damaged: {e}")))?;
        if found.last().is_none_or(|last| last.no != no) {
            let facets = Facets::new();
            found.push(Shadow { no, lost, facets });
        }
        if let Some(last) = found.last_mut() {
            last.facets.insert(facet, document);
        }
    }
    Ok(found)
}

/// The changes in `wanted` that `held` lacks: (facet, feed, how many are lacking, how many there should be).
pub(crate) fn lacking(
    schema: &SchemaSet,
    row: &Row,
    held: &Facets,
    wanted: &Facets,
) -> Vec<(u8, FeedId, u64, u64)> {
    let record_type = schema.record_type(&row.record_type);
    let mut lacking = Vec::new();
    for (facet, document) in wanted {
        let here = held.get(facet).map(Document::clock).unwrap_or_default();
        let genesis = recovery::list_genesis_feeds(record_type, row.record, *facet);
        for Gap { feed, held: has, wanted: should } in recovery::list_gaps(&here, &document.clock()) {
            if !genesis.contains(&feed) {
                lacking.push((*facet, feed, should - has, should));
            }
        }
    }
    lacking
}

/// Lets go of the shadows of which `confirmed` holds everything; what is to be shown in the place of `confirmed`, if a
/// shadow is left.
pub(crate) fn standing(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    confirmed: &Facets,
) -> Result<Option<Facets>, ClientError> {
    let mut standing = None;
    for shadow in of(c, row.record)? {
        let early = faults::is_planted("shadow_dropped_early") && !confirmed.is_empty();
        if early || lacking(schema, row, confirmed, &shadow.facets).is_empty() {
            c.prepare_cached("DELETE FROM shadows WHERE record = ?1 AND no = ?2")?
                .execute((row.record.0, shadow.no))?;
        } else if shadow.lost == SHOWN && standing.is_none() {
            standing = Some(shadow.facets);
        }
    }
    Ok(standing.map(|mut shown: Facets| {
        for (facet, document) in confirmed {
            shown.entry(*facet).or_insert_with(|| document.clone());
        }
        shown
    }))
}

/// Of the record's own entries those that `shown` holds: (feed, number, facet).
fn held_of_own(
    c: &Connection,
    record: RecordId,
    shown: &Facets,
) -> Result<BTreeSet<(FeedId, u64, u8)>, ClientError> {
    let mut left: BTreeMap<(u8, FeedId), u64> = BTreeMap::new();
    for (facet, document) in shown {
        let clock = document.clock().into_iter();
        left.extend(clock.map(|(feed, changes)| ((*facet, feed), changes)));
    }
    let sql = "SELECT feed, unseal(body, record, 65), facets FROM entries WHERE record = ?1 AND state NOT IN (3, 4) ORDER BY n";
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([record.0])?;
    let mut held = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let feed = FeedId(row.get(0)?);
        let entry = canonical::decode(&row.get::<_, Vec<u8>>(1)?)
            .map_err(|e| ClientError::NotAStore(e.to_string()))?;
        let touched = erased::facets_of(&entry, row.get(2)?);
        for facet in (0..64u8).filter(|facet| touched & (1 << facet) != 0) {
            if let Some(changes @ 1..) = left.get_mut(&(facet, feed)) {
                *changes -= 1;
                held.insert((feed, entry.n, facet));
            }
        }
    }
    Ok(held)
}

/// Leaves out of open entries what `shown` holds already.
pub(crate) fn without_held(
    c: &Connection,
    record: RecordId,
    shown: &Facets,
    open: &mut [Open],
) -> Result<(), ClientError> {
    let held = held_of_own(c, record, shown)?;
    for Open { entry, feed, .. } in open {
        let n = entry.n;
        entry.intents.retain(|intent| !held.contains(&(*feed, n, intent.facet)));
    }
    Ok(())
}

/// The position of the former generation up to which a record that is shown from a shadow was held.
pub(crate) fn held_position(c: &Connection, record: RecordId) -> Result<Option<u64>, ClientError> {
    let sql = "SELECT held FROM shadows WHERE record = ?1 AND lost = 0 ORDER BY no LIMIT 1";
    let mut select = c.prepare_cached(sql)?;
    let held = select.query_row([record.0], |row| row.get::<_, i64>(0)).optional()?;
    Ok(held.map(|held| held as u64))
}

/// Takes the shadows of records away that a query finds: they may not be read any more, or are erased.
pub(crate) fn forget(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    c.prepare_cached("DELETE FROM shadows WHERE record = ?1")?.execute([record.0])?;
    Ok(())
}

/// Takes an area's shadows of records away that are not here any more: the area may not be read any more.
pub(crate) fn forget_of(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    let sql = "DELETE FROM shadows WHERE area = ?1 AND NOT EXISTS (SELECT 1 FROM records r WHERE r.record = shadows.record)";
    c.prepare_cached(sql)?.execute([area.0])?;
    Ok(())
}
