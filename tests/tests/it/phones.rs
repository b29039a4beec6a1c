//! A phone's screen when its area is withdrawn, given again, or fetched whole.

use gridledger_client::{Intents, SentState};
use gridledger_tests::forms::put;
use gridledger_tests::json::items;
use gridledger_tests::world::{Line, MORNING, World};

#[test]
fn own_edits_of_two_read_classes_come_back_in_a_snapshot_and_count_once() {
    let world = World::staffed(1, &[("h1", "grid_head", "G1")]);
    let dwelling = world.dwelling("G1");
    let mut phone = world.enrolled_phone("h1");
    let household = phone.creates("household", "G1", put("dwelling_id", dwelling.to_string()));
    // The first edits touch the sensitive class alone, the later ones the ordinary.
    for _ in 0..3 {
        phone.puts(household, "care_plan", "x".repeat(900));
    }
    for _ in 0..9 {
        phone.edits(household, Intents::new().append("notes", "x".repeat(400)));
    }
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused, report.healed), (13, 0, 0));
    assert_eq!(phone.states(), [SentState::InLedger; 13]);
    let shown = phone.record(household);
    assert_eq!((shown.pending, items(&shown.view["notes"]).len()), (0, 9));
}

#[test]
fn a_withdrawn_area_leaves_nothing_behind_and_comes_back_whole() {
    let world = World::staffed(1, &[("w1", "grid_worker", "G1")]);
    let mut phone = world.enrolled_phone("w1");
    let patrol = |at: i64| put("started", MORNING + at).put("coverage_note", "东侧");
    let first = phone.creates("patrol", "G1", patrol(0));
    phone.syncs(&world);
    // Saved while the right was held, sent when it had ended: accepted, and still not this phone's to keep.
    let second = phone.creates("patrol", "G1", patrol(1));
    world.pass(60_000);
    assert!(world.take("w1", "grid_worker", "G1"));
    phone.syncs_over(&world, Line::AnswerLost);
    assert_eq!(phone.all_records().len(), 2);
    phone.syncs(&world);
    assert!(phone.all_records().is_empty());
    assert!(world.holds(second));
    world.pass(60_000);
    world.give("w1", "grid_worker", "G1");
    phone.syncs(&world);
    for record in [first, second] {
        let shown = phone.record(record);
        assert_eq!((shown.record_type.as_str(), shown.pending), ("patrol", 0));
        phone.shows(record, "coverage_note", "东侧");
    }
    assert_eq!(phone.states(), [SentState::InLedger; 2]);
}
