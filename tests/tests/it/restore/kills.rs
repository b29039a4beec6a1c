//! A phone killed around its move to a restored server, and a backup or a restore that is broken off.
use gridledger_server::store::copies;
use gridledger_server::store::rows::restores::NewGeneration;

use crate::kills::{Place, each, nothing_is_lost};

/// A day's work, a backup in the middle of it, and the server restored from that; then the phone dies at a point.
fn survives(point: &str) {
    let place = Place::new();
    let node = place.node(None);
    let (mut heard, _) = place.phone(&node, None, &["sync", "a", "b", "sync"]);
    let backup = place.file("backup.db");
    copies::backup(&place.file("server.db"), &backup).expect("a backup");
    let (more, _) = place.phone(&node, None, &["c", "d", "sync", "e"]);
    heard.extend(more.into_iter().filter(|line| line.starts_with("saved")));
    assert!(!node.end());
    for part in ["server.db", "server.db-wal", "server.db-shm"] {
        let _ = std::fs::remove_file(place.file(part));
    }
    std::fs::copy(&backup, place.file("server.db")).expect("the store put back");
    let store = place.store();
    let at = store.restored().expect("the store").map_or(0, |restore| restore.at) + 1_800_000_000_000;
    let new = NewGeneration { at, until: at, active_ms: 0 };
    store.begin_generation(new).expect("a new generation");
    store.close();
    drop(store);
    let node = place.node(None);
    let (more, killed) = place.phone(&node, Some(point), &["sync", "g", "sync", "sync"]);
    assert!(killed, "{point}: it was not reached");
    heard.extend(more.into_iter().filter(|line| line.starts_with("saved")));
    assert!(!node.end(), "{point}: the server failed");
    nothing_is_lost(&place, heard, point);
}

#[test]
fn a_phone_killed_while_it_moves_to_a_restored_server_loses_nothing() {
    each(
        &[
            ("phone.before_restored", 1),
            ("phone.after_restored", 1),
            ("phone.before_receipt", 1),
            ("phone.before_frame_commit", 2),
            ("phone.after_frame", 6),
        ],
        survives,
    );
}
