//! The server's clock.

use gridledger_schema::wire::RecoveryPhase;
use gridledger_server::desk::writing::submit;
use gridledger_server::epochs::{Reason, Wanted, erase, retain};
use gridledger_server::rights::reader::ReadError;
use gridledger_server::service::clock::Doubt;
use gridledger_server::store::{Store, StoreError};
use gridledger_tests::engines::engines;
use gridledger_tests::office::{creating, put};
use gridledger_tests::world::{MORNING, Phone, World};
use serde_json::json;

use super::{DAY, HOUR, YEAR, patrol, team, unsure};

/// Works, then has the clock set wrong by `skew`; nothing goes in, and everything does when it is right again.
fn waits_for_the_clock(skew: i64, starts_with_it: bool) {
    let (mut world, mut phones) = team(2);
    let [a, b] = &mut phones[..] else { panic!("two phones") };
    let first = patrol(a, "before");
    a.syncs(&world);
    patrol(a, "meanwhile");
    if starts_with_it {
        world.off_for(HOUR, skew);
    } else {
        world.set_server_skew(skew);
    }
    unsure(a, &world);
    unsure(b, &world);
    let clerk = world.clerk("w1");
    let desk = creating("patrol", "G1", put("started", json!(MORNING)));
    let desk = submit(&world.service, &clerk.user, vec![desk]);
    assert!(matches!(desk, Err(StoreError::ClockUnsure)), "{desk:?}");
    let wanted = Wanted {
        record: first,
        fields: Vec::new(),
        reason: Reason::Request,
        by: "w1".into(),
        asked_at: MORNING,
    };
    let erased = erase(&world.service, &wanted);
    assert!(matches!(erased, Err(ReadError::Store(StoreError::ClockUnsure))), "{erased:?}");
    let run = retain(&world.service, false);
    assert!(matches!(run, Err(StoreError::ClockUnsure)), "{run:?}");
    let status = a.status();
    assert_eq!((status.unsent, status.attention, status.clock_offset_ms), (1, 0, 0));
    world.set_server_skew(0);
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused, report.corrected), (1, 0, 0));
    b.syncs(&world);
    assert_eq!(b.all_records().len(), 2);
}

#[test]
fn nothing_is_taken_or_erased_while_the_clock_is_wrong() {
    for skew in [6 * YEAR, 4 * DAY, -11 * DAY, -6 * YEAR, -3 * HOUR] {
        waits_for_the_clock(skew, true);
        waits_for_the_clock(skew, false);
    }
}

#[test]
fn a_weekend_off_and_a_year_of_quiet_need_nobody() {
    let (mut world, mut phones) = team(1);
    world.off_for(60 * HOUR, 0);
    phones[0].syncs(&world); // a Monday
    // The server ran all the time, and nobody came.
    world.pass(YEAR);
    phones[0].syncs(&world); // a year later
    world.off_for(HOUR, 0);
    phones[0].syncs(&world); // it was written down when it stopped
}

#[test]
fn three_peoples_phones_confirm_the_time_after_a_holiday() {
    let (mut world, mut phones) = team(4);
    let mut second = world.enrolled_phone("w1"); // another phone of the first
    let waiting = patrol(&mut phones[3], "after the holiday");
    world.off_for(9 * DAY, 0);
    assert!(matches!(world.service.clock_doubt(), Ok(Some(Doubt::Ahead { .. }))));
    unsure(&mut phones[0], &world);
    unsure(&mut second, &world);
    unsure(&mut phones[1], &world);
    unsure(&mut phones[0], &world);
    let report = phones[3].syncs(&world); // the third person
    assert_eq!(report.decided, 1);
    phones[0].syncs(&world); // it is settled
    let held = phones[0].find(waiting);
    assert!(held.is_some());
    assert_eq!(world.service.clock_doubt().expect("the store"), None);
}

#[test]
fn few_people_confirm_the_time_together_and_one_alone() {
    let (mut world, mut phones) = team(2);
    world.off_for(9 * DAY, 0);
    unsure(&mut phones[0], &world);
    phones[1].syncs(&world); // both say the same
    let (mut world, mut phones) = team(1);
    world.off_for(9 * DAY, 0);
    phones[0].syncs(&world); // the only phone
}

#[test]
fn hostile_phones_neither_confirm_a_wrong_clock_nor_hold_up_a_right_one() {
    // The clock is wrong, and one phone, whose clock is set to the same, says that it is right; again and again.
    let (mut world, mut phones) = team(5);
    world.off_for(HOUR, 6 * YEAR);
    phones[0].set_skew(6 * YEAR);
    for _ in 0..5 {
        unsure(&mut phones[0], &world);
        world.pass(1_000);
    }
    for phone in &mut phones[1..] {
        unsure(phone, &world);
    }
    // It is right after a pause, and phones that say another time do not count.
    world.set_server_skew(0);
    world.off_for(9 * DAY, 0);
    for phone in &mut phones[..2] {
        phone.set_skew(-YEAR);
        unsure(phone, &world);
    }
    unsure(&mut phones[2], &world);
    unsure(&mut phones[3], &world);
    phones[0].set_skew(YEAR);
    unsure(&mut phones[0], &world);
    phones[4].syncs(&world); // three of five say the same
}

