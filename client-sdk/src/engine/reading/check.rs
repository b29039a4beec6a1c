//! Whole values without a trace, for what proves that replicas are equal.

use gridledger_schema::ids::RecordId;

use crate::engine::phone::engine::Engine;
use crate::error::ClientError;
use crate::model::{Conflict, Query, Record};

impl Engine {
    /// Whole values without a trace, to prove that replicas show the same. No app has any business here.
    #[doc(hidden)]
    pub fn for_check(&self) -> ForCheck<'_> {
        ForCheck(self)
    }
}

/// See [`Engine::for_check`].
#[doc(hidden)]
pub struct ForCheck<'a>(&'a Engine);

impl ForCheck<'_> {
    /// One record.
    pub fn get(&self, record: RecordId) -> Result<Option<Record>, ClientError> {
        self.0.plain_get(record)
    }

    /// Records, the last changed first.
    pub fn list(&self, query: &Query) -> Result<Vec<Record>, ClientError> {
        self.0.plain_list(query)
    }

    /// Whether these bytes stand somewhere in what this store holds, sealed or not.
    pub fn holds(&self, bytes: &[u8]) -> Result<bool, ClientError> {
        let mut select = self.0.db.prepare(
            "SELECT unseal(confirmed, record, facet) FROM documents UNION ALL
             SELECT unseal(overlay, record, facet) FROM documents UNION ALL
             SELECT unseal(sealed, record, 64) FROM records UNION ALL
             SELECT CAST(view || text AS BLOB) FROM records UNION ALL
             SELECT unseal(body, record, 65) FROM entries UNION ALL
             SELECT CAST(refusal AS BLOB) FROM entries UNION ALL SELECT value FROM settings",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let value: Option<Vec<u8>> = row.get(0)?;
            if value.is_some_and(|value| value.windows(bytes.len()).any(|window| window == bytes)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every field with several values, of one record or of all.
    pub fn conflicts(&self, record: Option<RecordId>) -> Result<Vec<Conflict>, ClientError> {
        let records = match record {
            Some(record) => self.get(record)?.into_iter().collect(),
            None => self.list(&Query { in_conflict: true, ..Query::default() })?,
        };
        Ok(records.iter().flat_map(Record::conflicts).collect())
    }
}
