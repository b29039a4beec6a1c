//! Phones' clocks.

use gridledger_client::{Intents, Invite, Query, RecordId, SentState};
use gridledger_schema::limits;
use gridledger_schema::wire::{Grant, Request};
use gridledger_server::desk::record as view;
use gridledger_server::operate::verify::verify;
use gridledger_tests::attacker::Attacker;
use gridledger_tests::office::Clerk;
use gridledger_tests::world::{Line, MORNING, Phone, World};
use serde_json::{Value, json};

use super::{DAY, HOUR, YEAR, patrol, team, unsent};

fn shown(phone: &mut Phone, record: RecordId) -> Value {
    let found = phone.engine().for_check().get(record).expect("the store");
    found.expect("the record").view
}

/// The times of a phone's own entries, the first first.
fn times(phone: &mut Phone) -> Vec<i64> {
    let mut receipts = phone.engine().receipts(100).expect("receipts");
    receipts.sort_by_key(|(n, ..)| *n);
    receipts.into_iter().map(|(_, _, at, _)| at).collect()
}

/// A dwelling, a household in it, somebody there, a visit: each names the one before.
fn a_day(world: &World, phone: &mut Phone) -> Vec<RecordId> {
    let create = |phone: &mut Phone, of: &str, intents: Intents| {
        world.pass(HOUR);
        phone.engine().create(of, "G1", intents).expect("a record").record
    };
    let address = json!({ "road": "长江路", "number": "9" });
    let dwelling = create(phone, "dwelling", Intents::new().put("address", address));
    let household = Intents::new().put("dwelling_id", dwelling.to_string()).put("label", "新来的");
    let household = create(phone, "household", household);
    let person = Intents::new().put("name", "王新").put("birth_year", 1990);
    let person = create(phone, "person", person);
    let residency = Intents::new()
        .put("person", person.to_string())
        .put("household", household.to_string())
        .put("kind", "resident");
    let residency = create(phone, "residency", residency);
    world.pass(HOUR);
    let label = Intents::new().put("label", "搬来的");
    phone.engine().edit(household, label).expect("an edit");
    vec![dwelling, household, person, residency]
}

/// The day of a phone whose clock is off by `skew` all day goes in with the first sync, at the times it was.
fn the_day_goes_in(skew: i64) {
    let (world, mut phones) = team(2);
    let [a, b] = &mut phones[..] else { panic!("two phones") };
    a.set_skew(skew);
    let records = a_day(&world, a);
    world.pass(HOUR);
    let report = a.sync(&world).expect("a sync");
    assert_eq!((report.decided, report.refused, report.corrected), (5, 0, 5), "{skew}");
    assert_eq!((unsent(a), a.engine().status().expect("a status").trouble), (0, None));
    let hours: Vec<i64> = (1..=5).map(|hour| MORNING + hour * HOUR).collect();
    assert_eq!(times(a), hours, "{skew}");
    let report = b.sync(&world).expect("a sync");
    assert_eq!((report.proven, report.healed), (1, 0));
    for record in records {
        assert_eq!(shown(a, record), shown(b, record), "the same records, under the same ids");
    }
    let label = b.engine().for_check().list(&Query::of_type("household"));
    assert_eq!(label.expect("a list")[0].changed_at, MORNING + 5 * HOUR);
    // What is saved from now on is right at once.
    patrol(a, "evening");
    let report = a.sync(&world).expect("a sync");
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
    let report = phones[0].sync(&world).expect("a sync");
    assert_eq!((report.decided, report.corrected, report.round_trips), (1, 0, 1));
}

#[test]
fn what_the_server_has_decided_keeps_its_time_though_the_answer_was_lost() {
    let (world, mut phones) = team(2);
    let [a, b] = &mut phones[..] else { panic!("two phones") };
    let first = patrol(a, "in the morning");
    a.sync_over(&world, Line::AnswerLost).expect("it arrived");
    a.set_skew(400 * DAY);
    world.pass(HOUR);
    let second = patrol(a, "at noon");
    // The word that it is of the future is lost as well.
    a.sync_over(&world, Line::AnswerLost).expect("it arrived");
    world.pass(HOUR);
    let report = a.sync(&world).expect("a sync");
    assert_eq!((report.decided, report.refused, report.corrected), (2, 0, 1));
    assert_eq!(times(a), [MORNING, MORNING + HOUR]);
    b.sync(&world).expect("a sync");
    for record in [first, second] {
        assert_eq!(shown(a, record), shown(b, record));
    }
    assert_eq!(world.service.store.counts().expect("counts").1, 2, "nothing was sent twice");
    a.sync(&world).expect("a sync");
    let states = a.engine().receipts(10).expect("receipts");
    assert!(states.iter().all(|(.., state)| *state == SentState::InLedger), "{states:?}");
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
    let report = a.sync(&world).expect("a sync");
    assert_eq!((report.decided, report.refused, report.corrected), (3, 0, 1));
    // In their order: between the one before and the one after.
    assert_eq!(times(a), [MORNING + HOUR, MORNING + 3 * HOUR, MORNING + 3 * HOUR]);
}

