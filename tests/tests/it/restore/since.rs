//! Acts since the backup that no phone's entries hold: devices enrolled and revoked, values erased.

use std::collections::BTreeMap;

use gridledger_client::{Intents, RecordId};
use gridledger_schema::code::Code;
use gridledger_server::epochs::{Reason, Wanted, erase};
use gridledger_tests::world::{Phone, SyncFailure};
use serde_json::{Value, json};

use super::{all_hold, count_one_more, household, label, patrol, settle, shown, shown_label, two};

#[test]
fn a_phone_enrolled_after_the_backup_enrols_again_and_brings_its_work() {
    let (mut world, mut a, mut b) = two();
    let backup = world.backup("backup.db");
    let mut late = world.enrolled_phone("w2");
    let made = patrol(&mut late, "l0");
    late.syncs(&world);
    settle(&world, &mut [&mut a, &mut b]);
    world.restore(&backup);
    let refused = late.sync(&world).expect_err("the server does not know it");
    let SyncFailure::Server(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.code(), Code::DeviceUnknown);
    assert_eq!(shown(&mut late, made), (1, 1, 0));
    // Its number is nobody else's.
    let mut other = world.enrolled_phone("w1");
    let code = world.code("w2");
    late.enrols_with(&code);
    settle(&world, &mut [&mut a, &mut b, &mut late, &mut other]);
    all_hold(&world, &mut [&mut a, &mut b, &mut late], &[(made, 1)]);
}

#[test]
fn a_phone_whose_number_was_given_again_enrols_again_and_brings_its_work() {
    let (mut world, mut a, mut b) = two();
    let snapshot = world.backup("snapshot.db");
    let mut late = world.enrolled_phone("w2");
    let made = patrol(&mut late, "l0");
    late.syncs(&world);
    // The store is set back, and somebody is enrolled before anybody has noticed.
    world.restore_told(&snapshot, false);
    let mut other = world.enrolled_phone("w1");
    world.restore_in_place();
    let refused = late.sync(&world).expect_err("its number is another's");
    let SyncFailure::Server(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.code(), Code::DeviceUnknown);
    let code = world.code("w2");
    late.enrols_with(&code);
    settle(&world, &mut [&mut a, &mut b, &mut late, &mut other]);
    all_hold(&world, &mut [&mut a, &mut b, &mut late, &mut other], &[(made, 1)]);
}

#[test]
fn who_was_revoked_after_the_backup_stays_out_once_that_is_done_again() {
    let (mut world, mut a, mut b) = two();
    let record = patrol(&mut a, "p0");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    count_one_more(&mut b, record, "p1");
    settle(&world, &mut [&mut a, &mut b]);
    let devices = world.store().devices();
    let lost = devices.last().expect("b's device").no;
    world.store().set_device_revoked(lost, true);
    world.restore(&backup);
    world.store().set_device_revoked(lost, true); // revoked again
    let refused = b.sync(&world).expect_err("it is revoked");
    assert!(matches!(refused, SyncFailure::Server(refused) if refused.code() == Code::DeviceRevoked));
    // Nobody waits for it.
    settle(&world, &mut [&mut a]);
    let new = patrol(&mut a, "n0");
    settle(&world, &mut [&mut a]);
    assert_eq!(shown(&mut a, new), (1, 1, 0));
    // The change that it had brought is listed as lost.
    let told = a.lost();
    assert_eq!(told.iter().map(|lost| (lost.record, lost.changes)).collect::<Vec<_>>(), [(record, 1)]);
}

#[test]
fn what_was_erased_since_the_backup_does_not_come_back_with_its_author() {
    let (mut world, mut a, mut b) = two();
    let house = household(&mut a, "one");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    label(&mut a, house, "canary");
    mark_vacant(&mut a, house);
    settle(&world, &mut [&mut a, &mut b]);
    let wanted = Wanted {
        record: house,
        fields: vec!["label".into()],
        reason: Reason::Request,
        by: "p1".into(),
        asked_at: world.service.now(),
    };
    erase(&world.service, &wanted).expect("it is erased");
    settle(&world, &mut [&mut a, &mut b]);
    world.restore(&backup);
    settle(&world, &mut [&mut a, &mut b]);
    // The entry that held it is an empty place in the chain; the one after it is there.
    let found = a.record(house);
    assert_eq!((&found.view["label"], &found.view["status"]), (&json!("one"), &json!("vacant")));
    let history = world.store().history(house);
    let canary = |body: &[u8]| body.windows(6).any(|bytes| bytes == b"canary");
    assert_eq!(history.len(), 3);
    assert!(!history.iter().any(|row| canary(&row.body)));
    world.is_whole();
    // The erasure is done again; a new entry of the same author goes on from there.
    erase(&world.service, &wanted).expect("it is erased again");
    settle(&world, &mut [&mut a, &mut b]);
    label(&mut a, house, "two");
    settle(&world, &mut [&mut a, &mut b]);
    assert_eq!(shown_label(&mut b, house).as_deref(), Some("two"));
    world.is_whole();
}

fn mark_vacant(phone: &mut Phone, house: RecordId) {
    let intents = Intents::new().put("status", "vacant");
    phone.edits(house, intents);
}

#[test]
fn a_desk_that_pulled_since_the_backup_is_told_to_begin_again() {
    let (mut world, mut a, mut b) = two();
    world.user("s1", "general_grid_head", "C");
    let record = patrol(&mut a, "p0");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    count_one_more(&mut a, record, "p1");
    settle(&world, &mut [&mut a, &mut b]);
    let clerk = world.clerk("s1");
    let (rows, cursor) = clerk.pull("patrol", &[], "", 10);
    assert_eq!(rows.len(), 1);
    world.restore(&backup);
    let clerk = world.clerk("s1");
    assert_eq!(clerk.refused_page("patrol", &[("since", &cursor)]), Code::ServerEpochChanged);
    let (rows, cursor) = clerk.pull("patrol", &[], "", 10);
    let count =
        |rows: &BTreeMap<String, Value>| rows.values().next().map(|row| row["posters_removed"].clone());
    assert_eq!(count(&rows), Some(json!(1)));
    settle(&world, &mut [&mut a, &mut b]);
    let (rows, _) = world.clerk("s1").pull("patrol", &[], &cursor, 10);
    assert_eq!(count(&rows), Some(json!(2)));
}
