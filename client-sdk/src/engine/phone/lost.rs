//! Content that a restored server did not give back, as the shadows have it.

use gridledger_core::project::{View, project};
use gridledger_schema::ids::RecordId;
use gridledger_schema::wire::Missing;

use crate::engine::phone::engine::Engine;
use crate::engine::records::rows::Row;
use crate::engine::records::shadows::{self, Fate, LOST_HERE};
use crate::engine::records::{documents, shadows::find_lacking};
use crate::error::ClientError;

/// A record of which a restored server did not give everything back.
pub(crate) struct LostRecord {
    pub(crate) row: Row,
    /// The record as it was.
    pub(crate) was: View,
    /// How many changes of others are missing.
    pub(crate) changes: u64,
    /// The missing changes, as the server is told them.
    pub(crate) missing: Vec<Missing>,
}

impl Engine {
    /// Lists what is lost, of one record or of all, with shadows of these fates. Nothing in the dark.
    pub(crate) fn list_lost(
        &self,
        record: Option<RecordId>,
        fates: &[Fate],
    ) -> Result<Vec<LostRecord>, ClientError> {
        if self.seal.is_dark() {
            return Ok(Vec::new());
        }
        let own = self.own_feeds();
        let mut lost = Vec::new();
        for row in shadows::list_records(&self.db, fates, record, None)? {
            let confirmed = documents::read_confirmed(&self.db, row.record)?;
            let mut all = shadows::read(&self.db, row.record)?.into_iter();
            let Some(shadow) = all.rfind(|shadow| LOST_HERE.contains(&shadow.fate)) else {
                continue;
            };
            let mut lacking = find_lacking(&self.schema, &row, &confirmed, &shadow.facets);
            lacking.retain(|lacking| !own.contains(&lacking.feed));
            let missing = lacking.iter().map(|lacking| Missing {
                record: row.record,
                area: row.area,
                facet: lacking.facet,
                feed: lacking.feed,
                count: lacking.count,
            });
            let missing = missing.collect();
            let record_type = self.schema.record_type(&row.record_type);
            let was = record_type.map(|of| project(of, shadow.facets.values())).unwrap_or_default();
            let changes = lacking.iter().map(|lacking| lacking.changes).sum();
            lost.push(LostRecord { row, was, changes, missing });
        }
        Ok(lost)
    }
}
