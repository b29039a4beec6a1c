//! One count a person and day over every way of seeing values as they are: records, histories, ledgers, phones. What a
//! second person has agreed to is not counted.

use gridledger_client::{ClientError, Intents, Purpose, RecordId};
use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::Code;
use gridledger_schema::limits::BULK_RECORDS;
use gridledger_server::desk::disclosure::exports;
use gridledger_server::desk::disclosure::reads::page;
use gridledger_server::desk::disclosure::unmask::Unmask;
use gridledger_server::desk::record as view;
use gridledger_server::operate::verify::verify;
use gridledger_server::rights::reader::ReadError;
use gridledger_tests::office::{Clerk, put, why};
use gridledger_tests::world::{Phone, World};
use serde_json::{Value, json};

/// A town in which the officer, a desk worker and a grid worker may see values as they are.
fn town() -> World {
    let world = World::new(2);
    for (login, role, area) in [
        ("w1", "grid_worker", "G1"),
        ("h1", "grid_head", "G1"),
        ("desk", "community_desk", "C"),
        ("po", "privacy_officer", "D"),
    ] {
        world.user(login, role, area);
    }
    world
}

/// So many people of G1.
fn people(world: &World, count: usize) -> Vec<RecordId> {
    let clerk = Clerk::new(&world.service, "w1");
    let made = (0..count).map(|at| clerk.made("person", "G1", put("name", json!(format!("陆{at}")))));
    made.collect()
}

fn look(world: &World, login: &str, record: RecordId, export: Option<u64>) -> Result<Value, ReadError> {
    let clerk = Clerk::new(&world.service, login);
    let why = Unmask { export, ..why() };
    view::record(&clerk.reader(), record, Some(&why))
}

fn history(world: &World, login: &str, record: RecordId) -> Result<Value, ReadError> {
    let clerk = Clerk::new(&world.service, login);
    view::history(&clerk.reader(), record, Some(&why()))
}

fn ledger(world: &World, login: &str, limit: usize) -> Result<usize, ReadError> {
    let limit = limit.to_string();
    let query = [("unmask", "1"), ("reason", "核对重复档案"), ("area", "G1"), ("limit", limit.as_str())];
    Clerk::new(&world.service, login).page("person", &query).map(|page| page.rows.len())
}

fn code<T>(result: Result<T, ReadError>) -> Code {
    result.map(|_| ()).expect_err("a refusal").code()
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
    let clerk = Clerk::new(&world.service, login);
    let query = page::question(&[("kind".into(), "over".into())]).expect("a question");
    page::page(&clerk.reader(), &query).expect("the log").rows
}

#[test]
fn one_by_one_page_by_page_or_by_their_histories_it_is_the_same_hundred() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 20);
    assert_eq!(ledger(&world, "po", 40).unwrap(), 40);
    for record in &people[40..80] {
        look(&world, "po", *record, None).unwrap();
    }
    for record in &people[80..BULK_RECORDS] {
        history(&world, "po", *record).unwrap();
    }
    let alone = Code::SecondPersonRequired;
    let next = people[BULK_RECORDS];
    assert_eq!(code(look(&world, "po", next, None)), alone);
    assert_eq!(code(history(&world, "po", next)), alone);
    assert_eq!(code(ledger(&world, "po", BULK_RECORDS + 20)), alone);
    // A record that was counted may be seen again, and another person has another count.
    look(&world, "po", people[0], None).unwrap();
    assert_eq!(ledger(&world, "po", BULK_RECORDS).unwrap(), BULK_RECORDS);
    look(&world, "desk", next, None).unwrap();
    world.pass(DAY_MS + 1);
    look(&world, "po", next, None).unwrap();
    assert!(verify(&world.service).unwrap().is_whole());
}

