//! Phones' clocks.

use gridledger_client::{Intents, RecordId, SentState};
use gridledger_schema::limits;
use gridledger_schema::wire::Request;
use gridledger_tests::attacker::Attacker;
use gridledger_tests::forms;
use gridledger_tests::world::{Line, MORNING, Phone, World};
use serde_json::{Value, json};

use super::{DAY, HOUR, YEAR, patrol, team};

/// The times of a phone's own entries, the first first.
fn times(phone: &mut Phone) -> Vec<i64> {
    let mut receipts = phone.receipts();
    receipts.sort_by_key(|edit| edit.n);
    receipts.into_iter().map(|edit| edit.at).collect()
}

/// A dwelling, a household in it, somebody there, a visit: each names the one before.
fn a_day(world: &World, phone: &mut Phone) -> Vec<RecordId> {
    let create = |phone: &mut Phone, of: &str, intents: Intents| {
        world.pass(HOUR);
        phone.creates(of, "G1", intents)
    };
    let dwelling = create(phone, "dwelling", forms::dwelling("长江路", "9"));
    let household = create(phone, "household", forms::household(dwelling, "新来的"));
    let person = create(phone, "person", forms::person("王新").put("birth_year", 1990));
    let residency = create(phone, "residency", forms::residency(person, household));
    world.pass(HOUR);
    phone.puts(household, "label", "搬来的");
    vec![dwelling, household, person, residency]
}

/// The day of a phone whose clock is off by `skew` all day goes in with the first sync, at the times it was.
fn the_day_goes_in(skew: i64) {
    let (world, mut phones) = team(2);
    let [a, b] = &mut phones[..] else { panic!("two phones") };
    a.set_skew(skew);
    let records = a_day(&world, a);
    world.pass(HOUR);
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused, report.corrected), (5, 0, 5), "{skew}");
    assert_eq!((a.unsent(), a.status().trouble), (0, None));
    let hours: Vec<i64> = (1..=5).map(|hour| MORNING + hour * HOUR).collect();
    assert_eq!(times(a), hours, "{skew}");
    let report = b.syncs(&world);
    assert_eq!((report.proven, report.healed), (1, 0));
    for record in records {
        assert_eq!(a.view(record), b.view(record), "the same records, under the same ids");
    }
    assert_eq!(b.records_of("household")[0].changed_at, MORNING + 5 * HOUR);
    // An edit saved from now on has the right time at once.
    patrol(a, "evening");
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.corrected, report.round_trips), (1, 0, 1));
}

#[test]
fn the_day_of_a_phone_whose_clock_is_wrong_goes_in_with_its_first_sync() {
    for skew in [400 * DAY, 11 * DAY, 30 * YEAR, 200 * YEAR, 7 * HOUR, -400 * DAY, -27 * YEAR, -60 * YEAR] {
        the_day_goes_in(skew);
    }
}

#[test]
fn what_an_hour_more_or_less_does_is_left_alone() {
    let (world, mut phones) = team(1);
    phones[0].set_skew(limits::CLOCK_AHEAD_MS);
    patrol(&mut phones[0], "a little early");
    let report = phones[0].syncs(&world);
    assert_eq!((report.decided, report.corrected, report.round_trips), (1, 0, 1));
}

#[test]
fn what_the_server_has_decided_keeps_its_time_though_the_answer_was_lost() {
    let (world, mut phones) = team(2);
    let [a, b] = &mut phones[..] else { panic!("two phones") };
    let first = patrol(a, "in the morning");
    a.syncs_over(&world, Line::AnswerLost);
    a.set_skew(400 * DAY);
    world.pass(HOUR);
    let second = patrol(a, "at noon");
    // The word that it is of the future is lost as well.
    a.syncs_over(&world, Line::AnswerLost);
    world.pass(HOUR);
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused, report.corrected), (2, 0, 1));
    assert_eq!(times(a), [MORNING, MORNING + HOUR]);
    b.syncs(&world);
    for record in [first, second] {
        assert_eq!(a.view(record), b.view(record));
    }
    assert_eq!(world.store().counts().1, 2, "nothing was sent twice");
    a.syncs(&world);
    let states = a.receipts();
    assert!(states.iter().all(|edit| edit.state == SentState::InLedger), "{states:?}");
}

#[test]
fn a_clock_set_right_before_the_sync_loses_no_more_than_the_minute() {
    let (world, mut phones) = team(1);
    let a = &mut phones[0];
    world.pass(HOUR);
    patrol(a, "right");
    a.set_skew(400 * DAY);
    world.pass(HOUR);
    patrol(a, "wrong");
    a.set_skew(0);
    world.pass(HOUR);
    patrol(a, "right again");
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused, report.corrected), (3, 0, 1));
    // In their order: between the one before and the one after.
    assert_eq!(times(a), [MORNING + HOUR, MORNING + 3 * HOUR, MORNING + 3 * HOUR]);
}

