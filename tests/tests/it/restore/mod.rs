//! A server restored from an older backup: phones bring back what they hold receipts for, once, and what nobody holds is
//! told by name.

mod kills;
mod lost;
mod operator;
mod proofs;
mod set_back;
mod since;

use gridledger_core::calendar::DAY_MS;
use std::sync::Barrier;

use gridledger_client::{Intents, Query, RecordId};
use gridledger_schema::code::Code;
use gridledger_schema::wire::RecoveryPhase;
use gridledger_server::desk::writing::submit;
use gridledger_server::store::StoreError;
use gridledger_tests::office::{creating, put};
use gridledger_tests::world::{Line, Phone, World};
use serde_json::json;

/// Two workers of one grid, with their phones.
fn two() -> (World, Phone, Phone) {
    two_in(World::new(1))
}

fn two_in(world: World) -> (World, Phone, Phone) {
    world.user("w1", "grid_worker", "G1");
    world.user("w2", "grid_worker", "G1");
    world.dwelling("G1");
    let (a, b) = (world.enrolled_phone("w1"), world.enrolled_phone("w2"));
    (world, a, b)
}

fn patrol(phone: &mut Phone, note: &str) -> RecordId {
    let intents = Intents::new()
        .put("started", 1_767_571_200_000_i64)
        .add("companions", note)
        .increment("posters_removed", 1);
    phone.creates("patrol", "G1", intents)
}

fn household(phone: &mut Phone, label: &str) -> RecordId {
    let dwellings = phone.masked_records(&Query::of_type("dwelling"));
    let intents = Intents::new().put("dwelling_id", dwellings[0].id.to_string()).put("label", label);
    phone.creates("household", "G1", intents)
}

fn label(phone: &mut Phone, record: RecordId, label: &str) {
    let intents = Intents::new().put("label", label);
    phone.edits(record, intents);
}

fn shown_label(phone: &mut Phone, record: RecordId) -> Option<String> {
    let found = phone.find(record);
    Some(found?.view["label"].as_str()?.to_owned())
}

fn count_one_more(phone: &mut Phone, record: RecordId, note: &str) {
    let intents = Intents::new().increment("posters_removed", 1).add("companions", note);
    phone.edits(record, intents);
}

/// The removed posters of a patrol, its companions, and its edits that wait.
fn shown(phone: &mut Phone, record: RecordId) -> (i64, usize, u32) {
    let found = phone.find(record);
    let found = found.expect("the record is shown");
    (
        found.view["posters_removed"].as_i64().expect("a count"),
        found.view["companions"].as_array().map_or(0, Vec::len),
        found.pending,
    )
}

/// Everyone syncs until nobody has anything new.
fn settle(world: &World, phones: &mut [&mut Phone]) {
    for _ in 0..12 {
        let mut quiet = true;
        for phone in phones.iter_mut() {
            let report = phone.syncs(world);
            assert_eq!(report.healed, 0, "the digests are equal");
            quiet &= report.changed == 0 && report.decided == 0 && report.round_trips == 1;
        }
        if quiet {
            return;
        }
    }
    panic!("not quiet");
}

/// Equal on the server and on every phone, and the store is what its entries make.
fn all_hold(world: &World, phones: &mut [&mut Phone], wanted: &[(RecordId, i64)]) {
    world.is_whole();
    for phone in phones.iter_mut() {
        for (record, count) in wanted {
            assert_eq!(shown(phone, *record), (*count, *count as usize, 0));
        }
        let all = phone.all_records();
        // Beside the dwelling that households are in.
        let noted = all.iter().filter(|record| record.record_type != "dwelling");
        assert_eq!(noted.count(), wanted.len());
        let status = phone.status();
        assert_eq!((status.unsent, status.attention), (0, 0), "{status:?}");
    }
    for (record, count) in wanted {
        assert_eq!(world.ledger_view(*record)["posters_removed"], *count);
    }
}

