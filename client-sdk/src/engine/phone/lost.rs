//! What a restored server did not give back, as the shadows show it.

use std::collections::BTreeSet;

use gridledger_core::project::{View, project};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::wire::Missing;

use crate::engine::phone::engine::Engine;
use crate::engine::records::documents;
use crate::engine::records::rows::Row;
use crate::engine::records::shadows::{HEALED, HEALING, LOST, TOLD, lacking, of};
use crate::error::ClientError;

/// What the server did not give back of a record.
pub(crate) struct LostRecord {
    pub(crate) row: Row,
    /// The record as it was.
    pub(crate) was: View,
    /// How many changes of others are not there.
    pub(crate) changes: u64,
    pub(crate) missing: Vec<Missing>,
}

impl Engine {
    /// The feeds this phone's key has written.
    pub(crate) fn own_feeds(&self) -> BTreeSet<FeedId> {
        let key = self.public_key();
        (0..=self.me.ordinal).map(|ordinal| FeedId::of_key(&key, ordinal)).collect()
    }

    /// What is lost of records, or of one; `untold`: only what the server does not know of.
    pub(crate) fn lost_records(
        &self,
        of_record: Option<RecordId>,
        untold: bool,
    ) -> Result<Vec<LostRecord>, ClientError> {
        if self.seal.is_dark() {
            return Ok(Vec::new());
        }
        let sql = "SELECT DISTINCT record, area, type FROM shadows WHERE lost IN (1, ?1, ?2) AND (?3 IS NULL OR record = ?3)
                   ORDER BY record";
        let mut select = self.db.prepare_cached(sql)?;
        let (told, healed) = if untold { (LOST, LOST) } else { (TOLD, HEALED) };
        let rows = select.query_map((told, healed, of_record.map(|record| record.0)), |row| {
            let (record, area) = (RecordId(row.get(0)?), AreaNo(row.get(1)?));
            Ok(Row::new(record, &row.get::<_, String>(2)?, area))
        })?;
        let own = self.own_feeds();
        let mut lost = Vec::new();
        for row in rows {
            let row = row?;
            let confirmed = documents::documents(&self.db, row.record, false)?;
            let Some(shadow) = of(&self.db, row.record)?
                .into_iter()
                .rfind(|shadow| shadow.lost >= LOST && shadow.lost != HEALING)
            else {
                continue;
            };
            let mut lacking = lacking(&self.schema, &row, &confirmed, &shadow.facets);
            lacking.retain(|(_, feed, ..)| !own.contains(feed));
            let missing = lacking.iter().map(|(facet, feed, _, should)| Missing {
                record: row.record,
                area: row.area,
                facet: *facet,
                feed: *feed,
                count: *should,
            });
            let missing = missing.collect();
            let record_type = self.schema.record_type(&row.record_type);
            let was = record_type.map(|of| project(of, shadow.facets.values())).unwrap_or_default();
            let changes = lacking.iter().map(|(_, _, changes, _)| changes).sum();
            lost.push(LostRecord { row, was, changes, missing });
        }
        Ok(lost)
    }
}
