//! A store that was set back to an older state, and nobody said so: it is noticed by what phones hold, takes nothing until the
//! operator's command, and loses nothing then.

use ed25519_dalek::SigningKey;
use gridledger_core::calendar::DAY_MS;
use gridledger_core::receipt;
use gridledger_schema::ids::{EntryHash, FeedId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaCursor, Receipt, Recovery, Request};
use gridledger_server::epochs::{Reason, Wanted, erase};
use gridledger_server::sync::set_back::look_beside;
use gridledger_tests::attacker::{Attacker, Outcome};
use gridledger_tests::world::SyncFailure;

use super::*;

/// The server is answered for by a copy of an older state, as after a snapshot of a virtual machine.
fn set_back(world: &mut World, backup: &std::path::Path) {
    world.pass(1_000);
    world.restore_told(backup, false);
}

fn is_behind(result: Result<gridledger_client::SyncReport, SyncFailure>) -> bool {
    matches!(result, Err(SyncFailure::Server(error)) if error.code() == Code::ServerBehind)
}

fn is_set_back(world: &World) -> bool {
    world.is_set_back()
}

/// A phone that has heard of nothing works on, until the log is longer than it was.
fn works_on(world: &World, phone: &mut Phone) {
    for i in 0..4 {
        patrol(phone, &format!("walk {i}"));
    }
    phone.syncs(world);
}

#[test]
fn a_store_set_back_takes_nothing_and_loses_nothing() {
    let (mut world, mut a, mut b) = two();
    world.user("d1", "dispatcher_community", "C");
    let house = household(&mut a, "before");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("snapshot.db");
    label(&mut a, house, "after");
    let walk = patrol(&mut a, "old");
    settle(&world, &mut [&mut a, &mut b]);
    set_back(&mut world, &backup);

    // The one whose work is gone proves it; from then on nobody is answered, and nobody's phone changes.
    assert!(is_behind(a.sync(&world)));
    assert!(is_set_back(&world));
    assert!(is_behind(b.sync(&world)));
    world.restart();
    assert!(is_set_back(&world), "a restart does not forget it");
    let clerk = world.clerk("d1");
    let at_a_desk = creating("patrol", "G1", put("started", json!(1_767_571_200_000_i64)));
    let refused = submit(&world.service, &clerk.user, vec![at_a_desk]).expect_err("it takes nothing");
    assert!(matches!(refused, StoreError::SetBack));
    assert!(matches!(world.service.trusted_now(), Err(StoreError::SetBack)), "nor is anything erased");
    let new = patrol(&mut b, "new");
    assert!(is_behind(b.sync(&world)));
    for phone in [&mut a, &mut b] {
        assert_eq!(shown_label(phone, house).as_deref(), Some("after"));
        assert_eq!(shown(phone, walk).0, 1);
    }

    world.restore_in_place();
    assert!(!is_set_back(&world));
    settle(&world, &mut [&mut a, &mut b]);
    world.is_whole();
    for phone in [&mut a, &mut b] {
        assert_eq!(shown_label(phone, house).as_deref(), Some("after"));
        for record in [walk, new] {
            assert_eq!(shown(phone, record), (1, 1, 0));
        }
        let status = phone.status();
        assert_eq!((status.unsent, status.attention), (0, 0), "{status:?}");
    }
}

#[test]
fn a_store_set_back_that_names_a_record_the_phone_never_got_is_noticed() {
    let (mut world, mut a, mut b) = two();
    let house = household(&mut a, "before");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("snapshot.db");
    label(&mut a, house, "after");
    a.syncs(&world);
    set_back(&mut world, &backup);
    // The new record takes the position of the lost edit. Only its edit stands behind the first phone's cursor.
    let walk = patrol(&mut b, "walk");
    b.syncs(&world);
    b.puts(walk, "coverage_note", "both sides");
    b.syncs(&world);
    assert!(is_behind(a.sync(&world)));
    assert_eq!(shown_label(&mut a, house).as_deref(), Some("after"));
    assert!(is_set_back(&world));

    world.restore_in_place();
    settle(&world, &mut [&mut a, &mut b]);
    for phone in [&mut a, &mut b] {
        assert_eq!(shown_label(phone, house).as_deref(), Some("after"));
        assert_eq!(phone.record(walk).view["coverage_note"], json!("both sides"));
    }
    world.is_whole();
}