#[test]
fn an_invited_phone_with_a_dead_battery_works_before_its_first_sync() {
    for skew in [-56 * YEAR, -27 * YEAR, -YEAR, 400 * DAY] {
        let world = World::new(1);
        world.user("w1", "grid_worker", "G1");
        let mut phone = world.phone("w1", skew);
        let invite = Invite {
            server: "http://nowhere".into(),
            code: world.code("w1"),
            user: "w1".into(),
            name: "王某".into(),
            grants: vec![Grant {
                role: "grid_worker".into(),
                area: world.area("G1"),
                from: MORNING - DAY,
                to: None,
            }],
            areas: world.service.tree().iter().cloned().collect(),
        };
        phone.engine().accept(&invite).expect("an invite");
        world.pass(HOUR);
        patrol(&mut phone, "the first");
        world.pass(HOUR);
        patrol(&mut phone, "the second");
        let report = phone.sync(&world).expect("a first sync");
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
    let early = a.engine().request(0).expect("a request").body;
    let early = gridledger_tests::world::answer(&world, &early).expect("an answer");
    let report = twin.sync(&world).expect("a sync");
    assert_eq!((report.decided, report.corrected), (1, 1));
    a.receive(&early, &mut gridledger_client::SyncReport::default()).expect("an old answer");
    a.sync(&world).expect("a sync");
    assert_eq!((times(a), unsent(a)), (vec![MORNING], 0));
    assert_eq!(world.service.store.counts().expect("counts").1, 1);
    assert_eq!(shown(a, record)["coverage_note"], "a day ahead");
    let own = a.engine().receipts(10).expect("receipts");
    assert_eq!(own.len(), 1, "no second feed: {own:?}");
}

#[test]
fn what_a_clock_ahead_took_for_due_is_shown_again() {
    let (world, mut phones) = team(1);
    let a = &mut phones[0];
    let household = Intents::new()
        .put("dwelling_id", world.dwelling("G1"))
        .put("label", "三楼")
        .append("notes", "周三来电");
    let household = a.engine().create("household", "G1", household).expect("a record").record;
    a.sync(&world).expect("a sync");
    assert_eq!(shown(a, household)["notes"].as_array().map(Vec::len), Some(1));
    // The lease goes on: what is withheld is not hidden.
    a.engine().count_lease_by(std::sync::Arc::new(|| MORNING));
    a.set_skew(20 * YEAR);
    assert_eq!(shown(a, household)["notes"], Value::Null, "it is taken for due");
    a.set_skew(0);
    a.sync(&world).expect("a sync");
    assert_eq!(shown(a, household)["notes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_nobody_corrects_is_taken_and_marked() {
    let world = World::new(1);
    for login in ["w1", "w2"] {
        world.user(login, "grid_worker", "G1");
    }
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
    let clerk = Clerk::new(&world.service, "w1");
    let history = view::history(&clerk.reader(), record, None).expect("a history");
    let told = &history["entries"][0];
    assert_eq!(told["uncertain_time"], true);
    assert_eq!((&told["at"], &told["received_at"]), (&json!(MORNING + 400 * DAY), &json!(MORNING)));
    let row = clerk.pull("patrol", &[], "", 10).0[&record.to_string()].clone();
    assert_eq!((&row["created_at"], &row["changed_at"]), (&json!(MORNING), &json!(MORNING)), "{row}");
    let report = verify(&world.service).expect("the store");
    assert!(report.is_whole(), "{:?}", report.listed);
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
    let report = a.sync(&world).expect("a sync");
    assert_eq!((report.decided, report.corrected), (5, 5));
    a.come_back(&backup);
    // Set right in another way: each entry gets another time than before.
    a.set_skew(0);
    world.pass(HOUR);
    let later = patrol(a, "after it came back");
    for _ in 0..3 {
        a.sync(&world).expect("a sync");
    }
    b.sync(&world).expect("a sync");
    assert_eq!(world.service.store.counts().expect("counts").1, 6, "each entry once");
    assert_eq!(unsent(a), 0);
    for record in records.into_iter().chain([later]) {
        assert_eq!(shown(a, record), shown(b, record));
    }
    let households = b.engine().for_check().list(&Query::of_type("household"));
    assert_eq!(households.expect("a list").len(), 1);
    assert_eq!(a.engine().status().expect("a status").attention, 0);
    assert_eq!(verify(&world.service).expect("the store").differences, 0);
}

/// An edit saved under a clock that the phone knew to be wrong gets its time without a question, once the clock is right again.
#[test]
fn a_clock_that_is_right_again_costs_no_round_trip() {
    let (world, mut phones) = team(1);
    let phone = &mut phones[0];
    phone.sync(&world).expect("a first sync");
    let told = world.service.now();
    world.pass(HOUR);
    phone.set_skew(-400 * DAY);
    patrol(phone, "under a dead battery's clock");
    world.pass(HOUR);
    phone.set_skew(0);
    let report = phone.sync(&world).expect("a sync");
    assert_eq!((report.decided, report.refused, report.round_trips), (1, 0, 1));
    let made = times(phone)[0];
    assert!((told..=told + 2 * HOUR).contains(&made), "{made}");
}