#[test]
fn a_shut_out_phone_is_no_witness() {
    let (mut world, mut phones) = team(4);
    let devices = world.store().devices();
    let of = |index: usize| devices[index].no;
    for index in [0, 1] {
        world.store().set_device_revoked(of(index), true);
    }
    world.off_for(9 * DAY, 0);
    for phone in &mut phones[..3] {
        unsure(phone, &world);
    }
    phones[3].syncs(&world); // both that are left say the same
}

#[test]
fn what_phones_said_counts_for_the_clock_it_was_said_of() {
    let (mut world, mut phones) = team(3);
    world.off_for(9 * DAY, 0);
    unsure(&mut phones[0], &world);
    unsure(&mut phones[1], &world);
    world.set_server_skew(30 * DAY);
    phones[2].set_skew(30 * DAY);
    unsure(&mut phones[2], &world);
}

#[test]
fn a_store_written_under_a_clock_ahead_is_put_right_by_phones_or_by_the_operator() {
    for by_phones in [true, false] {
        let (mut world, mut phones) = team(3);
        // Two days are believed; then somebody sets it right.
        world.set_server_skew(2 * DAY);
        patrol(&mut phones[0], "under the wrong clock");
        phones[0].syncs(&world); // it is believed
        let run_at = world.service.now();
        world.store().note_daily_run(run_at);
        world.set_server_skew(0);
        patrol(&mut phones[0], "under the right clock");
        unsure(&mut phones[0], &world);
        let doubt = world.service.clock_doubt().expect("the store").expect("a doubt");
        assert!(matches!(doubt, Doubt::Behind { .. }), "{doubt:?}");
        if by_phones {
            unsure(&mut phones[1], &world);
            phones[2].syncs(&world); // three say the same
        } else {
            world.service.confirm_clock().expect("the operator's word");
        }
        let report = phones[0].syncs(&world); // it is settled
        assert_eq!((report.decided, report.refused), (1, 0));
        // The phone had believed the server's clock, and does so no more.
        let status = phones[0].status();
        assert_eq!(status.clock_offset_ms, 0);
        let newest = patrol(&mut phones[0], "right");
        let shown = phones[0].record(newest);
        assert_eq!(shown.changed_at, world.service.now());
        world.off_for(HOUR, 0);
        phones[0].syncs(&world); // and it stays so
    }
}

#[test]
fn an_operator_vouches_for_another_node_too() {
    for engine in engines() {
        let store = engine.store.as_ref();
        store.beat(MORNING + DAY, 0).expect("a beat");
        store.beat(MORNING, 0).expect("an older one");
        assert_eq!(store.clock().expect("the row").beat, Some(MORNING + DAY), "{}", engine.name);
        store.confirm_clock(MORNING).expect("a confirmation");
        store.beat(MORNING + 2 * DAY, 0).expect("one of a node that has not heard");
        let row = store.clock().expect("the row");
        assert_eq!((row.beat, row.confirmed), (Some(MORNING), 1), "{}", engine.name);
        store.beat(MORNING + HOUR, 1).expect("one that has");
        store.note_daily_run(MORNING + HOUR).expect("a run");
        let row = store.clock().expect("the row");
        assert_eq!((row.beat, row.daily), (Some(MORNING + HOUR), Some(MORNING + HOUR)), "{}", engine.name);
        let database = store.database_time().expect("a look");
        assert_eq!(database.is_some(), store.is_shared(), "{}", engine.name);
    }
}

/// A store of the version before has no time written down: what was written in it tells.
#[test]
fn the_newest_of_a_store_is_of_its_logs_and_of_its_devices() {
    let newest = |store: &Store| store.newest().expect("the store");
    for engine in engines() {
        assert_eq!(newest(engine.store.as_ref()), None, "{}", engine.name);
    }
    let (world, mut phones) = team(1);
    world.pass(10_000);
    patrol(&mut phones[0], "newer");
    phones[0].syncs(&world);
    assert_eq!(newest(&world.service.store), Some(MORNING + 10_000));
}

#[test]
fn a_recovery_does_not_end_on_a_clock_that_jumped() {
    let (mut world, mut phones) = team(2);
    let backup = world.backup("backup.db");
    let lost = patrol(&mut phones[0], "after the backup");
    phones[0].syncs(&world);
    world.restore(&backup);
    let phase = |world: &World| world.recovery_phase();
    // More than the window, and within what a clock may jump.
    world.set_server_skew(2 * DAY);
    assert_eq!(phase(&world), RecoveryPhase::Gathering);
    world.set_server_skew(30 * DAY);
    assert_ne!(phase(&world), RecoveryPhase::Over);
    unsure(&mut phones[1], &world);
    world.set_server_skew(0);
    assert_eq!(phase(&world), RecoveryPhase::Gathering);
    let all: &mut [Phone] = &mut phones;
    for _ in 0..2 {
        for phone in all.iter_mut() {
            phone.syncs(&world);
        }
    }
    assert_eq!(phase(&world), RecoveryPhase::Over);
    assert!(all[1].find(lost).is_some());
    assert_eq!(all[0].unsent(), 0);
}