#[test]
fn a_store_set_back_that_went_on_is_noticed_before_a_phone_lets_go_of_anything() {
    let (mut world, mut a, mut b) = two();
    let house = household(&mut a, "before");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("snapshot.db");
    label(&mut a, house, "after");
    a.syncs(&world);
    set_back(&mut world, &backup);
    // The other phone has heard of nothing and works on: the log grows beyond what was lost.
    let walks: Vec<RecordId> = (0..4).map(|i| patrol(&mut b, &format!("walk {i}"))).collect();
    b.syncs(&world);
    assert!(!is_set_back(&world));
    // Equal in length, other in content: the sums differ, and the phone shows its receipts before it heals.
    assert!(is_behind(a.sync(&world)));
    assert_eq!(shown_label(&mut a, house).as_deref(), Some("after"));
    assert!(is_set_back(&world));

    world.restore_in_place();
    settle(&world, &mut [&mut a, &mut b]);
    for phone in [&mut a, &mut b] {
        assert_eq!(shown_label(phone, house).as_deref(), Some("after"));
        for record in &walks {
            assert_eq!(shown(phone, *record), (1, 1, 0));
        }
    }
    world.is_whole();
}

#[test]
fn a_snapshot_from_before_a_restore_is_noticed() {
    let (mut world, mut a, mut b) = two();
    let walk = patrol(&mut a, "walk");
    settle(&world, &mut [&mut a, &mut b]);
    let snapshot = world.backup("snapshot.db");
    world.pass(1_000);
    world.restore(&snapshot);
    settle(&world, &mut [&mut a, &mut b]);
    count_one_more(&mut a, walk, "more");
    settle(&world, &mut [&mut a, &mut b]);
    // The state of before the restore knows nothing of the generation that the phones are of.
    set_back(&mut world, &snapshot);
    assert!(is_behind(a.sync(&world)));
    assert!(is_set_back(&world), "a generation that began after this state was lost with it");
    world.restore_in_place();
    settle(&world, &mut [&mut a, &mut b]);
    all_hold(&world, &mut [&mut a, &mut b], &[(walk, 2)]);
}

/// A restore under a clock that was a day ahead, and once more when the clock was put right: the first one's positions lie
/// above those of the second.
#[test]
fn phones_of_a_lost_generation_that_began_under_a_clock_ahead_go_on() {
    const AHEAD: i64 = DAY_MS;
    let (mut world, mut a, mut b) = two();
    let walk = patrol(&mut a, "walk");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    world.pass(AHEAD);
    world.restore(&backup);
    settle(&world, &mut [&mut a, &mut b]);
    count_one_more(&mut a, walk, "more");
    settle(&world, &mut [&mut a, &mut b]);
    count_one_more(&mut b, walk, "unsent");
    world.pass(-AHEAD);
    world.restore(&backup);
    assert!(is_behind(a.sync(&world)), "a receipt shows that there was another generation");
    world.pass(1_000);
    world.restore_in_place();
    settle(&world, &mut [&mut a, &mut b]);
    all_hold(&world, &mut [&mut a, &mut b], &[(walk, 3)]);
}

/// Entries of a desk are lost with the state that they were written in. Their numbers are not given again.
#[test]
fn a_desk_writes_no_number_twice() {
    // Nodes that share a store write one feed of a person: this is of a file.
    let (mut world, mut a, _) = two_in(World::in_file(1));
    world.user("d1", "community_desk", "C");
    let house = household(&mut a, "before");
    settle(&world, &mut [&mut a]);
    let backup = world.backup("snapshot.db");
    let at_the_desk = |world: &World, result: &str| {
        let visit = json!([
            { "op": "put", "field": "household", "value": house.to_string() },
            { "op": "put", "field": "result", "value": result },
        ]);
        world.clerk("d1").made("visit", "G1", visit)
    };
    let lost = at_the_desk(&world, "met");
    set_back(&mut world, &backup);
    assert_ne!(lost, at_the_desk(&world, "refused"));
}

