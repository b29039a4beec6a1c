//! Records derived and shown again, and sealed by what the schema says now.

use rusqlite::{Transaction, TransactionBehavior};

use crate::engine::file::settings::SEALED_BY;
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::{self, ANY_UNSEALED};
use crate::engine::records::{documents, rebuild};
use crate::error::ClientError;
use crate::faults;

impl Engine {
    /// Rebuilds the records that could not be read in the dark, and seals decided entries. If there is no room for that, the
    /// next opening does it.
    pub(crate) fn freshen(&self) -> Result<(), ClientError> {
        self.ignore_no_room(self.freshen_now())
    }

    fn freshen_now(&self) -> Result<(), ClientError> {
        let some = format!("SELECT EXISTS (SELECT 1 FROM records WHERE stale = 1) OR {ANY_UNSEALED}");
        if self.seal.is_dark() || !self.db.query_row(&some, [], |row| row.get::<_, bool>(0))? {
            return Ok(());
        }
        let tx = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        for row in rebuild::list_stale(&tx)? {
            documents::seal_again(&tx, &row)?;
            rebuild::rebuild_stored(&tx, &self.schema, &row, &self.me.user)?;
        }
        entries::seal_decided(&tx)?;
        faults::reach("phone.before_fresh");
        tx.commit().map_err(ClientError::of_store)?;
        faults::reach("phone.after_fresh");
        Ok(())
    }

    /// Seals what the schema set in force says. If the former set said otherwise, every record is written again.
    pub(crate) fn follow_schema(&mut self) -> Result<(), ClientError> {
        let digest = self.seal.follow(&self.schema).to_vec();
        if SEALED_BY.find(&self.db)?.as_ref() != Some(&digest) {
            self.ignore_no_room(self.mark_all_stale(&digest))?;
        }
        self.freshen()
    }

    fn mark_all_stale(&self, digest: &Vec<u8>) -> Result<(), ClientError> {
        let tx = self.db.unchecked_transaction()?;
        rebuild::mark_all_stale(&tx)?;
        SEALED_BY.set(&tx, digest)?;
        tx.commit().map_err(ClientError::of_store)
    }
}
