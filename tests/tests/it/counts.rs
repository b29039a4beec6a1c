//! One count a person and day over every way of seeing values as they are: records, histories, ledgers, phones. What a
//! second person has agreed to is not counted.

use gridledger_client::{ClientError, Purpose, RecordId};
use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::Code;
use gridledger_schema::limits::BULK_RECORDS;
use gridledger_server::desk::disclosure::unmask::Unmask;
use gridledger_tests::office::{put, why};
use gridledger_tests::world::{Phone, World};
use serde_json::{Value, json};

/// A town in which the officer, a desk worker and a grid worker may see values as they are.
fn town() -> World {
    World::staffed(
        2,
        &[
            ("w1", "grid_worker", "G1"),
            ("h1", "grid_head", "G1"),
            ("desk", "community_desk", "C"),
            ("po", "privacy_officer", "D"),
        ],
    )
}

/// So many people of G1.
fn people(world: &World, count: usize) -> Vec<RecordId> {
    let clerk = world.clerk("w1");
    let made = (0..count).map(|at| clerk.made("person", "G1", put("name", json!(format!("陆{at}")))));
    made.collect()
}

const ALONE: Code = Code::SecondPersonRequired;

/// A reason, with an export that a second person has agreed to.
fn within(export: u64) -> Unmask {
    Unmask { export: Some(export), ..why() }
}

/// Shows the first people of G1 whole in a ledger, or the code of the refusal.
fn ledger(world: &World, login: &str, limit: usize) -> Result<usize, Code> {
    let limit = limit.to_string();
    let query = [("unmask", "1"), ("reason", "核对重复档案"), ("area", "G1"), ("limit", limit.as_str())];
    let page = world.clerk(login).page("person", &query);
    page.map(|page| page.rows.len()).map_err(|error| error.code())
}

/// Opens records on a phone; the code with which the first was refused.
fn opened(phone: &mut Phone, records: &[RecordId]) -> Option<Code> {
    for record in records {
        match phone.engine().open_record(*record, &Purpose::Call) {
            Ok(found) => assert!(found.is_some(), "{record} is on the phone"),
            Err(ClientError::Refused(refusal)) => return Some(refusal.code),
            Err(error) => panic!("{error}"),
        }
    }
    None
}

/// The rows that say that somebody saw more than one person may alone.
fn over(world: &World, login: &str) -> Vec<Value> {
    world.clerk(login).read_log(&[("kind", "over")]).rows
}

#[test]
fn one_by_one_page_by_page_or_by_their_histories_it_is_the_same_hundred() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 20);
    let po = world.clerk("po");
    assert_eq!(ledger(&world, "po", 40), Ok(40));
    for record in &people[40..80] {
        po.sees(*record, Some(&why()));
    }
    for record in &people[80..BULK_RECORDS] {
        po.history(*record, Some(&why()));
    }
    let next = people[BULK_RECORDS];
    assert_eq!(po.cannot_see(next, Some(&why())), ALONE);
    assert_eq!(po.cannot_see_history(next, Some(&why())), ALONE);
    assert_eq!(ledger(&world, "po", BULK_RECORDS + 20), Err(ALONE));
    // A record that was counted may be seen again, and another person has another count.
    world.clerk("po").sees(people[0], Some(&why()));
    assert_eq!(ledger(&world, "po", BULK_RECORDS), Ok(BULK_RECORDS));
    world.clerk("desk").sees(next, Some(&why()));
    world.pass(DAY_MS + 1);
    world.clerk("po").sees(next, Some(&why()));
    world.is_whole();
}

#[test]
fn a_second_person_lets_one_see_more_of_the_type_and_area_asked_for() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 1);
    assert_eq!(ledger(&world, "po", BULK_RECORDS), Ok(BULK_RECORDS));
    let last = people[BULK_RECORDS];
    let (po, desk) = (world.clerk("po"), world.clerk("desk"));
    let [homes, persons] = ["dwelling", "person"].map(|of| {
        let export = po.asks_for_export(of, "G1");
        desk.approves_export(export);
        export
    });
    assert_eq!(po.cannot_see(last, Some(&within(homes))), ALONE);
    assert_eq!(desk.cannot_see(last, Some(&within(persons))), ALONE, "not theirs");
    po.sees(last, Some(&within(persons)));
    assert_eq!(po.cannot_see(last, Some(&why())), ALONE, "and it does not count as seen alone");
}

#[test]
fn a_phone_with_no_signal_stops_at_the_same_hundred() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 2);
    let mut phone = world.enrolled_phone("w1");
    assert_eq!(opened(&mut phone, &people[..60]), None);
    phone.syncs(&world);
    phone.close();
    assert_eq!(opened(&mut phone, &people[..BULK_RECORDS]), None, "the server's having them changes nothing");
    assert_eq!(opened(&mut phone, &people[BULK_RECORDS..]), Some(ALONE));
    assert_eq!(opened(&mut phone, &people[..1]), None);
    phone.puts(people[BULK_RECORDS], "name", "陆小明");
    world.pass(DAY_MS);
    assert_eq!(opened(&mut phone, &people[BULK_RECORDS..]), None);
    phone.syncs(&world);
    assert_eq!(over(&world, "h1"), [] as [Value; 0]);
}

#[test]
fn what_phones_bring_counts_and_what_is_beyond_is_told_to_who_watches() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 20);
    let (mut first, mut second) = (world.phone("w1", 0), world.phone("w1", 0));
    for phone in [&mut first, &mut second] {
        phone.syncs(&world);
    }
    assert_eq!(opened(&mut first, &people[..60]), None);
    assert_eq!(opened(&mut second, &people[60..]), None);
    first.syncs(&world);
    world.clerk("w1").sees(people[60], Some(&why()));
    assert_eq!(ledger(&world, "w1", BULK_RECORDS + 20), Err(ALONE));
    assert_eq!(over(&world, "h1"), [] as [Value; 0]);
    second.syncs(&world);
    let told = over(&world, "h1");
    let [row] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&row["user"], &row["area"]), (&json!("w1"), &json!("G1")));
    let beyond: Vec<Value> = people[BULK_RECORDS..].iter().map(|record| json!(record)).collect();
    assert_eq!(row["records"], json!(beyond));
    // Nothing was lost, and at a desk the day is over.
    assert_eq!(second.unsent_reads(), 0);
    world.clerk("w1").sees(people[0], Some(&why()));
    second.syncs(&world);
    assert_eq!(over(&world, "h1").len(), 1, "told once");
    let more = world.clerk("w1").made("person", "G1", put("name", json!("陆后来")));
    assert_eq!(world.clerk("w1").cannot_see(more, Some(&why())), ALONE);
    world.is_whole();
}

#[test]
fn a_week_without_signal_is_seven_days_and_not_one() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 20);
    let mut phone = world.enrolled_phone("w1");
    for day in people.chunks(60) {
        assert_eq!(opened(&mut phone, day), None);
        world.pass(DAY_MS);
    }
    phone.syncs(&world);
    assert_eq!(over(&world, "h1"), [] as [Value; 0]);
}