#[test]
fn a_phone_of_a_lost_generation_is_not_taken_into_an_older_one() {
    let (mut world, mut a, mut b) = two();
    let mut reader = world.phone("w2", 0);
    let walk = patrol(&mut a, "walk");
    settle(&world, &mut [&mut a, &mut b, &mut reader]);
    let snapshot = world.backup("snapshot.db");
    world.pass(1_000);
    world.restore(&snapshot);
    settle(&world, &mut [&mut a, &mut b, &mut reader]);
    count_one_more(&mut a, walk, "more");
    settle(&world, &mut [&mut a, &mut b, &mut reader]);
    set_back(&mut world, &snapshot);
    // Nothing proves it yet: this phone has no work of its own, so no receipt. It waits, and keeps what it has.
    assert!(is_behind(reader.sync(&world)));
    assert!(!is_set_back(&world));
    assert_eq!(shown(&mut reader, walk).0, 2);
    // The operator knows anyhow.
    world.pass(1_000);
    world.restore_in_place();
    settle(&world, &mut [&mut reader, &mut a, &mut b]);
    all_hold(&world, &mut [&mut a, &mut b, &mut reader], &[(walk, 2)]);
}

#[test]
fn a_phone_without_receipts_tells_what_a_store_set_back_has_lost() {
    let (mut world, mut a, mut b) = two();
    let mut reader = world.phone("w2", 0);
    let house = household(&mut a, "before");
    settle(&world, &mut [&mut a, &mut b, &mut reader]);
    let snapshot = world.backup("snapshot.db");
    label(&mut a, house, "after");
    let walk = patrol(&mut a, "lost");
    settle(&world, &mut [&mut a, &mut reader]);
    set_back(&mut world, &snapshot);
    // Somebody who had not heard of it works on, until the log is longer than it was.
    works_on(&world, &mut b);
    // The one without receipts cannot prove it. Where the log's marks are too old it heals, and nothing goes without a word.
    world.change_behind("DELETE FROM marks");
    let report = reader.syncs(&world);
    assert_eq!(report.healed, 1, "{report:?}");
    reader.syncs(&world); // it fetches all there is
    assert_eq!(shown_label(&mut reader, house).as_deref(), Some("before"));
    reader.lacks(walk);
    let told = |phone: &mut Phone| -> Vec<(RecordId, bool)> {
        let lost = phone.lost();
        lost.iter().map(|lost| (lost.record, lost.here)).collect()
    };
    let mut expected = vec![(house, true), (walk, false)];
    expected.sort_unstable();
    assert_eq!(told(&mut reader), expected);
    assert_eq!(reader.status().attention, 2);
    // Its author proves it; once it is back, there is nothing to tell.
    assert!(is_behind(a.sync(&world)));
    world.pass(1_000);
    world.restore_in_place();
    settle(&world, &mut [&mut reader, &mut b, &mut a]);
    assert_eq!(shown_label(&mut reader, house).as_deref(), Some("after"));
    assert_eq!(shown(&mut reader, walk), (1, 1, 0));
    assert_eq!(told(&mut reader), []);
}

