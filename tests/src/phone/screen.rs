//! Reads and checks that tell a story what a phone shows and holds.
//!
//! `record`, `view` and `shows` read whole values, past the masks that a person sees; `masked` reads what a person sees.

use gridledger_client::{Attention, Conflict, Lost, OwnEdit, Query, Record, RecordId, SentState, Status};
use gridledger_schema::code::Code;
use serde_json::Value;

use super::Phone;
use crate::json::at;
use crate::outcome::done;

/// More receipts than a story makes.
const ALL_RECEIPTS: usize = 10_000;

impl Phone {
    /// A record with its whole values, if the phone holds it.
    #[track_caller]
    pub fn find(&mut self, record: RecordId) -> Option<Record> {
        done("reading the record", self.engine().for_check().get(record))
    }

    /// A record with its whole values.
    #[track_caller]
    pub fn record(&mut self, record: RecordId) -> Record {
        match self.find(record) {
            Some(record) => record,
            None => panic!("{record} is not on the phone"),
        }
    }

    /// The whole values of a record.
    #[track_caller]
    pub fn view(&mut self, record: RecordId) -> Value {
        self.record(record).view
    }

    /// Whether the phone holds a record.
    #[track_caller]
    pub fn holds(&mut self, record: RecordId) -> bool {
        self.find(record).is_some()
    }

    /// Checks one value of a record; dots lead into objects.
    #[track_caller]
    pub fn shows(&mut self, record: RecordId, field: &str, expected: impl Into<Value>) {
        let (view, expected) = (self.view(record), expected.into());
        let shown = at(&view, field);
        assert!(
            *shown == expected,
            "{field} of {record}: expected {expected}, the phone shows {shown}\n{view}"
        );
    }

    /// Checks that the phone does not hold a record.
    #[track_caller]
    pub fn lacks(&mut self, record: RecordId) {
        if let Some(found) = self.find(record) {
            panic!("{record} should not be on the phone, which shows {found:?}");
        }
    }

    /// The records of a query with their whole values.
    #[track_caller]
    pub fn records(&mut self, query: &Query) -> Vec<Record> {
        done("the query", self.engine().for_check().list(query))
    }

    /// Every record, with its whole values.
    #[track_caller]
    pub fn all_records(&mut self) -> Vec<Record> {
        self.records(&Query::default())
    }

    /// The records of a type, with their whole values.
    #[track_caller]
    pub fn records_of(&mut self, record_type: &str) -> Vec<Record> {
        self.records(&Query::of_type(record_type))
    }

    /// A record as a person sees it, if the phone holds it.
    #[track_caller]
    pub fn find_masked(&mut self, record: RecordId) -> Option<Record> {
        done("reading the record", self.engine().get(record))
    }

    /// A record as a person sees it.
    #[track_caller]
    pub fn masked(&mut self, record: RecordId) -> Record {
        match self.find_masked(record) {
            Some(record) => record,
            None => panic!("{record} is not on the phone"),
        }
    }

    /// The records of a query as a person sees them.
    #[track_caller]
    pub fn masked_records(&mut self, query: &Query) -> Vec<Record> {
        done("the query", self.engine().list(query))
    }

    /// The fields with several values: of one record, or of all.
    #[track_caller]
    pub fn conflicts(&mut self, record: Option<RecordId>) -> Vec<Conflict> {
        done("reading the conflicts", self.engine().for_check().conflicts(record))
    }

    /// Whether some bytes stand anywhere in the phone's tables.
    #[track_caller]
    pub fn keeps_bytes(&mut self, bytes: &[u8]) -> bool {
        done("looking through the tables", self.engine().for_check().holds(bytes))
    }

    /// How the phone stands.
    #[track_caller]
    pub fn status(&mut self) -> Status {
        done("reading the status", self.engine().status())
    }

    /// How many own edits have not been sent.
    #[track_caller]
    pub fn unsent(&mut self) -> u64 {
        self.status().unsent
    }

    /// How many reads of whole values the server has not confirmed.
    #[track_caller]
    pub fn unsent_reads(&mut self) -> u64 {
        done("counting the reads", self.engine().unsent_reads())
    }

    /// Whether the phone's lease has ended.
    #[track_caller]
    pub fn is_dark(&mut self) -> bool {
        self.status().dark
    }

    /// The own edits that need attention.
    #[track_caller]
    pub fn attention(&mut self) -> Vec<Attention> {
        done("listing what needs attention", self.engine().attention())
    }

    /// Why the own edits that need attention were refused.
    #[track_caller]
    pub fn attention_codes(&mut self) -> Vec<Code> {
        self.attention().iter().map(|item| item.refusal.code).collect()
    }

    /// The changes of others that a restored server has lost.
    #[track_caller]
    pub fn lost(&mut self) -> Vec<Lost> {
        done("listing what was lost", self.engine().lost())
    }

    /// The own entries and how far each has come.
    #[track_caller]
    pub fn receipts(&mut self) -> Vec<OwnEdit> {
        done("listing the receipts", self.engine().receipts(ALL_RECEIPTS))
    }

    /// The states of the own entries.
    #[track_caller]
    pub fn states(&mut self) -> Vec<SentState> {
        self.receipts().into_iter().map(|edit| edit.state).collect()
    }
}
