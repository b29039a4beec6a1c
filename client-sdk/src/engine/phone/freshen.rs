//! Records derived and shown again, sealed by what the schema says now.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries;
use crate::engine::records::rebuild;
use crate::engine::records::rows::{self, Row};
use crate::error::ClientError;
use crate::faults;

/// The digest of what the schema said is to be sealed.
const SEALED_BY: &str = "sealed_by";

impl Engine {
    /// Derives and shows what could not be while it was dark, and seals what is to be sealed. Where there is no room for
    /// that, the next opening does it.
    pub(crate) fn freshen(&self) -> Result<(), ClientError> {
        self.where_room(self.freshen_now())
    }

    fn freshen_now(&self) -> Result<(), ClientError> {
        let some = "SELECT EXISTS (SELECT 1 FROM records WHERE stale = 1)
                    OR EXISTS (SELECT 1 FROM entries WHERE state >= 2 AND sealed = 0)";
        if self.seal.is_dark() || !self.db.query_row(some, [], |row| row.get::<_, bool>(0))? {
            return Ok(());
        }
        let tx = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
        for row in stale(&tx)? {
            // Sealed by what the schema says today.
            let sql =
                "UPDATE documents SET confirmed = seal(unseal(confirmed, record, facet), record, facet, ?2)
                       WHERE record = ?1 AND confirmed IS NOT NULL";
            tx.prepare_cached(sql)?.execute((row.record.0, &row.record_type))?;
            rebuild::rebuild_stored(&tx, &self.schema, &row, &self.me.user)?;
        }
        entries::seal_decided(&tx)?;
        faults::reach("phone.before_fresh");
        tx.commit().map_err(ClientError::of_store)?;
        faults::reach("phone.after_fresh");
        Ok(())
    }

    /// Seals what the schema set in force says. Where the set before said otherwise, every record is written again.
    pub(crate) fn follow_schema(&mut self) -> Result<(), ClientError> {
        let says = self.seal.follow(&self.schema);
        let before = settings::setting(&self.db, SEALED_BY)?;
        if before.as_deref() == Some(&says[..]) {
            return self.freshen();
        }
        self.where_room(self.seal_anew(&says))?;
        self.freshen()
    }

    fn seal_anew(&self, says: &[u8]) -> Result<(), ClientError> {
        let tx = self.db.unchecked_transaction()?;
        tx.execute("UPDATE records SET stale = 1", [])?;
        settings::set(&tx, SEALED_BY, says)?;
        tx.commit().map_err(ClientError::of_store)
    }
}

fn stale(c: &Connection) -> Result<Vec<Row>, ClientError> {
    let mut select = c.prepare_cached("SELECT record FROM records WHERE stale = 1")?;
    let records = select
        .query_map([], |row| row.get(0).map(gridledger_schema::ids::RecordId))?
        .collect::<Result<Vec<_>, _>>()?;
    let rows = records.into_iter().map(|record| rows::row(c, record));
    Ok(rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}