/// A phone that can prove nothing claims to have seen what stands at its cursor. A log that went on has something else there.
#[test]
fn a_log_that_went_on_takes_no_edit_of_what_it_replaced() {
    let (mut world, mut a, mut b) = two();
    let mut reader = world.phone("w2", 0);
    let house = household(&mut a, "before");
    settle(&world, &mut [&mut a, &mut b, &mut reader]);
    let snapshot = world.backup("snapshot.db");
    for i in 0..3 {
        label(&mut a, house, &format!("lost {i}"));
    }
    settle(&world, &mut [&mut a, &mut reader]);
    set_back(&mut world, &snapshot);
    label(&mut b, house, "unseen");
    for i in 0..3 {
        patrol(&mut b, &format!("walk {i}"));
    }
    b.syncs(&world);
    label(&mut reader, house, "mine");
    for _ in 0..2 {
        assert!(is_behind(reader.sync(&world)), "its cursor is of another log");
        assert_eq!(shown_label(&mut reader, house).as_deref(), Some("mine"));
    }
    assert!(!is_set_back(&world), "it only claims");
    assert_eq!(world.service.phones_ahead(), 1);

    world.pass(1_000);
    world.restore_in_place();
    settle(&world, &mut [&mut reader, &mut b, &mut a]);
    assert_eq!(world.service.phones_ahead(), 0);
    for phone in [&mut a, &mut b, &mut reader] {
        let shown = phone.find(house);
        let conflicts = shown.expect("the household").conflicts();
        assert_eq!(conflicts.len(), 1, "both values are shown");
    }
}

/// A role that reads some of an area's records has no digest of it. Its phone shows the mark at every sync.
#[test]
fn a_phone_of_a_narrow_role_notices_a_log_that_went_on() {
    let (mut world, mut a, mut b) = two();
    for (login, role) in [("head", "grid_head"), ("h1", "dept_handler")] {
        world.user(login, role, "G1");
    }
    let mut narrow = world.phone("h1", 0);
    let ticket = world.clerk("w1").reports("G1", "路灯不亮");
    for (verb, args) in [("accept", json!({})), ("assign", json!({"who": "h1"}))] {
        let decided = world.clerk("head").event(ticket, verb, args);
        assert_eq!(decided.refused, None);
    }
    settle(&world, &mut [&mut a, &mut b, &mut narrow]);
    let snapshot = world.backup("snapshot.db");
    let retitled = Intents::new().put("title", "路灯已修");
    narrow.edits(ticket, retitled);
    settle(&world, &mut [&mut narrow]);
    set_back(&mut world, &snapshot);
    works_on(&world, &mut b);
    assert!(is_behind(narrow.sync(&world)));
    assert!(is_set_back(&world), "its receipt proves it");
    world.pass(1_000);
    world.restore_in_place();
    settle(&world, &mut [&mut narrow, &mut b, &mut a]);
    let shown = a.find(ticket);
    assert_eq!(shown.expect("the ticket").view["title"], "路灯已修");
}

#[test]
fn a_device_that_only_claims_stops_nobody() {
    let (world, mut a, _) = two();
    let mut liar = Attacker::enrol(&world, "w2", 9);
    let area = world.area("G1");
    let head = world.store().head(area).seq;
    let epoch = world.service.identity.epoch;
    let beyond = Request {
        server_epoch: Some(epoch),
        cursors: vec![AreaCursor { area, floor: head + 9, reached: head + 9 }],
        ..Request::default()
    };
    assert_eq!(liar.send(&world, &beyond), Outcome::Code(Code::ServerBehind));
    let mut forged = Receipt {
        suite: Some(Suite::default()),
        feed: FeedId([3; 16]),
        first: 1,
        n: 7,
        hash: EntryHash([5; 32]),
        refused: Vec::new(),
        stopped: None,
        signature: [0; 64],
    };
    receipt::sign(&SigningKey::from_bytes(&[9; 32]), epoch, &mut forged);
    let shown = Request {
        server_epoch: Some(epoch),
        recovery: Some(Recovery { receipts: vec![(epoch, forged)], ..Recovery::default() }),
        ..Request::default()
    };
    assert!(matches!(liar.send(&world, &shown), Outcome::Frames(_)));
    assert!(!is_set_back(&world));
    patrol(&mut a, "walk");
    assert_eq!(a.syncs(&world).decided, 1);
}

