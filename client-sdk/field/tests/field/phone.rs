//! A phone driven by its command line.

use std::path::PathBuf;
use std::process::Command;

use gridledger_client::{Invite, Lock};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::{AreaInfo, Grant};
use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gridledger-field");

/// A phone in a folder of its own.
pub struct Phone {
    pub dir: TempDir,
    pub zh: bool,
}

/// The outcome of a command.
pub struct Did {
    pub status: i32,
    pub out: String,
    pub err: String,
}

fn area(no: u32, parent: Option<u32>, code: &str, kind: &str, name: &str) -> AreaInfo {
    let (code, kind, name) = (code.to_owned(), kind.to_owned(), name.to_owned());
    AreaInfo { no: AreaNo(no), parent: parent.map(AreaNo), code, kind, name, edges: Vec::new() }
}

/// Port 9 discards; nothing listens there.
fn invite() -> Invite {
    Invite {
        server: "http://127.0.0.1:9".into(),
        code: "7KQM-2F4D-9XTA".into(),
        user: "w1".into(),
        name: "陆小青".into(),
        grants: vec![Grant { role: "grid_worker".into(), area: AreaNo(2), from: 0, to: None }],
        areas: vec![
            area(1, None, "WS", "community", "万盛社区"),
            area(2, Some(1), "WS-04", "basic_grid", "第四网格"),
        ],
    }
}

impl Phone {
    /// A phone that was not told anything.
    pub fn blank() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), zh: false }
    }

    /// A phone with an invite taken.
    pub fn new() -> Self {
        let phone = Self::blank();
        let file = phone.path("invite.json");
        std::fs::write(&file, json!(invite()).to_string()).unwrap();
        phone.ok(&["enrol", "--invite", file.to_str().unwrap()]);
        phone
    }

    pub fn in_chinese(mut self) -> Self {
        self.zh = true;
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run(&self, args: &[&str]) -> Did {
        self.run_as(Command::new(PROGRAM).args(args))
    }

    /// Runs a command where no file can grow, as on a full disk.
    pub fn run_without_room(&self, args: &[&str]) -> Did {
        let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
        self.run_as(Command::new("sh").args(["-c", script, "sh", PROGRAM]).args(args))
    }

    fn run_as(&self, command: &mut Command) -> Did {
        let output = command
            .env("GRIDLEDGER_STORE", self.path("phone.db"))
            .env("GRIDLEDGER_FIELD_KEY", "07".repeat(32))
            .env_remove("LC_MESSAGES")
            .env("LC_ALL", "")
            .env("LANG", if self.zh { "zh_CN.UTF-8" } else { "C" })
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Did { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    /// A command that works; what it printed.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let did = self.run(args);
        assert_eq!((did.status, did.err.as_str()), (0, ""), "{args:?}");
        did.out
    }

    /// The same, with `--json`.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let out = self.ok(&[args, &["--json"]].concat());
        assert_eq!(out.lines().count(), 1, "one value on one line: {out}");
        serde_json::from_str(&out).unwrap()
    }

    /// A command that works on a record; the record's id.
    #[track_caller]
    pub fn made(&self, args: &[&str]) -> String {
        self.json(args)["record"].as_str().unwrap().to_owned()
    }

    pub fn ticket(&self) -> String {
        let fields = ["kind=incident", "title=路灯不亮", "address_text=944号门前"];
        self.made(&[&["new", "ticket", "--area", "WS-04"], &fields[..], &["--event", "report"]].concat())
    }

    /// Runs SQL on the phone's file, in place of a sync that this test does not make.
    pub fn as_if_synced(&self, sql: &str) {
        let store = self.path("phone.db");
        let key = Lock::host_key([7; 32]).file_key(&store).unwrap();
        let connection = rusqlite::Connection::open(store).unwrap();
        let digits = gridledger_schema::ids::hex(&key[..]);
        connection
            .execute_batch(&format!(
                "PRAGMA key = \"x'{digits}'\"; PRAGMA cipher_hmac_algorithm = HMAC_SHA256; {sql}"
            ))
            .unwrap();
    }
}
