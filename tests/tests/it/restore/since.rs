//! What was done since the backup and is in no phone's entries: devices enrolled and revoked, values erased.

use std::collections::BTreeMap;

use gridledger_client::{Intents, RecordId};
use gridledger_schema::code::Code;
use gridledger_server::epochs::{Reason, Wanted, erase};
use gridledger_server::operate::verify::verify;
use gridledger_tests::office::Clerk;
use gridledger_tests::world::{Phone, SyncFailure};
use serde_json::{Value, json};

use super::{all_hold, count_one_more, household, label, patrol, settle, shown, shown_label, two};

#[test]
fn a_phone_enrolled_after_the_backup_enrols_again_and_brings_its_work() {
    let (mut world, mut a, mut b) = two();
    let backup = world.backup("backup.db");
    let mut late = world.phone("w2", 0);
    late.sync(&world).expect("a first sync");
    let made = patrol(&mut late, "l0");
    late.sync(&world).expect("a sync");
    settle(&world, &mut [&mut a, &mut b]);
    world.restore(&backup);
    let refused = late.sync(&world).expect_err("the server does not know it");
    let SyncFailure::Server(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.code(), Code::DeviceUnknown);
    assert_eq!(shown(&mut late, made), (1, 1, 0));
    // Its number is nobody else's.
    let mut other = world.phone("w1", 0);
    other.sync(&world).expect("a first sync");
    let code = world.code("w2");
    late.engine().enrol("http://nowhere", &code).expect("enrolment is noted");
    settle(&world, &mut [&mut a, &mut b, &mut late, &mut other]);
    all_hold(&world, &mut [&mut a, &mut b, &mut late], &[(made, 1)]);
}

#[test]
fn a_phone_whose_number_was_given_again_enrols_again_and_brings_its_work() {
    let (mut world, mut a, mut b) = two();
    let snapshot = world.backup("snapshot.db");
    let mut late = world.phone("w2", 0);
    late.sync(&world).expect("a first sync");
    let made = patrol(&mut late, "l0");
    late.sync(&world).expect("a sync");
    // The store is set back, and somebody is enrolled before anybody has noticed.
    world.restore_told(&snapshot, false);
    let mut other = world.phone("w1", 0);
    other.sync(&world).expect("a first sync");
    world.restore_in_place();
    let refused = late.sync(&world).expect_err("its number is another's");
    let SyncFailure::Server(refused) = refused else { panic!("{refused}") };
    assert_eq!(refused.code(), Code::DeviceUnknown);
    let code = world.code("w2");
    late.engine().enrol("http://nowhere", &code).expect("enrolment is noted");
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
    let devices = world.service.store.devices().expect("devices");
    let lost = devices.last().expect("b's device").no;
    world.service.store.set_device_revoked(lost, true).expect("revoked");
    world.restore(&backup);
    world.service.store.set_device_revoked(lost, true).expect("revoked again");
    let refused = b.sync(&world).expect_err("it is revoked");
    assert!(matches!(refused, SyncFailure::Server(refused) if refused.code() == Code::DeviceRevoked));
    // Nobody waits for it.
    settle(&world, &mut [&mut a]);
    let new = patrol(&mut a, "n0");
    settle(&world, &mut [&mut a]);
    assert_eq!(shown(&mut a, new), (1, 1, 0));
    // What it had brought is told to be missing, not silently gone.
    let told = a.engine().lost().expect("the list");
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
    let found = a.engine().for_check().get(house).expect("the store").expect("the household");
    assert_eq!((&found.view["label"], &found.view["status"]), (&json!("one"), &json!("vacant")));
    let history = world.service.store.history(house).expect("the history");
    let canary = |body: &[u8]| body.windows(6).any(|bytes| bytes == b"canary");
    assert_eq!(history.len(), 3);
    assert!(!history.iter().any(|row| canary(&row.body)));
    let report = verify(&world.service).expect("the store");
    assert!(report.is_whole(), "{:?}", report.listed);
    // The erasure is done again; a new entry of the same author goes on from there.
    erase(&world.service, &wanted).expect("it is erased again");
    settle(&world, &mut [&mut a, &mut b]);
    label(&mut a, house, "two");
    settle(&world, &mut [&mut a, &mut b]);
    assert_eq!(shown_label(&mut b, house).as_deref(), Some("two"));
    assert!(verify(&world.service).expect("the store").is_whole());
}

fn mark_vacant(phone: &mut Phone, house: RecordId) {
    let intents = Intents::new().put("status", "vacant");
    phone.engine().edit(house, intents).expect("an edit");
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
    let clerk = Clerk::new(&world.service, "s1");
    let (rows, cursor) = clerk.pull("patrol", &[], "", 10);
    assert_eq!(rows.len(), 1);
    world.restore(&backup);
    let clerk = Clerk::new(&world.service, "s1");
    assert_eq!(clerk.refused_page("patrol", &[("since", &cursor)]), Code::ServerEpochChanged);
    let (rows, cursor) = clerk.pull("patrol", &[], "", 10);
    let count =
        |rows: &BTreeMap<String, Value>| rows.values().next().map(|row| row["posters_removed"].clone());
    assert_eq!(count(&rows), Some(json!(1)));
    settle(&world, &mut [&mut a, &mut b]);
    let (rows, _) = Clerk::new(&world.service, "s1").pull("patrol", &[], &cursor, 10);
    assert_eq!(count(&rows), Some(json!(2)));
}
