//! The server's edge: how often, how slowly, over what line, and what of it is written down.

mod beside;
mod edge;
mod logs;
mod often;
mod portal;
mod slow;
mod tls;

use gridledger_client::{Client, ClientError, Options, RecordId, SyncReport};
use gridledger_tests::at_rest::lock;
use gridledger_tests::desk::Desk;
use gridledger_tests::forms;
use tempfile::TempDir;

const PASSWORD: &str = "a long enough password";

/// A phone with a store of its own, used through what an app uses.
struct Phone {
    client: Client,
    runtime: tokio::runtime::Runtime,
    _dir: TempDir,
}

impl Phone {
    /// A phone that has a code of `login`, who is made as a worker of `G1` for it.
    fn of(desk: &Desk, login: &str, options: Options) -> Self {
        desk.person(login, PASSWORD, "grid_worker", "G1");
        let dir = tempfile::tempdir().expect("a folder");
        let client = Client::open(dir.path().join("phone.db"), &lock(), options).expect("a phone");
        client.enrol(desk.url(), &desk.code(login)).expect("noted");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self { client, runtime: runtime.expect("a runtime"), _dir: dir }
    }

    fn sync(&self) -> Result<SyncReport, ClientError> {
        self.runtime.block_on(self.client.sync())
    }

    fn patrol(&self, note: &str) -> RecordId {
        let intents = forms::patrol(note);
        self.client.create("patrol", "G1", intents).expect("saved")
    }

    fn unsent(&self) -> u64 {
        self.client.status().expect("a status").unsent
    }
}
