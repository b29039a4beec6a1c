//! A phone that came back from a backup, killed at each named point while it starts a new feed: what it saved is in the
//! ledger once, what it had sent before the backup was restored is too.

use std::collections::BTreeSet;

use crate::kills::{Place, each, phone_is_whole};

/// The notes in lines that begin with a word: `saved ID NOTE`, `holds ID NOTE PENDING`.
fn notes(lines: &[String], word: &str) -> Vec<String> {
    let note = |line: &String| line.strip_prefix(word)?.trim().split(' ').nth(1).map(str::to_owned);
    lines.iter().filter_map(note).collect()
}

fn comes_back(point: &str) {
    let place = Place::new();
    let (server_dies, phone_dies) =
        if point.starts_with("server.") { (Some(point), None) } else { (None, Some(point)) };
    let node = place.node(None);
    // The backup holds work that is sent only after it was made.
    let (mut heard, _) = place.phone(&node, None, &["sync", "a", "sync", "x", "y"]);
    std::fs::copy(place.file("phone.db"), place.file("backup.db")).expect("a backup");
    heard.extend(place.phone(&node, None, &["sync", "b", "sync"]).0);
    assert!(!node.end(), "{point}: the server failed early");
    // The backup comes back, and work goes on; the feed has gone on elsewhere.
    for part in ["phone.db-wal", "phone.db-shm"] {
        let _ = std::fs::remove_file(place.file(part));
    }
    std::fs::copy(place.file("backup.db"), place.file("phone.db")).expect("the backup comes back");
    let node = place.node(server_dies);
    let (told, killed) = place.phone(&node, phone_dies, &["c", "d", "sync", "e", "sync"]);
    heard.extend(told);
    assert!(node.end() || killed, "{point}: it was not reached");
    assert!(phone_is_whole(&place), "{point}");
    let node = place.node(None);
    let (after, _) = place.phone(&node, None, &["sync", "f", "sync", "sync", "list"]);
    assert!(!node.end(), "{point}: the server failed later");
    heard.extend(after.iter().cloned());
    let (saved, held) = (notes(&heard, "saved"), notes(&after, "holds"));
    let (saved, there): (BTreeSet<&String>, BTreeSet<&String>) =
        (saved.iter().collect(), held.iter().collect());
    assert_eq!(held.len(), there.len(), "{point}: something is there twice: {held:?}");
    assert!(saved.is_subset(&there), "{point}: saved {saved:?}, there is {there:?}");
    let settled = after.iter().filter(|line| line.starts_with("holds"));
    assert!(
        settled.clone().all(|line| line.ends_with(" 0")),
        "{point}: not all of it is in the ledger: {after:?}"
    );
    let store = place.store();
    let area = store.areas().expect("areas")[0].no;
    let records = store.records_of(area).expect("records");
    assert_eq!(records.len(), held.len(), "{point}");
    assert!(records.iter().all(|row| row.entries == 1), "{point}: {records:?}");
    for row in records {
        let row = store.ledger_row(row.record).expect("a row").expect("a row");
        assert_eq!(row.views[0].1["posters_removed"], 1, "{point}");
    }
}

#[test]
fn a_phone_killed_while_it_starts_a_new_feed_loses_and_doubles_nothing() {
    each(
        &[
            ("phone.before_fork", 1),
            ("phone.after_fork", 1),
            ("phone.before_save", 3),
            ("phone.after_save", 3),
            ("phone.before_send", 3),
            ("phone.after_send", 3),
            ("phone.before_receipt", 2),
            ("phone.before_frame_commit", 2),
            ("phone.after_frame", 9),
            ("server.before_commit", 3),
            ("server.after_commit", 3),
        ],
        comes_back,
    );
}
