//! Backup and restore on the command line.

use super::office::{Office, Server};
use serde_json::Value;

#[test]
fn a_store_is_backed_up_while_it_is_served_and_restored_as_another_generation() {
    let office = Office::open();
    office.grid();
    let worker =
        ["admin", "user", "add", "w1", "--name", "王某", "--role", "dispatcher_community", "--area", "C"];
    office.done(&worker);
    let server = Server::start(&office, &office.dir.path().join("log"), "text");
    let told = office.done(&["admin", "backup", "a.db", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert!(told["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{told}");
    // It replaces nothing, and leaves nothing unfinished behind.
    let (_, said) = office.fails(&["admin", "backup", "a.db"]);
    assert!(said.contains("a.db is already there"), "{said}");
    assert!(!office.dir.path().join("a.db.part").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = office.dir.path().join("a.db").metadata().expect("the backup").permissions();
        assert_eq!(mode.mode() & 0o077, 0);
    }
    drop(server);
    // The backup does not hold later work.
    office.done(&[
        "admin",
        "user",
        "add",
        "w2",
        "--name",
        "李某",
        "--role",
        "dispatcher_community",
        "--area",
        "C",
    ]);

    let new = ["--store", "sqlite:new.db"];
    let restore = |more: &[&'static str]| [&["admin", "restore", "--json"], more, &new].concat();
    let told = office.done(&restore(&["a.db"]));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["users"], &told["areas"]), (&Value::from(1), &Value::from(3)), "{told}");
    assert_ne!(told["epoch"], told["former"]);
    assert!(!office.dir.path().join("new.db.part").exists());
    let (_, said) = office.fails(&restore(&["a.db"]));
    assert!(said.contains("new.db is already there"), "{said}");
    let on_new = |words: &[&'static str]| office.done(&[words, &new[..]].concat());
    on_new(&["admin", "verify"]);
    assert!(on_new(&["admin", "recovery", "--json"]).contains("\"phase\":\"over\""));
    assert_eq!(on_new(&["admin", "lost"]), "");
    assert!(on_new(&["admin", "user", "list"]).contains("w1"));
    // Its numbers are nobody else's.
    on_new(&["admin", "area", "add", "G9", "--name", "G9", "--kind", "basic_grid", "--parent", "C"]);
    let areas: Value = serde_json::from_str(&on_new(&["admin", "area", "list", "--json"])).expect("JSON");
    assert!(areas.to_string().contains("G9"), "{areas}");
    // In place: once more another generation.
    let again: Value =
        serde_json::from_str(&on_new(&["admin", "restore", "--in-place", "--json"])).expect("JSON");
    assert_eq!(again["former"], told["epoch"]);
    on_new(&["admin", "verify"]);
}

#[test]
fn a_backup_or_restore_that_is_broken_off_leaves_nothing_in_its_place() {
    let office = Office::open();
    office.grid();
    let dies = |point: &str, words: &[&str], made: &str| {
        let done = office.command(words).env("GRIDLEDGER_DIE_AT", point).output().expect("the command runs");
        assert!(!done.status.success(), "{point}: it was not reached");
        assert!(!office.dir.path().join(made).exists(), "{point}");
        office.done(words);
        assert!(office.dir.path().join(made).exists(), "{point}");
    };
    dies("server.before_backup", &["admin", "backup", "a.db"], "a.db");
    for (point, new) in [("server.before_generation", "b.db"), ("server.before_restore", "c.db")] {
        let store = format!("sqlite:{new}");
        dies(point, &["admin", "restore", "a.db", "--store", &store], new);
        office.done(&["admin", "verify", "--store", &store]);
    }
}

#[test]
fn what_is_no_backup_is_not_restored_and_the_erasures_since_are_done_again() {
    let office = Office::open();
    office.grid();
    std::fs::write(office.path("text.db"), "nothing").expect("a file");
    for backup in ["text.db", "none.db"] {
        office.fails(&["admin", "restore", backup, "--store", "sqlite:new.db"]);
        assert!(!office.dir.path().join("new.db").exists(), "{backup}");
    }
    let postgres = ["admin", "backup", "a.db", "--store", "postgres://nobody@127.0.0.1:1/none"];
    let (_, said) = office.fails(&postgres);
    assert!(said.contains("pg_dump"), "{said}");
    office.done(&["admin", "backup", "a.db"]);
    for (list, taken) in [("[]", true), ("{}", false), ("[{\"record\": 1}]", false)] {
        std::fs::write(office.path("erasures.json"), list).expect("a file");
        let _ = std::fs::remove_file(office.path("new.db"));
        let words = ["admin", "restore", "a.db", "--erasures", "erasures.json", "--store", "sqlite:new.db"];
        assert_eq!(office.run(&words).status.success(), taken, "{list}");
    }
}
