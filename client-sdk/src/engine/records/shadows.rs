//! Shadows: documents that were confirmed before the server was restored.
//!
//! A phone shows a shadow until the server has given back at least what the shadow holds. Content that the server does not
//! give back is *lost*: the phone tells its user, with the values there were. A phone that heals keeps shadows, too, but does
//! not show them: content that the server does not have is lost at once.

use gridledger_core::document::Document;
use gridledger_core::recovery::{self, Gap};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::SchemaSet;
use rusqlite::{Connection, OptionalExtension as _};

use crate::engine::records::documents::{self, Facets};
use crate::engine::records::rows::Row;
use crate::error::ClientError;
use crate::faults;

/// The state of a shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The phone shows it.
    Shown,
    /// The server did not give it back, and does not know that yet.
    Lost,
    /// The server did not give it back, and knows.
    Told,
    /// The phone heals, and not everything has come yet that the server holds.
    Healing,
    /// The phone healed, and the server does not have all of it. The server may have been set back without saying so yet.
    Healed,
}

/// The number of [`Fate::Shown`], for the insertion of an entry.
pub(crate) const SHOWN: i64 = Fate::Shown.number();

/// The fates that the phone shows its user as lost.
pub(crate) const LOST_HERE: [Fate; 3] = [Fate::Lost, Fate::Told, Fate::Healed];
/// The fates of which the server does not know that the content is missing.
pub(crate) const UNTOLD: [Fate; 1] = [Fate::Lost];
/// The fates that leave open whether the server gives the content back.
pub(crate) const UNSETTLED: [Fate; 3] = [Fate::Shown, Fate::Healing, Fate::Healed];

impl Fate {
    const fn number(self) -> i64 {
        match self {
            Self::Shown => 0,
            Self::Lost => 1,
            Self::Told => 2,
            Self::Healing => 3,
            Self::Healed => 4,
        }
    }

    fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Shown,
            1 => Self::Lost,
            2 => Self::Told,
            3 => Self::Healing,
            _ => Self::Healed,
        }
    }
}

/// SQL: the shadow has one of these fates.
fn has_fate(fates: &[Fate]) -> String {
    let numbers: Vec<String> = fates.iter().map(|fate| fate.number().to_string()).collect();
    format!("lost IN ({})", numbers.join(", "))
}

/// A record as it was before one restore.
pub(crate) struct Shadow {
    /// The number of the restore, or of the healing.
    no: i64,
    pub(crate) fate: Fate,
    pub(crate) facets: Facets,
}

/// Changes of one feed that a document lacks.
pub(crate) struct Lacking {
    pub(crate) facet: u8,
    pub(crate) feed: FeedId,
    /// How many changes are lacking.
    pub(crate) changes: u64,
    /// How many changes of the feed there should be.
    pub(crate) count: u64,
}

/// Keeps everything that is confirmed as shadows that are shown.
pub(crate) fn cast(c: &Connection) -> Result<(), ClientError> {
    cast_as(c, None, Fate::Shown)
}

/// Keeps what is confirmed of an area as shadows that are not shown: the phone is about to fetch the area afresh.
pub(crate) fn keep_healing(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    cast_as(c, Some(area), Fate::Healing)
}

fn cast_as(c: &Connection, area: Option<AreaNo>, fate: Fate) -> Result<(), ClientError> {
    // The number tells these shadows from those of other times.
    let no = "SELECT coalesce(max(no), 0) + 1 FROM shadows";
    let no: i64 = c.query_row(no, [], |row| row.get(0))?;
    c.execute(
        "INSERT INTO shadows (record, facet, no, document, clock, held, area, type, lost)
         SELECT d.record, d.facet, ?1, d.confirmed, d.confirmed_clock, max(r.held, coalesce(a.floor, 0)), r.area, r.type, ?3
         FROM documents d JOIN records r ON r.record = d.record LEFT JOIN areas a ON a.area = r.area
         WHERE d.confirmed IS NOT NULL AND (?2 IS NULL OR r.area = ?2)",
        (no, area.map(|area| area.0), fate.number()),
    )?;
    Ok(())
}

/// Reads a record's shadows, the earliest first.
pub(crate) fn read(c: &Connection, record: RecordId) -> Result<Vec<Shadow>, ClientError> {
    let sql = "SELECT no, lost, facet, unseal_document(document, record, facet) FROM shadows
               WHERE record = ?1 ORDER BY no, facet";
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([record.0])?;
    let mut found: Vec<Shadow> = Vec::new();
    while let Some(row) = rows.next()? {
        let (no, fate, facet) = (row.get(0)?, Fate::from_number(row.get(1)?), row.get(2)?);
        let document = documents::load(&row.get::<_, Vec<u8>>(3)?)?;
        if found.last().is_none_or(|last| last.no != no) {
            found.push(Shadow { no, fate, facets: Facets::new() });
        }
        if let Some(last) = found.last_mut() {
            last.facets.insert(facet, document);
        }
    }
    Ok(found)
}

