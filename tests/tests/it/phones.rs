//! What a phone shows when its area is withdrawn, given again, or comes down whole.

use gridledger_client::{Intents, Query, SentState};
use gridledger_tests::world::{Line, MORNING, Phone, World};

fn states(phone: &mut Phone) -> Vec<SentState> {
    let receipts = phone.engine().receipts(100).unwrap();
    receipts.into_iter().map(|(.., state)| state).collect()
}

#[test]
fn own_edits_of_two_read_classes_come_back_in_a_snapshot_and_count_once() {
    let world = World::new(1);
    world.user("h1", "grid_head", "G1");
    let dwelling = world.dwelling("G1");
    let mut phone = world.phone("h1", 0);
    phone.sync(&world).unwrap();
    let household = Intents::new().put("dwelling_id", dwelling);
    let household = phone.engine().create("household", "G1", household).unwrap().record;
    // The first edits touch the sensitive class alone, the later ones the ordinary.
    for _ in 0..3 {
        let plan = Intents::new().put("care_plan", "x".repeat(900));
        phone.engine().edit(household, plan).unwrap();
    }
    for _ in 0..9 {
        let note = Intents::new().append("notes", "x".repeat(400));
        phone.engine().edit(household, note).unwrap();
    }
    let report = phone.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused, report.healed), (13, 0, 0));
    assert_eq!(states(&mut phone), [SentState::InLedger; 13]);
    let shown = phone.engine().for_check().get(household).unwrap().unwrap();
    assert_eq!((shown.pending, shown.view["notes"].as_array().unwrap().len()), (0, 9));
}

#[test]
fn a_withdrawn_area_leaves_nothing_behind_and_comes_back_whole() {
    let world = World::new(1);
    world.user("w1", "grid_worker", "G1");
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let patrol = |at: i64| Intents::new().put("started", MORNING + at).put("coverage_note", "东侧");
    let first = phone.engine().create("patrol", "G1", patrol(0)).unwrap().record;
    phone.sync(&world).unwrap();
    // Saved while the right was held, sent when it had ended: accepted, and still not this phone's to keep.
    let second = phone.engine().create("patrol", "G1", patrol(1)).unwrap().record;
    world.pass(60_000);
    assert!(world.take("w1", "grid_worker", "G1"));
    phone.sync_over(&world, Line::AnswerLost).unwrap();
    assert_eq!(phone.engine().for_check().list(&Query::default()).unwrap().len(), 2);
    phone.sync(&world).unwrap();
    assert!(phone.engine().for_check().list(&Query::default()).unwrap().is_empty());
    assert!(world.service.store.record(second).unwrap().is_some());
    world.pass(60_000);
    world.give("w1", "grid_worker", "G1");
    phone.sync(&world).unwrap();
    for record in [first, second] {
        let shown = phone.engine().for_check().get(record).unwrap().unwrap();
        assert_eq!((shown.record_type.as_str(), shown.pending), ("patrol", 0));
        assert_eq!(shown.view["coverage_note"], "东侧");
    }
    assert_eq!(states(&mut phone), [SentState::InLedger; 2]);
}
