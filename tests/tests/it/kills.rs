//! Real processes over real HTTP, ended at each named point as by a power cut: what was said to be safe is there.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use gridledger_client::RecordId;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use gridledger_server::auth::codes;
use gridledger_server::ingest;
use gridledger_server::store::Store;
use gridledger_server::store::rows::people::{NewArea, NewUser};
use gridledger_tests::at_rest;
use tempfile::TempDir;

const CODE: &str = "TESTCODE1234";
const DIE_AT: &str = "GRIDLEDGER_DIE_AT";
/// A day: the first sync enrols, then work and syncs alternate.
const DAY: [&str; 9] = ["sync", "a", "b", "c", "sync", "d", "e", "sync", "sync"];

/// Where one story happens.
pub(crate) struct Place {
    dir: TempDir,
}

/// A server process; it ends when this does.
pub(crate) struct Node {
    child: Child,
    /// Where it listens, with `http://` before it.
    pub(crate) address: String,
}

impl Node {
    /// Serves a file; dies at a point if one is named.
    pub(crate) fn start(store: &Path, die_at: Option<&str>) -> Self {
        Self::serving(&format!("sqlite:{}", store.display()), &[], die_at)
    }

    /// Serves the store at an address, with settings (`key=value`).
    pub(crate) fn serving(store: &str, settings: &[&str], die_at: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
        with(&mut command, die_at);
        Self::spawned(command, store, settings)
    }

    /// Serves a file that may have so many pages.
    pub(crate) fn on_small_disk(store: &Path, pages: u32) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
        command.env("GRIDLEDGER_MOST_PAGES", pages.to_string());
        Self::spawned(command, &format!("sqlite:{}", store.display()), &[])
    }

    fn spawned(mut command: Command, store: &str, settings: &[&str]) -> Self {
        command.arg(store).args(settings).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a server process");
        let mut address = String::new();
        let out = child.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut address).expect("its address");
        let address = format!("http://{}", address.trim());
        Self { child, address }
    }

    /// Ends it by ending its input; whether it was dead before.
    pub(crate) fn end(mut self) -> bool {
        self.wait()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a process to end");
        let _ = self.child.wait();
    }

    fn wait(&mut self) -> bool {
        drop(self.child.stdin.take());
        !self.child.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.wait();
    }
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().expect("a folder") };
        let store = place.store();
        let area = NewArea {
            code: "G1".into(),
            parent: None,
            kind: "basic_grid".into(),
            name: "第一网格".into(),
            from: None,
            to: None,
        };
        store.put_areas(&[area]).expect("an area");
        let grant = Grant {
            role: "grid_worker".into(),
            area: store.areas().expect("areas")[0].no,
            from: 0,
            to: None,
        };
        let user = NewUser { login: "w1".into(), name: "王某".into(), password: None, grants: vec![grant] };
        store.put_users(&[user], 0).expect("a user");
        let user = store.user_by_login("w1").expect("users").expect("the user").no;
        let hash = codes::hash(CODE).expect("a code is well formed");
        store.put_code(hash, user, i64::MAX).expect("a code");
        store.close();
        place
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn store(&self) -> Store {
        Store::open_sqlite(&self.file("server.db"), ingest::decider(SchemaSet::builtin()))
            .expect("the server's store")
    }

    pub(crate) fn node(&self, die_at: Option<&str>) -> Node {
        Node::start(&self.file("server.db"), die_at)
    }

    /// Runs a phone through some steps; the lines it printed, and whether it died.
    pub(crate) fn phone(&self, node: &Node, die_at: Option<&str>, steps: &[&str]) -> (Vec<String>, bool) {
        self.phone_ahead(0, node, die_at, steps)
    }

    /// … with its clock so many days ahead.
    pub(crate) fn phone_ahead(
        &self,
        days: u32,
        node: &Node,
        die_at: Option<&str>,
        steps: &[&str],
    ) -> (Vec<String>, bool) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_phone"));
        command
            .env("PHONE_DAYS_AHEAD", days.to_string())
            .arg(self.file("phone.db"))
            .args([&node.address, CODE])
            .args(steps);
        let done = with(&mut command, die_at).output().expect("a phone process");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() || die_at.is_some(), "{said}{}", String::from_utf8_lossy(&done.stderr));
        (said.lines().map(str::to_owned).collect(), !done.status.success())
    }
}

fn with<'a>(command: &'a mut Command, die_at: Option<&str>) -> &'a mut Command {
    match die_at {
        Some(point) => command.env(DIE_AT, point),
        None => command.env_remove(DIE_AT),
    }
}

/// The record ids in lines that begin with a word.
fn ids(lines: &[String], word: &str) -> BTreeSet<RecordId> {
    let of_line = |line: &String| line.strip_prefix(word)?.trim().get(..36)?.parse().ok();
    lines.iter().filter_map(of_line).collect()
}