#[test]
fn what_was_acknowledged_since_the_backup_comes_back_once() {
    let (mut world, mut a, mut b) = two();
    let old = patrol(&mut a, "p0");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    count_one_more(&mut a, old, "p1");
    let new = patrol(&mut a, "n0");
    settle(&world, &mut [&mut a, &mut b]);
    count_one_more(&mut b, new, "n1");
    settle(&world, &mut [&mut a, &mut b]);
    count_one_more(&mut a, new, "n2");
    settle(&world, &mut [&mut a, &mut b]);
    world.pass(3_600_000);
    world.restore(&backup);
    // B comes first: what it did on what A has still to bring back waits, and all of it stays on the screen.
    b.syncs(&world);
    assert_eq!(shown(&mut b, new), (3, 3, 1));
    assert_eq!(shown(&mut b, old), (2, 2, 0));
    settle(&world, &mut [&mut a, &mut b]);
    all_hold(&world, &mut [&mut a, &mut b], &[(old, 2), (new, 3)]);
    // Work goes on.
    count_one_more(&mut b, old, "p2");
    settle(&world, &mut [&mut a, &mut b]);
    all_hold(&world, &mut [&mut a, &mut b], &[(old, 3), (new, 3)]);
}

#[test]
fn who_had_seen_a_value_still_overrules_it() {
    let (mut world, mut a, mut b) = two();
    let backup = world.backup("backup.db");
    let house = household(&mut a, "one");
    settle(&world, &mut [&mut a, &mut b]);
    label(&mut b, house, "two");
    settle(&world, &mut [&mut a, &mut b]);
    label(&mut a, house, "three");
    settle(&world, &mut [&mut a, &mut b]);
    world.pass(3_600_000);
    world.restore(&backup);
    b.syncs(&world);
    assert_eq!(shown_label(&mut b, house).as_deref(), Some("three"));
    // Made while the record is shown from before: it has seen what is shown.
    label(&mut b, house, "four");
    assert_eq!(shown_label(&mut b, house).as_deref(), Some("four"));
    settle(&world, &mut [&mut a, &mut b]);
    for phone in [&mut a, &mut b] {
        assert_eq!(shown_label(phone, house).as_deref(), Some("four"));
        let conflicts = phone.conflicts(None);
        assert!(conflicts.is_empty(), "{conflicts:?}");
    }
    world.is_whole();
}

#[test]
fn a_phone_that_was_out_at_backup_and_restore_brings_everything() {
    let (mut world, mut a, mut b) = two();
    let (first, mut out) = (patrol(&mut a, "p0"), world.phone("w2", 0));
    out.syncs(&world);
    settle(&world, &mut [&mut a, &mut b]);
    out.syncs(&world);
    // Out from here on, with work on what it has and work of its own.
    count_one_more(&mut out, first, "p1");
    let own = patrol(&mut out, "o0");
    let backup = world.backup("backup.db");
    count_one_more(&mut b, first, "p2");
    settle(&world, &mut [&mut a, &mut b]);
    world.restore(&backup);
    settle(&world, &mut [&mut a, &mut b]);
    assert_eq!(shown(&mut a, first), (2, 2, 0));
    settle(&world, &mut [&mut a, &mut b, &mut out]);
    all_hold(&world, &mut [&mut a, &mut b, &mut out], &[(first, 3), (own, 1)]);
}

#[test]
fn a_second_restore_in_the_middle_loses_nothing() {
    let (mut world, mut a, mut b) = two();
    let old = patrol(&mut a, "p0");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    count_one_more(&mut a, old, "p1");
    let new = patrol(&mut a, "n0");
    settle(&world, &mut [&mut a, &mut b]);
    count_one_more(&mut b, new, "n1");
    settle(&world, &mut [&mut a, &mut b]);
    world.pass(60_000);
    world.restore(&backup);
    // A has moved and brought its part; B has moved and brought nothing yet.
    a.syncs(&world);
    let middle = world.backup("middle.db");
    b.syncs_over(&world, Line::AnswerLost);
    count_one_more(&mut b, old, "p2");
    world.pass(60_000);
    world.restore(&backup);
    b.syncs(&world);
    assert_eq!(shown(&mut b, old), (3, 3, 1));
    assert_eq!(shown(&mut b, new), (2, 2, 1));
    world.pass(60_000);
    world.restore(&middle);
    b.syncs(&world);
    assert_eq!(shown(&mut b, old), (3, 3, 1));
    settle(&world, &mut [&mut a, &mut b]);
    all_hold(&world, &mut [&mut a, &mut b], &[(old, 3), (new, 2)]);
}