/// Lists the records that have shadows of these fates; with `record` only that one, with `area` only those of the area. A
/// record's row is as it was when the shadow was cast.
pub(crate) fn list_records(
    c: &Connection,
    fates: &[Fate],
    record: Option<RecordId>,
    area: Option<AreaNo>,
) -> Result<Vec<Row>, ClientError> {
    let sql = format!(
        "SELECT DISTINCT record, area, type FROM shadows WHERE {} AND (?1 IS NULL OR record = ?1)
         AND (?2 IS NULL OR area = ?2) ORDER BY record",
        has_fate(fates)
    );
    let mut select = c.prepare_cached(&sql)?;
    let rows = select.query_map((record.map(|record| record.0), area.map(|area| area.0)), |row| {
        Ok(Row::new(RecordId(row.get(0)?), &row.get::<_, String>(2)?, AreaNo(row.get(1)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Counts the records that the phone shows its user as lost.
pub(crate) fn count_lost(c: &Connection) -> Result<u64, ClientError> {
    let sql = format!("SELECT count(DISTINCT record) FROM shadows WHERE {}", has_fate(&LOST_HERE));
    Ok(c.query_row(&sql, [], |row| row.get::<_, i64>(0))? as u64)
}

/// Finds the changes in `wanted` that `held` lacks. Changes that nobody made, as those of a genesis, do not count.
pub(crate) fn find_lacking(schema: &SchemaSet, row: &Row, held: &Facets, wanted: &Facets) -> Vec<Lacking> {
    let record_type = schema.record_type(&row.record_type);
    let mut lacking = Vec::new();
    for (facet, document) in wanted {
        let here = held.get(facet).map(Document::clock).unwrap_or_default();
        let genesis = recovery::list_genesis_feeds(record_type, row.record, *facet);
        for Gap { feed, held: has, wanted: should } in recovery::list_gaps(&here, &document.clock()) {
            if !genesis.contains(&feed) {
                lacking.push(Lacking { facet: *facet, feed, changes: should - has, count: should });
            }
        }
    }
    lacking
}

/// Removes the shadows of which `confirmed` holds everything. If one is left that is shown, what is to be shown in the
/// place of `confirmed`.
pub(crate) fn settle(
    c: &Connection,
    schema: &SchemaSet,
    row: &Row,
    confirmed: &Facets,
) -> Result<Option<Facets>, ClientError> {
    let mut standing = None;
    for shadow in read(c, row.record)? {
        let early = faults::is_planted("shadow_dropped_early") && !confirmed.is_empty();
        if early || find_lacking(schema, row, confirmed, &shadow.facets).is_empty() {
            remove(c, row.record, &shadow)?;
        } else if shadow.fate == Fate::Shown && standing.is_none() {
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

/// The log position of the former generation up to which a record was held that is shown from a shadow.
pub(crate) fn find_held_position(c: &Connection, record: RecordId) -> Result<Option<u64>, ClientError> {
    let sql = "SELECT held FROM shadows WHERE record = ?1 AND lost = ?2 ORDER BY no LIMIT 1";
    let mut select = c.prepare_cached(sql)?;
    let held = select.query_row((record.0, SHOWN), |row| row.get::<_, i64>(0)).optional()?;
    Ok(held.map(|held| held as u64))
}

/// Gives a shadow another fate.
pub(crate) fn set_fate(
    c: &Connection,
    record: RecordId,
    shadow: &Shadow,
    fate: Fate,
) -> Result<(), ClientError> {
    let sql = "UPDATE shadows SET lost = ?3 WHERE record = ?1 AND no = ?2";
    c.prepare_cached(sql)?.execute((record.0, shadow.no, fate.number()))?;
    Ok(())
}

/// Marks what is lost of a record as told: the server knows.
pub(crate) fn mark_told(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "UPDATE shadows SET lost = ?2 WHERE record = ?1 AND lost = ?3";
    c.prepare_cached(sql)?.execute((record.0, Fate::Told.number(), Fate::Lost.number()))?;
    Ok(())
}

/// Removes one shadow.
pub(crate) fn remove(c: &Connection, record: RecordId, shadow: &Shadow) -> Result<(), ClientError> {
    let sql = "DELETE FROM shadows WHERE record = ?1 AND no = ?2";
    c.prepare_cached(sql)?.execute((record.0, shadow.no))?;
    Ok(())
}

/// Removes a record's shadows that its holder was shown as lost; whether there were any.
pub(crate) fn remove_lost(c: &Connection, record: RecordId) -> Result<bool, ClientError> {
    let sql = format!("DELETE FROM shadows WHERE record = ?1 AND {}", has_fate(&LOST_HERE));
    Ok(c.execute(&sql, [record.0]).map_err(ClientError::of_store)? > 0)
}

/// Removes all of a record's shadows: the record is erased or may not be read any more.
pub(crate) fn remove_all(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    c.prepare_cached("DELETE FROM shadows WHERE record = ?1")?.execute([record.0])?;
    Ok(())
}

/// Removes an area's shadows of records that are not here: the area may not be read any more.
pub(crate) fn remove_rest(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    let sql = "DELETE FROM shadows
               WHERE area = ?1 AND NOT EXISTS (SELECT 1 FROM records r WHERE r.record = shadows.record)";
    c.prepare_cached(sql)?.execute([area.0])?;
    Ok(())
}

/// Removes an area's shadows of one facet: the facet may not be read any more.
pub(crate) fn remove_facet(c: &Connection, area: AreaNo, facet: u8) -> Result<(), ClientError> {
    c.execute("DELETE FROM shadows WHERE area = ?1 AND facet = ?2", (area.0, facet))?;
    Ok(())
}