pub(crate) fn is_whole(file: &Path) -> bool {
    let connection = rusqlite::Connection::open(file).expect("a database");
    let check: String =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    check == "ok"
}

pub(super) fn phone_is_whole(place: &Place) -> bool {
    let file = place.file("phone.db");
    // Killed while it was made: then there is none yet.
    !file.exists() || at_rest::is_whole(&file, &at_rest::lock())
}

/// A day with a death in it, and what is there after everything was started again.
fn survives(point: &str) {
    let place = Place::new();
    let (server_dies, phone_dies) =
        if point.starts_with("server.") { (Some(point), None) } else { (None, Some(point)) };
    let node = place.node(server_dies);
    let (heard, killed) = place.phone(&node, phone_dies, &DAY);
    assert!(node.end() || killed, "{point}: it was not reached");
    nothing_is_lost(&place, heard, point);
}

/// Checks that after the restart every saved edit is there, once.
pub(super) fn nothing_is_lost(place: &Place, mut heard: Vec<String>, point: &str) {
    assert!(is_whole(&place.file("server.db")) && phone_is_whole(place), "{point}");
    // A receipt that a phone held before the death is honoured by what the server holds after it.
    let store = place.store();
    for record in ids(&heard, "received") {
        assert!(store.record(record).expect("a record").is_some(), "{point}: {record} had a receipt");
    }
    store.close();
    drop(store);
    let node = place.node(None);
    let (after, _) = place.phone(&node, None, &["sync", "f", "sync", "sync", "list"]);
    assert!(!node.end(), "{point}: the server failed later");
    heard.extend(after.iter().filter(|line| line.starts_with("saved")).cloned());
    let (saved, held) = (ids(&heard, "saved"), ids(&after, "holds"));
    assert!(saved.is_subset(&held), "{point}: saved and not there: {:?}", saved.difference(&held));
    let notes: Vec<&str> =
        after.iter().filter_map(|line| line.strip_prefix("holds ")?.split(' ').nth(1)).collect();
    let different: BTreeSet<&&str> = notes.iter().collect();
    assert_eq!(notes.len(), different.len(), "{point}: something is there twice: {notes:?}");
    assert!(
        after.iter().filter(|line| line.starts_with("holds")).all(|line| line.ends_with(" 0")),
        "{point}: not all of it is in the ledger: {after:?}"
    );
    holds_exactly(place, &held, point);
}

/// The server holds these records, each created once, its counter counted once.
fn holds_exactly(place: &Place, held: &BTreeSet<RecordId>, point: &str) {
    let store = place.store();
    let area = store.areas().expect("areas")[0].no;
    let records = store.records_of(area).expect("records");
    let there: BTreeSet<RecordId> = records.iter().map(|row| row.record).collect();
    assert_eq!(&there, held, "{point}");
    assert!(records.iter().all(|row| row.entries == 1), "{point}: {records:?}");
    let log: BTreeSet<u64> = records.iter().map(|row| row.last).collect();
    // A restored store goes on far above.
    let dense = log.iter().copied().eq(1..=held.len() as u64);
    let restored = store.restored().expect("the store").is_some();
    assert!(log.len() == held.len() && (dense || restored), "{point}: {log:?}");
    for record in held {
        let row = store.ledger_row(*record).expect("a row").expect("a row");
        assert_eq!(row.views[0].1["posters_removed"], 1, "{point}");
    }
    assert!(is_whole(&place.file("server.db")) && phone_is_whole(place), "{point}");
}

fn each_survives(points: &[(&str, u32)]) {
    each(points, survives);
}

/// Plays several stories at a time: they wait for processes more than they compute.
pub(crate) fn each(points: &[(&str, u32)], story: fn(&str)) {
    let stories: Vec<String> = points
        .iter()
        .flat_map(|(point, most)| (1..=*most).map(move |count| format!("{point}:{count}")))
        .collect();
    let left = Mutex::new(stories.iter());
    let next = || left.lock().expect("the stories").next();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(point) = next() {
                    story(point);
                }
            });
        }
    });
}

#[test]
fn a_phone_killed_anywhere_keeps_what_it_saved() {
    each_survives(&[
        ("phone.before_save", 4),
        ("phone.after_save", 5),
        ("phone.before_send", 4),
        ("phone.after_send", 4),
        ("phone.before_receipt", 2),
        ("phone.before_frame_commit", 3),
        ("phone.after_frame", 9),
        ("phone.before_key_file", 1),
        ("phone.after_key_file", 1),
        ("phone.before_store", 1),
    ]);
}

#[test]
fn a_server_killed_around_its_commit_keeps_what_it_answered() {
    each_survives(&[("server.before_commit", 5), ("server.after_commit", 5)]);
}
