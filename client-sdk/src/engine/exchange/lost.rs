//! Shadows that a server does not give back: they are lost, and the phone tells its user and the server.

use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::Missing;
use rusqlite::Connection;

use crate::engine::phone::engine::Engine;
use crate::engine::records::shadows::{self, Fate, UNSETTLED, UNTOLD, find_lacking};
use crate::engine::records::{documents, rebuild, rows};
use crate::error::ClientError;
use crate::faults;

impl Engine {
    /// Gives up the shadows that are left: the server will give back no more by itself. Shadows that lack only own entries do
    /// not count, since their refusals tell the user.
    pub(crate) fn give_up_shadows(&self, c: &Connection) -> Result<(), ClientError> {
        let records = shadows::list_records(&self.db, &UNSETTLED, None, None)?;
        if records.is_empty() {
            return Ok(());
        }
        let own = self.own_feeds();
        for row in records {
            let row = rows::find(c, row.record)?.unwrap_or(row);
            let confirmed = documents::read_confirmed(c, row.record)?;
            for shadow in shadows::read(c, row.record)? {
                let lacking = find_lacking(&self.schema, &row, &confirmed, &shadow.facets);
                if lacking.iter().all(|lacking| own.contains(&lacking.feed)) {
                    shadows::remove(c, row.record, &shadow)?;
                } else if UNSETTLED.contains(&shadow.fate) {
                    shadows::set_fate(c, row.record, &shadow, Fate::Lost)?;
                }
            }
            rebuild::rebuild_stored(c, &self.schema, &row, &self.me.user)?;
        }
        faults::reach("phone.before_lost");
        Ok(())
    }

    /// Ends the healing of an area that has come afresh and equals the server's. Content that the server does not have is off
    /// the screen, and the user is told.
    pub(crate) fn end_healing(&self, c: &Connection, area: AreaNo) -> Result<(), ClientError> {
        let own = self.own_feeds();
        for row in shadows::list_records(c, &[Fate::Healing], None, Some(area))? {
            let row = rows::find(c, row.record)?.unwrap_or(row);
            rebuild::rebuild_stored(c, &self.schema, &row, &self.me.user)?;
            let confirmed = documents::read_confirmed(c, row.record)?;
            for shadow in shadows::read(c, row.record)?.iter().filter(|shadow| shadow.fate == Fate::Healing) {
                let lacking = find_lacking(&self.schema, &row, &confirmed, &shadow.facets);
                if lacking.iter().all(|lacking| own.contains(&lacking.feed)) {
                    shadows::remove(c, row.record, shadow)?;
                } else {
                    shadows::set_fate(c, row.record, shadow, Fate::Healed)?;
                }
            }
        }
        Ok(())
    }

    /// Lists what the server is to be told is missing, as much as goes into one request, and the records concerned.
    pub(crate) fn list_missing_to_tell(&self) -> Result<(Vec<Missing>, Vec<RecordId>), ClientError> {
        let (mut missing, mut records) = (Vec::new(), Vec::new());
        for lost in self.list_lost(None, &UNTOLD)? {
            if missing.len() + lost.missing.len() > limits::REQUEST_RECEIPTS && !missing.is_empty() {
                break;
            }
            records.push(lost.row.record);
            missing.extend(lost.missing.into_iter().take(limits::REQUEST_RECEIPTS));
        }
        Ok((missing, records))
    }
}