#[test]
fn the_position_beside_a_file_shows_that_an_older_file_was_put_back() {
    let mut world = World::in_file(1);
    world.user("w1", "grid_worker", "G1");
    let mut a = world.enrolled_phone("w1");
    patrol(&mut a, "first");
    a.syncs(&world);
    let keep = |world: &World| {
        let store = &world.service.store;
        store.put_position_beside(store.position().expect("the store"));
    };
    keep(&world);
    look_beside(&world.service).expect("the store");
    assert!(!is_set_back(&world));
    let snapshot = world.backup("snapshot.db");
    patrol(&mut a, "second");
    a.syncs(&world);
    keep(&world);
    world.put_back_by_hand(&snapshot);
    look_beside(&world.service).expect("the store");
    assert!(is_set_back(&world), "before any phone has come");
    world.restore_in_place();
    settle(&world, &mut [&mut a]);
    look_beside(&world.service).expect("the store");
    assert!(!is_set_back(&world));
}

/// Another store's file that lay beside this one by mistake stops it for as long as it lies there.
#[test]
fn the_position_of_another_store_condemns_none_for_good() {
    let mut world = World::in_file(1);
    let other = World::in_file(1);
    let position = |world: &World| world.store().position();
    let right = position(&world);
    world.service.store.put_position_beside(position(&other));
    look_beside(&world.service).expect("the store");
    assert!(is_set_back(&world));
    world.restart();
    look_beside(&world.service).expect("the store");
    assert!(is_set_back(&world), "it lies there still");
    world.service.store.put_position_beside(right);
    world.restart();
    look_beside(&world.service).expect("the store");
    assert!(!is_set_back(&world));
}

/// A restore under a clock that was ahead, and once more when that was put right, before anybody had written anything: no receipt
/// tells of the first one's generation. The operator's command vouches that it is lost.
#[test]
fn phones_of_a_lost_generation_without_a_receipt_of_it_go_on_after_the_operators_command() {
    const AHEAD: i64 = 8 * 3_600_000;
    let (mut world, mut a, mut b) = two();
    let walk = patrol(&mut a, "walk");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    world.pass(AHEAD);
    world.restore(&backup);
    settle(&world, &mut [&mut a, &mut b]);
    world.pass(1_000 - AHEAD);
    world.restore(&backup);
    for phone in [&mut a, &mut b] {
        assert!(is_behind(phone.sync(&world)));
        assert!(is_behind(phone.sync(&world)), "it has nothing to show");
    }
    world.pass(1_000);
    world.restore_in_place();
    settle(&world, &mut [&mut a, &mut b]);
    all_hold(&world, &mut [&mut a, &mut b], &[(walk, 1)]);
}

/// A phone that heals keeps what the store has lost. Once that was erased, the phone lets go of it.
#[test]
fn what_was_erased_leaves_a_phone_that_kept_it_as_lost() {
    let (mut world, mut a, mut b) = two();
    let mut reader = world.phone("w2", 0);
    settle(&world, &mut [&mut a, &mut b, &mut reader]);
    let snapshot = world.backup("snapshot.db");
    let walk = patrol(&mut a, "canary");
    settle(&world, &mut [&mut a, &mut reader]);
    set_back(&mut world, &snapshot);
    works_on(&world, &mut b);
    world.change_behind("DELETE FROM marks");
    reader.syncs(&world); // it heals
    reader.syncs(&world); // it fetches all there is
    assert_eq!(reader.lost().len(), 1);

    world.pass(1_000);
    world.restore_in_place();
    settle(&world, &mut [&mut a, &mut b]);
    let wanted = Wanted {
        record: walk,
        fields: Vec::new(),
        reason: Reason::Request,
        by: "p1".into(),
        asked_at: world.service.now(),
    };
    erase(&world.service, &wanted).expect("it is erased");
    settle(&world, &mut [&mut a, &mut reader]);
    assert!(reader.lost().is_empty());
    assert_eq!(reader.status().attention, 0);
}
