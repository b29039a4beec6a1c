//! Checks that what an entry names is there: records of the right type, and people who have a login. A record that the
//! same push created before counts.

use gridledger_core::references::{Named, list_in_entry};
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::RecordType;

use super::{Plan, Stop};
use crate::record::working::Working;
use crate::store::StoreError;

impl Plan<'_> {
    /// Refuses an entry that names an unknown login, or a record of another type.
    pub(super) fn check_names(
        &mut self,
        working: &Working,
        record_type: &RecordType,
        entry: &Entry,
    ) -> Result<(), Stop> {
        for reference in list_in_entry(self.schema, record_type, entry) {
            match &reference.to {
                Named::Record(record, _) if *record == working.row.record => {
                    reference.check_type(Some(&working.row.record_type))?;
                }
                Named::Record(record, _) => reference.check_type(self.type_of(*record)?.as_deref())?,
                Named::Person(login) if !self.has_login(login)? => {
                    return Err(reference.no_such_person().into());
                }
                Named::Person(_) => {}
            }
        }
        Ok(())
    }

    fn type_of(&mut self, record: RecordId) -> Result<Option<String>, StoreError> {
        if let Some(working) = self.records.get(&record) {
            return Ok(Some(working.row.record_type.clone()));
        }
        if let Some(known) = self.types.get(&record) {
            return Ok(Some(known.clone()));
        }
        let found = self.source.type_of(record)?;
        if let Some(found) = &found {
            self.types.insert(record, found.clone());
        }
        Ok(found)
    }

    fn has_login(&mut self, login: &str) -> Result<bool, StoreError> {
        if self.logins.contains(login) {
            return Ok(true);
        }
        let found = self.source.has_login(login)?;
        if found {
            self.logins.insert(login.to_owned());
        }
        Ok(found)
    }
}
