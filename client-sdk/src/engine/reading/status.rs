//! The phone's state, and how far own edits have come.

use gridledger_schema::code::Refusal;

use crate::engine::file::settings::{CLOCK_OFFSET, NAME, SYNCED_AT, TROUBLE};
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::refused::read_refusal;
use crate::engine::records::{areas, entries, shadows};
use crate::error::ClientError;
use crate::model::{OwnEdit, SentState, Status};

impl Engine {
    /// Reads the phone's state.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn status(&self) -> Result<Status, ClientError> {
        let count = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as u64);
        let (lease_until, dark) = self.lease_state()?;
        Ok(Status {
            user: Some(self.me.user.clone()).filter(|user| !user.is_empty()),
            name: NAME.find(&self.db)?.filter(|name| !name.is_empty()),
            server: self.server()?,
            enrolled: self.me.device.is_some(),
            records: count("SELECT count(*) FROM records")?,
            unsent: entries::count(&self.db, SentState::Saved)?,
            sent: entries::count(&self.db, SentState::Sent)?,
            attention: entries::count(&self.db, SentState::Refused)? + shadows::count_lost(&self.db)?,
            conflicts: count("SELECT count(*) FROM records WHERE conflicts > 0")?,
            clock_offset_ms: CLOCK_OFFSET.get(&self.db)?,
            synced_at: SYNCED_AT.get(&self.db)?,
            lease_until,
            dark,
            trouble: self.trouble()?,
            areas: areas::list_held(&self.db)?,
            grants: self.grants.clone(),
            endings: self.endings()?,
        })
    }

    /// The reason why the server did not decide all that was sent last.
    pub(crate) fn trouble(&self) -> Result<Option<Refusal>, ClientError> {
        Ok(TROUBLE.find(&self.db)?.and_then(|text| read_refusal(&text)))
    }

    /// Lists own edits and how far each has come, the last first, at most `limit`.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn receipts(&self, limit: usize) -> Result<Vec<OwnEdit>, ClientError> {
        entries::list(&self.db, self.me.feed, limit)
    }
}