#[test]
fn a_second_person_lets_one_see_more_of_the_type_and_area_asked_for() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 1);
    assert_eq!(ledger(&world, "po", BULK_RECORDS).unwrap(), BULK_RECORDS);
    let last = people[BULK_RECORDS];
    let ask = |of: &str| {
        let body = json!({ "type": of, "area": "G1", "reason": "年度核对名册" });
        let po = Clerk::new(&world.service, "po");
        let no = exports::ask(&po.reader(), serde_json::from_value(body).unwrap()).unwrap();
        exports::approve(&Clerk::new(&world.service, "desk").reader(), no).unwrap();
        no
    };
    let (homes, persons) = (ask("dwelling"), ask("person"));
    let alone = Code::SecondPersonRequired;
    assert_eq!(code(look(&world, "po", last, Some(homes))), alone);
    assert_eq!(code(look(&world, "desk", last, Some(persons))), alone, "not theirs");
    look(&world, "po", last, Some(persons)).unwrap();
    assert_eq!(code(look(&world, "po", last, None)), alone, "and it does not count as seen alone");
}

#[test]
fn a_phone_with_no_signal_stops_at_the_same_hundred() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 2);
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    assert_eq!(opened(&mut phone, &people[..60]), None);
    phone.sync(&world).unwrap();
    phone.close();
    assert_eq!(opened(&mut phone, &people[..BULK_RECORDS]), None, "the server's having them changes nothing");
    let alone = Some(Code::SecondPersonRequired);
    assert_eq!(opened(&mut phone, &people[BULK_RECORDS..]), alone);
    assert_eq!(opened(&mut phone, &people[..1]), None);
    let edit = Intents::new().put("name", "陆小明");
    phone.engine().edit(people[BULK_RECORDS], edit).unwrap();
    world.pass(DAY_MS);
    assert_eq!(opened(&mut phone, &people[BULK_RECORDS..]), None);
    phone.sync(&world).unwrap();
    assert_eq!(over(&world, "h1"), [] as [Value; 0]);
}

#[test]
fn what_phones_bring_counts_and_what_is_beyond_is_told_to_who_watches() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 20);
    let (mut first, mut second) = (world.phone("w1", 0), world.phone("w1", 0));
    for phone in [&mut first, &mut second] {
        phone.sync(&world).unwrap();
    }
    assert_eq!(opened(&mut first, &people[..60]), None);
    assert_eq!(opened(&mut second, &people[60..]), None);
    first.sync(&world).unwrap();
    look(&world, "w1", people[60], None).unwrap();
    assert_eq!(code(ledger(&world, "w1", BULK_RECORDS + 20)), Code::SecondPersonRequired);
    assert_eq!(over(&world, "h1"), [] as [Value; 0]);
    second.sync(&world).unwrap();
    let told = over(&world, "h1");
    let [row] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&row["user"], &row["area"]), (&json!("w1"), &json!("G1")));
    let beyond: Vec<Value> = people[BULK_RECORDS..].iter().map(|record| json!(record)).collect();
    assert_eq!(row["records"], json!(beyond));
    // Nothing was lost, and at a desk the day is over.
    assert_eq!(second.engine().unsent_reads().unwrap(), 0);
    look(&world, "w1", people[0], None).unwrap();
    second.sync(&world).unwrap();
    assert_eq!(over(&world, "h1").len(), 1, "told once");
    let more = Clerk::new(&world.service, "w1").made("person", "G1", put("name", json!("陆后来")));
    assert_eq!(code(look(&world, "w1", more, None)), Code::SecondPersonRequired);
    assert!(verify(&world.service).unwrap().is_whole());
}

#[test]
fn a_week_without_signal_is_seven_days_and_not_one() {
    let world = town();
    let people = people(&world, BULK_RECORDS + 20);
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    for day in people.chunks(60) {
        assert_eq!(opened(&mut phone, day), None);
        world.pass(DAY_MS);
    }
    phone.sync(&world).unwrap();
    assert_eq!(over(&world, "h1"), [] as [Value; 0]);
}
