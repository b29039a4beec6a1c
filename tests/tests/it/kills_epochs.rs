//! A phone withdraws a consent, and it or the server is ended at each named point: what must be gone is gone.

use std::sync::Arc;

use gridledger_client::engine::{Clock, Engine};
use gridledger_schema::set::SchemaSet;
use gridledger_server::operate::verify::verify;
use gridledger_server::service::Service;
use gridledger_tests::at_rest::lock;

use super::kills::{Place, each, is_whole};

/// The number of a person who takes back the consent to be called.
const CANARY: &[u8] = b"13812340987";
const DAY: [&str; 6] = ["sync", "person", "sync", "withdraw", "sync", "sync"];

fn forgets(point: &str) {
    let place = Place::new();
    let (server_dies, phone_dies) =
        if point.starts_with("server.") { (Some(point), None) } else { (None, Some(point)) };
    let node = place.node(server_dies);
    let (_, killed) = place.phone(&node, phone_dies, &DAY);
    assert!(node.end() || killed, "{point}: it was not reached");
    let node = place.node(None);
    // Whatever was not saved is said again.
    let (after, _) = place.phone(&node, None, &["sync", "person", "withdraw", "sync", "sync", "people"]);
    assert!(!node.end(), "{point}: the server failed later");
    let people: Vec<&String> = after.iter().filter(|line| line.starts_with("person")).collect();
    assert!(!people.is_empty(), "{point}: {after:?}");
    for person in people {
        assert!(!person.contains("phones") && person.ends_with(" 0"), "{point}: {person}");
    }
    for file in ["server.db", "server.db-wal"] {
        let bytes = std::fs::read(place.file(file)).unwrap_or_default();
        let found = bytes.windows(CANARY.len()).any(|window| window == CANARY);
        assert!(!found, "{point}: the number is in {file}");
    }
    let clock: Clock = Arc::new(gridledger_server::service::clock::now);
    let phone =
        Engine::open(&place.file("phone.db"), &lock(), None, clock, [0; 32]).expect("the phone's store");
    assert!(!phone.for_check().holds(CANARY).expect("a look"), "{point}: the number is on the phone");
    assert!(is_whole(&place.file("server.db")), "{point}");
    let service = Service::new(Arc::new(place.store()), SchemaSet::builtin()).expect("a service");
    let report = verify(&service).expect("a report");
    assert!(report.is_whole(), "{point}: {report:?}");
    service.store.close();
}

#[test]
fn a_withdrawal_holds_wherever_a_phone_is_killed() {
    each(
        &[
            ("phone.before_save", 2),
            ("phone.after_save", 2),
            ("phone.before_send", 4),
            ("phone.after_send", 4),
            ("phone.before_receipt", 2),
            ("phone.before_frame_commit", 4),
            ("phone.after_frame", 9),
        ],
        forgets,
    );
}

#[test]
fn a_withdrawal_holds_wherever_the_server_is_killed() {
    each(&[("server.before_commit", 4), ("server.after_commit", 4)], forgets);
}
