//! Whole values without a trace, for what proves that replicas show the same.

use gridledger_schema::ids::RecordId;

use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::EVERY_VALUE;
use crate::error::ClientError;
use crate::model::{Conflict, Query, Record};

impl Engine {
    /// Gives whole values without a row in the read log, to prove that replicas show the same. An app does not call this.
    #[doc(hidden)]
    pub fn for_check(&self) -> ForCheck<'_> {
        ForCheck(self)
    }
}

/// See [`Engine::for_check`].
#[doc(hidden)]
pub struct ForCheck<'a>(&'a Engine);

impl ForCheck<'_> {
    /// Reads one record.
    pub fn get(&self, record: RecordId) -> Result<Option<Record>, ClientError> {
        self.0.get_whole(record)
    }

    /// Lists records, the last changed first.
    pub fn list(&self, query: &Query) -> Result<Vec<Record>, ClientError> {
        self.0.list_whole(query)
    }

    /// Whether these bytes stand somewhere in what this store holds, sealed or not.
    pub fn holds(&self, bytes: &[u8]) -> Result<bool, ClientError> {
        let mut select = self.0.db.prepare(&format!(
            "SELECT unseal_document(confirmed, record, facet) FROM documents UNION ALL
             SELECT unseal_document(overlay, record, facet) FROM documents UNION ALL
             SELECT unseal_view(sealed, record) FROM records UNION ALL
             SELECT CAST(view || text AS BLOB) FROM records UNION ALL
             {EVERY_VALUE} UNION ALL SELECT value FROM settings"
        ))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let value: Option<Vec<u8>> = row.get(0)?;
            if value.is_some_and(|value| value.windows(bytes.len()).any(|window| window == bytes)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lists every field with several values, of one record or of all.
    pub fn conflicts(&self, record: Option<RecordId>) -> Result<Vec<Conflict>, ClientError> {
        let records = match record {
            Some(record) => self.get(record)?.into_iter().collect(),
            None => self.list(&Query { in_conflict: true, ..Query::default() })?,
        };
        Ok(records.iter().flat_map(Record::conflicts).collect())
    }
}
