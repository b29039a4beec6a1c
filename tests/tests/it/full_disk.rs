//! A SQLite store whose disk is full, or nearly: edits are told to come again, pulls go on, and nothing that was acknowledged goes.

use crate::kills::{Node, Place, is_whole};

/// More than any disk has left, in mebibytes.
const NEVER_ENOUGH: &str = "least_free_mib=1000000";

fn count(lines: &[String], word: &str) -> usize {
    lines.iter().filter(|line| line.starts_with(word)).count()
}

#[test]
fn a_disk_that_is_nearly_full_takes_no_edits_and_serves_pulls() {
    let place = Place::new();
    let file = place.file("server.db");
    let node = place.node(None);
    place.phone(&node, None, &["sync", "a", "sync"]);
    assert!(!node.end());
    let store = format!("sqlite:{}", file.display());
    let node = Node::serving(&store, &[NEVER_ENOUGH], None);
    // It syncs, and pulls; what it saved stays to be sent.
    let (said, _) = place.phone(&node, None, &["b", "sync", "list"]);
    assert_eq!((count(&said, "synced"), count(&said, "received")), (1, 1), "{said:?}");
    let pending: Vec<bool> =
        said.iter().filter(|line| line.starts_with("holds")).map(|line| line.ends_with(" 1")).collect();
    assert_eq!(pending.iter().filter(|pending| **pending).count(), 1, "{said:?}");
    assert!(!node.end());
    let node = place.node(None);
    let (said, _) = place.phone(&node, None, &["sync", "sync"]);
    assert_eq!(count(&said[said.len() - 2..], "received"), 2, "{said:?}");
    assert!(!node.end());
}

#[test]
fn a_full_disk_loses_nothing_and_the_server_goes_on() {
    let place = Place::new();
    let file = place.file("server.db");
    let node = place.node(None);
    place.phone(&node, None, &["sync", "a", "sync"]);
    assert!(!node.end());
    let pages: u32 = rusqlite::Connection::open(&file)
        .and_then(|store| store.query_row("PRAGMA page_count", [], |row| row.get(0)))
        .expect("a number");
    // Room for a few more pages: somewhere on the way the disk is full.
    let node = Node::on_small_disk(&file, pages + 2);
    let notes: Vec<String> = (0..24).map(|at| format!("{at}-{}", "满".repeat(200))).collect();
    let mut steps: Vec<&str> = Vec::new();
    for note in &notes {
        steps.extend([note.as_str(), "sync"]);
    }
    let (said, died) = place.phone(&node, None, &steps);
    assert!(!died, "{said:?}");
    let full = said.iter().filter(|line| line.starts_with("no sync")).collect::<Vec<_>>();
    assert!(!full.is_empty(), "the disk was never full: it proves nothing");
    let codes = ["busy", "store_failed"];
    let known = full.iter().all(|line| codes.iter().any(|code| line.contains(code)));
    assert!(known, "{full:?}");
    assert!(!node.end(), "the server goes on");
    assert!(is_whole(&file));
    let node = place.node(None);
    let (after, _) = place.phone(&node, None, &["sync", "sync", "list"]);
    assert_eq!(count(&after, "holds"), 25, "{after:?}");
    let settled = after.iter().filter(|line| line.starts_with("holds")).all(|line| line.ends_with(" 0"));
    assert!(settled, "{after:?}");
    assert!(!node.end());
    assert!(is_whole(&file));
}