#[test]
fn an_invited_phone_with_a_dead_battery_works_before_its_first_sync() {
    for skew in [-56 * YEAR, -27 * YEAR, -YEAR, 400 * DAY] {
        let world = World::staffed(1, &[("w1", "grid_worker", "G1")]);
        let mut phone = world.phone("w1", skew);
        phone.accepts(&world.invite("w1", MORNING - DAY));
        world.pass(HOUR);
        patrol(&mut phone, "the first");
        world.pass(HOUR);
        patrol(&mut phone, "the second");
        let report = phone.syncs(&world);
        assert_eq!((report.decided, report.refused, report.corrected), (2, 0, 2), "{skew}");
        assert_eq!(times(&mut phone), [MORNING + HOUR, MORNING + 2 * HOUR], "{skew}");
    }
}

#[test]
fn two_processes_on_one_file_send_a_corrected_day_once() {
    let (world, mut phones) = team(1);
    let a = &mut phones[0];
    a.set_skew(400 * DAY);
    let record = patrol(a, "a day ahead");
    let mut twin = a.twin();
    // Both send the same; one of them hears that it is of the future, and corrects it.
    let early = a.makes_request();
    let early = gridledger_tests::world::answer(&world, &early).expect("an answer");
    let report = twin.syncs(&world);
    assert_eq!((report.decided, report.corrected), (1, 1));
    a.receive(&early, &mut gridledger_client::SyncReport::default()).expect("an old answer");
    a.syncs(&world);
    assert_eq!((times(a), a.unsent()), (vec![MORNING], 0));
    assert_eq!(world.store().counts().1, 1);
    a.shows(record, "coverage_note", "a day ahead");
    let own = a.receipts();
    assert_eq!(own.len(), 1, "no second feed: {own:?}");
}

#[test]
fn what_a_clock_ahead_took_for_due_is_shown_again() {
    let (world, mut phones) = team(1);
    let a = &mut phones[0];
    let household = forms::household(world.dwelling("G1"), "三楼").append("notes", "周三来电");
    let household = a.creates("household", "G1", household);
    a.syncs(&world);
    assert_eq!(a.view(household)["notes"].as_array().map(Vec::len), Some(1));
    // The lease goes on: what is withheld is not hidden.
    a.engine().count_lease_by(std::sync::Arc::new(|| MORNING));
    a.set_skew(20 * YEAR);
    assert_eq!(a.view(household)["notes"], Value::Null, "it is taken for due");
    a.set_skew(0);
    a.syncs(&world);
    assert_eq!(a.view(household)["notes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_nobody_corrects_is_taken_and_marked() {
    let world = World::staffed(1, &[("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1")]);
    let (mut author, mut carrier) = (Attacker::enrol(&world, "w1", 1), Attacker::enrol(&world, "w2", 2));
    let first = author.patrol(&world);
    assert_eq!(author.try_entries(&world, vec![first]).codes(), []);
    let mut entry = author.patrol(&world);
    entry.at = MORNING + 400 * DAY;
    let record = entry.record(author.feed);
    // Another device brings it: that one cannot sign it anew.
    let request =
        Request { segments: vec![author.segment(author.head.1, vec![entry])], ..Request::default() };
    assert_eq!(carrier.send(&world, &request).codes(), []);
    let clerk = world.clerk("w1");
    let history = clerk.history(record, None);
    let told = &history["entries"][0];
    assert_eq!(told["uncertain_time"], true);
    assert_eq!((&told["at"], &told["received_at"]), (&json!(MORNING + 400 * DAY), &json!(MORNING)));
    let row = clerk.pull("patrol", &[], "", 10).0[&record.to_string()].clone();
    assert_eq!((&row["created_at"], &row["changed_at"]), (&json!(MORNING), &json!(MORNING)), "{row}");
    world.is_whole();
}

/// A phone that comes back from its own backup corrects its clock once more, by another minute: what the server has decided of
/// it stands, under the times it was decided with.
#[test]
fn a_phone_that_comes_back_with_corrected_times_doubles_nothing() {
    let (world, mut phones) = team(2);
    let [a, b] = &mut phones[..] else { panic!("two phones") };
    a.set_skew(400 * DAY);
    let records = a_day(&world, a);
    let backup = a.back_up();
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.corrected), (5, 5));
    a.come_back(&backup);
    // Set right in another way: each entry gets another time than before.
    a.set_skew(0);
    world.pass(HOUR);
    let later = patrol(a, "after it came back");
    for _ in 0..3 {
        a.syncs(&world);
    }
    b.syncs(&world);
    assert_eq!(world.store().counts().1, 6, "each entry once");
    assert_eq!(a.unsent(), 0);
    for record in records.into_iter().chain([later]) {
        assert_eq!(a.view(record), b.view(record));
    }
    assert_eq!(b.records_of("household").len(), 1);
    assert_eq!(a.status().attention, 0);
    world.is_whole();
}

/// An edit saved under a clock that the phone knew to be wrong gets its time without a question, once the clock is right again.
#[test]
fn a_clock_that_is_right_again_costs_no_round_trip() {
    let (world, mut phones) = team(1);
    let phone = &mut phones[0];
    phone.syncs(&world);
    let told = world.service.now();
    world.pass(HOUR);
    phone.set_skew(-400 * DAY);
    patrol(phone, "under a dead battery's clock");
    world.pass(HOUR);
    phone.set_skew(0);
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused, report.round_trips), (1, 0, 1));
    let made = times(phone)[0];
    assert!((told..=told + 2 * HOUR).contains(&made), "{made}");
}