#[test]
fn desks_and_new_work_wait_while_the_server_gathers() {
    let (mut world, mut a, mut b) = two();
    world.user("d1", "grid_worker", "G1");
    let record = patrol(&mut a, "p0");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    count_one_more(&mut b, record, "p1");
    settle(&world, &mut [&mut a, &mut b]);
    world.restore(&backup);
    let created = |world: &World| {
        let clerk = world.clerk("d1");
        let patrol = creating("patrol", "G1", put("started", json!(1_767_571_200_000_i64)));
        submit(&world.service, &clerk.user, vec![patrol])
    };
    let refused = created(&world).expect_err("it gathers");
    assert!(matches!(refused, StoreError::Recovering));
    let new = patrol(&mut a, "n0");
    a.syncs(&world);
    let status = a.status();
    assert_eq!(status.unsent, 1, "what is new waits on the phone");
    assert_eq!(status.trouble.map(|trouble| trouble.code), Some(Code::Recovering));
    settle(&world, &mut [&mut b, &mut a]);
    all_hold(&world, &mut [&mut a, &mut b], &[(record, 2), (new, 1)]);
    let made = created(&world).expect("it is over").remove(0);
    assert!(made.record.is_some(), "{made:?}");
    // Whoever comes late finds it over, and a server that starts again does too.
    world.restart();
    let phase = world.recovery_phase();
    assert_eq!(phase, RecoveryPhase::Over);
}

/// A phone that synced each entry by itself shows more receipts than one request takes. Each entry goes with its proof.
#[test]
fn what_many_receipts_prove_comes_back_without_rights() {
    const WALKS: usize = 520;
    let (mut world, mut a, mut b) = two();
    let backup = world.backup("backup.db");
    for i in 0..WALKS {
        patrol(&mut a, &format!("walk {i}"));
        a.syncs(&world);
    }
    world.pass(1_000);
    world.restore(&backup);
    // It comes long after that is over, and nobody may do it any more: what is not proven is refused.
    assert!(world.take("w1", "grid_worker", "G1"));
    world.pass(40 * DAY_MS);
    world.service.confirm_clock().expect("an operator looks");
    for _ in 0..4 {
        a.syncs(&world);
        b.syncs(&world);
    }
    assert_eq!(b.records_of("patrol").len(), WALKS);
    assert_eq!(a.status().attention, 0);
}

#[test]
fn a_backup_made_under_load_brings_every_acknowledged_edit_back_once() {
    const PHONES: usize = 4;
    const ROUNDS: i64 = 12;
    let mut world = World::staffed(1, &[("w1", "grid_worker", "G1")]);
    let mut phones: Vec<Phone> = (0..PHONES).map(|_| world.phone("w1", 0)).collect();
    for phone in &mut phones {
        phone.syncs(&world);
    }
    let shared = patrol(&mut phones[0], "s0");
    settle(&world, &mut phones.iter_mut().collect::<Vec<_>>());
    // Everybody works and syncs; somewhere in between a backup is made.
    let (ready, halfway) = (Barrier::new(PHONES + 1), Barrier::new(PHONES + 1));
    let backup = std::thread::scope(|scope| {
        for (index, phone) in phones.iter_mut().enumerate() {
            let (world, ready, halfway) = (&world, &ready, &halfway);
            scope.spawn(move || {
                ready.wait();
                for round in 0..ROUNDS {
                    patrol(phone, &format!("{index}.{round}"));
                    count_one_more(phone, shared, &format!("s{index}.{round}"));
                    phone.syncs(world);
                    if round == ROUNDS / 2 {
                        halfway.wait();
                    }
                }
            });
        }
        ready.wait();
        halfway.wait();
        world.backup("backup.db")
    });
    let saved = PHONES * ROUNDS as usize + 1;
    world.pass(1_000);
    world.restore(&backup);
    let mut all: Vec<&mut Phone> = phones.iter_mut().collect();
    settle(&world, &mut all);
    assert_eq!(shown(all[0], shared).0, 1 + PHONES as i64 * ROUNDS);
    for phone in &mut all {
        let held = phone.all_records();
        assert_eq!(held.len(), saved);
        assert!(held.iter().all(|record| record.pending == 0));
        assert!(phone.lost().is_empty());
        assert!(phone.attention().is_empty());
    }
    world.is_whole();
}
