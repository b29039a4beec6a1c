//! Nodes that die, as by a power cut: what was answered is there, and the others go on.

use std::collections::BTreeSet;

use gridledger_client::{RecordId, SentState};
use gridledger_tests::cluster;

use crate::kills::each;

use super::ledgers::HOLD;
use super::{Farm, PASSWORD, held, made, patrol, post, sync};

/// Phones work while a node dies at its point; every receipt that was given is honoured.
fn survives(point: &str) {
    let mut farm = Farm::dying(&[Some(point), None, None]);
    farm.person("w1", "grid_worker", "G1");
    farm.person("w2", "grid_worker", "G2");
    let phones = [farm.phone("w1", 0), farm.phone("w2", 0)];
    let mut saved = BTreeSet::new();
    for round in 0..8 {
        for (phone, area) in phones.iter().zip(["G1", "G2"]) {
            // The node that dies gets every request first; what it does not answer, the next one is asked.
            farm.proxy.only(0);
            if super::on_network(phone.sync()).is_err() {
                farm.proxy.in_turn();
                sync(phone);
            }
            for at in 0..2 {
                let note = format!("{point} {round} {at}");
                saved.insert(phone.create("patrol", area, patrol(&note)).expect("a patrol"));
            }
            honours(&farm, &received(phone), point);
        }
    }
    assert!(farm.take(0).end(), "{point}: it was not reached");
    farm.proxy.in_turn();
    farm.proxy.leave_out(0);
    let _ = phones.each_ref().map(sync);
    let there = &held(&phones[0]) | &held(&phones[1]);
    assert_eq!(there, saved, "{point}");
    for area in ["G1", "G2"] {
        assert!(farm.records(area).values().all(|entries| *entries == 1), "{point}");
    }
    honours(&farm, &saved, point);
    farm.start(0);
    farm.proxy.only(0);
    for phone in &phones {
        assert_eq!(sync(phone).healed, 0, "{point}");
    }
    farm.is_sound();
}

pub(super) fn received(phone: &gridledger_client::Client) -> BTreeSet<RecordId> {
    let receipts = phone.receipts(1_000).expect("receipts");
    let is_sent = |state| matches!(state, SentState::Sent | SentState::InLedger);
    let sent = receipts.into_iter().filter(|edit| is_sent(edit.state));
    sent.map(|edit| edit.record).collect()
}

pub(super) fn honours(farm: &Farm, receipts: &BTreeSet<RecordId>, point: &str) {
    for record in receipts {
        let found = farm.office.store.record(*record).expect("a record");
        assert!(found.is_some(), "{point}: {record} had a receipt");
    }
}

#[test]
fn a_node_that_dies_before_its_commit_loses_nothing() {
    each(&[("server.before_commit", 4)], survives);
}

#[test]
fn a_node_that_dies_after_its_commit_loses_nothing() {
    each(&[("server.after_commit", 4)], survives);
}

#[test]
fn a_node_killed_in_the_middle_of_a_push_keeps_no_lock() {
    let mut farm = Farm::open();
    farm.person("a0", "grid_worker", "G1");
    farm.person("a1", "grid_worker", "G1");
    let [first, second] = ["a0", "a1"].map(|login| farm.front().sign_in(login, PASSWORD).0);
    let mut database = cluster::client(&farm.url);
    database.batch_execute(HOLD).expect("a trigger");
    database.execute("SELECT pg_advisory_lock(4242)", &[]).expect("the lock");
    let (door, beside) = (farm.door(0), farm.door(1));
    let node = farm.take(0);
    std::thread::scope(|scope| {
        let open = scope.spawn(|| post(door, &first, "/v1/entries", &made("G1", "held")));
        let waiting =
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4242 AND NOT granted";
        cluster::until(&mut database, waiting);
        node.kill();
        assert_eq!(open.join().expect("a desk").status, 0, "nobody answers");
        // The area's row is locked by a session whose node is dead; the database finds out.
        let written = post(beside, &second, "/v1/entries", &made("G1", "after"));
        assert_eq!(written.status, 200, "{written:?}");
        assert_eq!(written.json()["verdicts"][0]["stored"], true);
    });
    assert_eq!(farm.records("G1").len(), 1, "what was not answered is not there");
    farm.is_sound();
}
