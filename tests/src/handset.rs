//! A phone as an app uses it: the client on real HTTP, with a store and a runtime of its own.

use gridledger_client::{Client, ClientError, Intents, Options, RecordId, Status, SyncReport};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::at_rest::lock;
use crate::desk::{Desk, PASSWORD};
use crate::forms;
use crate::outcome::{done, failed};

/// The phone.
pub struct Handset {
    /// The client that the app holds.
    pub client: Client,
    runtime: Runtime,
    _dir: TempDir,
}

impl Handset {
    /// A phone with a code of `login`, who becomes a worker of `G1` for it.
    pub fn of(desk: &Desk, login: &str, options: Options) -> Self {
        desk.person(login, PASSWORD, "grid_worker", "G1");
        Self::enrolling(desk.url(), &desk.code(login), options)
    }

    /// A phone that enrols at an address with a code.
    pub fn enrolling(url: &str, code: &str, options: Options) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let client = Client::open(dir.path().join("phone.db"), &lock(), options);
        let client = done("opening the phone's store", client);
        done("noting the code", client.enrol(url, code));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { client, runtime: runtime.expect("a runtime"), _dir: dir }
    }

    /// Syncs.
    pub fn sync(&self) -> Result<SyncReport, ClientError> {
        self.runtime.block_on(self.client.sync())
    }

    /// Syncs; what it brought.
    #[track_caller]
    pub fn syncs(&self) -> SyncReport {
        done("the sync", self.sync())
    }

    /// Tries to sync; what went wrong.
    #[track_caller]
    pub fn cannot_sync(&self) -> ClientError {
        failed("the sync", self.sync())
    }

    /// Saves a new record; its id.
    #[track_caller]
    pub fn creates(&self, record_type: &str, area: &str, intents: Intents) -> RecordId {
        done("creating the record", self.client.create(record_type, area, intents))
    }

    /// Saves an edit of a record.
    #[track_caller]
    pub fn edits(&self, record: RecordId, intents: Intents) {
        done("the edit", self.client.edit(record, intents));
    }

    /// How the phone stands.
    #[track_caller]
    pub fn status(&self) -> Status {
        done("reading the status", self.client.status())
    }

    /// Saves a patrol with a note.
    #[track_caller]
    pub fn patrol(&self, note: &str) -> RecordId {
        self.creates("patrol", "G1", forms::patrol(note))
    }

    /// The values of a record as a person sees them.
    #[track_caller]
    pub fn masked(&self, record: RecordId) -> Value {
        match done("reading the record", self.client.get(record)) {
            Some(record) => record.view,
            None => panic!("{record} is not on the phone"),
        }
    }

    /// How many own edits have not been sent.
    #[track_caller]
    pub fn unsent(&self) -> u64 {
        self.status().unsent
    }

    /// The bytes of the next request.
    #[track_caller]
    pub fn makes_request(&self) -> Vec<u8> {
        done("making the request", self.client.engine().request(0)).body
    }
}
