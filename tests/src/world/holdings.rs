//! Reads and checks that tell a story what the server of a world holds.

use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::wire::RecoveryPhase;
use gridledger_server::epochs::Retained;
use gridledger_server::epochs::{Reason, Wanted, WantedEntry, erase, erase_refused, renew, retain};
use gridledger_server::operate::verify::{VerifyReport, verify};
use gridledger_server::rights::reader::ReadError;
use gridledger_server::store::rows::records::RecordRow;
use serde_json::Value;

use super::World;
use crate::kept::Kept;
use crate::outcome::done;

impl World {
    /// The server's store, each of whose failures is a failure of the story.
    pub fn store(&self) -> Kept<'_> {
        Kept(&self.service.store)
    }

    /// Makes everything again from the entries and compares, whatever comes of it.
    #[track_caller]
    pub fn verifies(&self) -> VerifyReport {
        done("verifying", verify(&self.service))
    }

    /// Checks that everything is as its entries make it.
    #[track_caller]
    pub fn is_whole(&self) -> VerifyReport {
        let report = self.verifies();
        assert!(report.is_whole() && report.listed.is_empty(), "{report:?}");
        report
    }

    /// Whether the server holds a record.
    #[track_caller]
    pub fn holds(&self, record: RecordId) -> bool {
        self.store().record(record).is_some()
    }

    /// The row of a record.
    #[track_caller]
    pub fn row(&self, record: RecordId) -> RecordRow {
        match self.store().record(record) {
            Some((row, _)) => row,
            None => panic!("the server does not hold {record}"),
        }
    }

    /// The values of a record in the ledger, as a role sees them that reads its ordinary fields.
    #[track_caller]
    pub fn ledger_view(&self, record: RecordId) -> Value {
        match self.store().ledger_row(record) {
            Some(row) => row.views[0].1.clone(),
            None => panic!("no ledger shows {record}"),
        }
    }

    /// The last position of an area's log.
    #[track_caller]
    pub fn position(&self, area: &str) -> u64 {
        self.store().head(self.area(area)).seq
    }

    /// A category that a ticket may have.
    pub fn category(&self) -> &str {
        &self.schema.categories[0].code
    }

    /// An erasure of some fields of a record, or of all of it, that somebody asked for now.
    pub fn erasure(&self, record: RecordId, fields: &[&str], by: &str) -> Wanted {
        Wanted {
            record,
            fields: fields.iter().map(|&field| field.to_owned()).collect(),
            reason: Reason::Request,
            by: by.to_owned(),
            asked_at: self.service.now(),
        }
    }

    /// Erases some fields of a record, or all of it; the position of the erasure in the log.
    #[track_caller]
    pub fn erases(&self, record: RecordId, fields: &[&str], by: &str) -> u64 {
        done("the erasure", self.try_erase(record, fields, by))
    }

    /// Tries to erase some fields of a record, or all of it.
    pub fn try_erase(&self, record: RecordId, fields: &[&str], by: &str) -> Result<u64, ReadError> {
        erase(&self.service, &self.erasure(record, fields, by))
    }

    /// Erases what one refused entry said, because it was a mistake.
    #[track_caller]
    pub fn erases_entry(&self, feed: FeedId, n: u64, by: &str) {
        done("the erasure", self.try_erase_entry(feed, n, by));
    }

    /// Tries to erase what one refused entry said.
    pub fn try_erase_entry(&self, feed: FeedId, n: u64, by: &str) -> Result<(), ReadError> {
        let asked_at = self.service.now();
        let wanted = WantedEntry { entry: (feed, n), reason: Reason::Mistake, by: by.to_owned(), asked_at };
        erase_refused(&self.service, &wanted).map(drop)
    }

    /// Erases what is due, as the daily run does.
    #[track_caller]
    pub fn retains(&self) -> Retained {
        done("the daily run", retain(&self.service, false))
    }

    /// Counts what is due and erases nothing.
    #[track_caller]
    pub fn counts_what_is_due(&self) -> Retained {
        done("counting what is due", retain(&self.service, true))
    }

    /// Gives every record of other rules a new generation; how many that were.
    #[track_caller]
    pub fn renews(&self) -> u64 {
        done("renewing", renew(&self.service))
    }

    /// How far the recovery after a restore has come.
    #[track_caller]
    pub fn recovery_phase(&self) -> RecoveryPhase {
        done("reading the phase", self.service.recovery_phase())
    }

    /// Whether the server knows that its store was set back.
    #[track_caller]
    pub fn is_set_back(&self) -> bool {
        done("reading the reason", self.service.why_set_back()).is_some()
    }
}
