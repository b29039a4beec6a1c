//! Entries without intents, which an early version saved. A server of that version stored them and told nobody, since they
//! touch no facet.

use crate::engine::phone::engine::Engine;
use crate::engine::records::{entries, rebuild};
use crate::error::ClientError;

impl Engine {
    /// Marks sent entries without intents as in the ledger: nothing about them is open.
    pub(crate) fn settle_empty(&self) -> Result<(), ClientError> {
        let empty = entries::list_sent_and_empty(&self.db)?;
        if empty.is_empty() {
            return Ok(());
        }
        let tx = self.db.unchecked_transaction()?;
        for (id, record) in empty {
            entries::mark_in_ledger(&tx, id)?;
            rebuild::mark_stale(&tx, record)?;
        }
        tx.commit().map_err(ClientError::of_store)
    }
}
