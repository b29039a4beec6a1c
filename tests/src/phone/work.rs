//! Steps that a person takes on a phone. A step that fails panics at the line of the story.

use gridledger_client::{ClientError, Intents, Purpose, Record, RecordId, Saved, SyncReport};
use gridledger_schema::code::Code;
use serde_json::Value;

use super::{Line, Phone};
use crate::failure::SyncFailure;
use crate::outcome::{done, failed};
use crate::world::World;

impl Phone {
    /// Saves a new record; its id.
    #[track_caller]
    pub fn creates(&mut self, record_type: &str, area: &str, intents: Intents) -> RecordId {
        self.creates_entry(record_type, area, intents).record
    }

    /// Saves a new record; the entry that made it.
    #[track_caller]
    pub fn creates_entry(&mut self, record_type: &str, area: &str, intents: Intents) -> Saved {
        done("creating the record", self.engine().create(record_type, area, intents))
    }

    /// Saves an edit of a record.
    #[track_caller]
    pub fn edits(&mut self, record: RecordId, intents: Intents) -> Saved {
        done("the edit", self.engine().edit(record, intents))
    }

    /// Saves an edit that puts one value into one field.
    #[track_caller]
    pub fn puts(&mut self, record: RecordId, field: &str, value: impl Into<Value>) -> Saved {
        self.edits(record, Intents::new().put(field, value))
    }

    /// Reports an incident in an area as a ticket.
    #[track_caller]
    pub fn reports(&mut self, area: &str, title: &str) -> RecordId {
        self.creates("ticket", area, crate::forms::ticket(title, "东门"))
    }

    /// Settles a conflict with a value.
    #[track_caller]
    pub fn settles(&mut self, record: RecordId, field: &str, value: impl Into<Value>) -> Saved {
        done("settling the conflict", self.engine().settle(record, field, value.into()))
    }

    /// Tries to save a new record; the phone refuses it with this code.
    #[track_caller]
    pub fn cannot_create(
        &mut self,
        record_type: &str,
        area: &str,
        intents: Intents,
        code: Code,
    ) -> ClientError {
        let error = failed("creating the record", self.engine().create(record_type, area, intents));
        assert_eq!(error.code(), Some(code), "{error}");
        error
    }

    /// Tries to save an edit; the phone refuses it with this code.
    #[track_caller]
    pub fn cannot_edit(&mut self, record: RecordId, intents: Intents, code: Code) -> ClientError {
        let error = failed("the edit", self.engine().edit(record, intents));
        assert_eq!(error.code(), Some(code), "{error}");
        error
    }

    /// Syncs until there is nothing more.
    #[track_caller]
    pub fn syncs(&mut self, world: &World) -> SyncReport {
        done("the sync", self.sync(world))
    }

    /// Syncs over a line that may be bad.
    #[track_caller]
    pub fn syncs_over(&mut self, world: &World, line: Line) -> SyncReport {
        done("the sync", self.sync_over(world, line))
    }

    /// Tries to sync; what went wrong.
    #[track_caller]
    pub fn cannot_sync(&mut self, world: &World) -> SyncFailure {
        failed("the sync", self.sync(world))
    }

    /// Tries to sync; the server refuses the whole request with this code.
    #[track_caller]
    pub fn is_refused_sync(&mut self, world: &World, code: Code) {
        let failure = self.cannot_sync(world);
        assert_eq!(failure.of_server(), Some(code), "{failure}");
    }

    /// Notes a one-time code, so that the next sync enrols this phone again.
    #[track_caller]
    pub fn enrols_with(&mut self, code: &str) {
        done("noting the code", self.engine().enrol("http://nowhere", code));
    }

    /// Takes an invitation, so that work can begin before the first sync.
    #[track_caller]
    pub fn accepts(&mut self, invite: &gridledger_client::Invite) {
        done("taking the invitation", self.engine().accept(invite));
    }

    /// The bytes of the next request.
    #[track_caller]
    pub fn makes_request(&mut self) -> Vec<u8> {
        done("making the request", self.request(0))
    }

    /// Takes an answer that arrives now; whether it says that there is more, and what it brought.
    #[track_caller]
    pub fn takes(&mut self, answer: &[u8]) -> (bool, SyncReport) {
        let mut report = SyncReport::default();
        let more = done("taking the answer", self.receive(answer, &mut report));
        (more, report)
    }

    /// Opens a record for a purpose; its whole values.
    #[track_caller]
    pub fn opens(&mut self, record: RecordId, purpose: &Purpose) -> Record {
        let opened = done("opening the record", self.engine().open_record(record, purpose));
        opened.unwrap_or_else(|| panic!("{record} is not on the phone"))
    }

    /// Tries to open a record for a purpose; the phone refuses that with this code.
    #[track_caller]
    pub fn cannot_open(&mut self, record: RecordId, purpose: &Purpose, code: Code) {
        let error = failed("opening the record", self.engine().open_record(record, purpose));
        assert_eq!(error.code(), Some(code), "{error}");
    }

    /// Shows some fields of a record whole, for a reason.
    #[track_caller]
    pub fn reveals(&mut self, record: RecordId, fields: &[&str], reason: &str) -> Value {
        Value::Object(done("revealing the fields", self.engine().reveal(record, fields, reason)))
    }

    /// Tries to show some fields of a record whole; the phone refuses that with this code.
    #[track_caller]
    pub fn cannot_reveal(&mut self, record: RecordId, fields: &[&str], reason: &str, code: Code) {
        let error = failed("revealing the fields", self.engine().reveal(record, fields, reason));
        assert_eq!(error.code(), Some(code), "{error}");
    }

    /// Saves a refused edit again.
    #[track_caller]
    pub fn applies_again(&mut self, id: gridledger_client::EntryId) -> Saved {
        done("saving it again", self.engine().apply_again(id))
    }

    /// Tries to save a refused edit again; the phone refuses that with this code.
    #[track_caller]
    pub fn cannot_apply_again(&mut self, id: gridledger_client::EntryId, code: Code) {
        let error = failed("saving it again", self.engine().apply_again(id));
        assert_eq!(error.code(), Some(code), "{error}");
    }

    /// Copies what a refused edit meant, for a person to read or paste.
    #[track_caller]
    pub fn copies(&mut self, id: gridledger_client::EntryId) -> gridledger_client::Copied {
        done("copying it", self.engine().copy(id))
    }

    /// Asks a supervisor about a refused edit.
    #[track_caller]
    pub fn asks(&mut self, id: gridledger_client::EntryId, note: &str) {
        done("the question", self.engine().ask(id, note));
    }

    /// Takes a refused edit off the list.
    #[track_caller]
    pub fn dismisses(&mut self, id: gridledger_client::EntryId) {
        done("taking it off the list", self.engine().dismiss(id));
    }

    /// Ends the phone's lease now, as an app does that hears that the phone is shut out.
    #[track_caller]
    pub fn ends_lease(&mut self) {
        done("ending the lease", self.engine().end_lease());
    }

    /// Saves again what a restored server has lost.
    #[track_caller]
    pub fn saves_lost(&mut self, record: RecordId) -> Saved {
        done("saving what was lost", self.engine().save_lost(record))
    }
}
