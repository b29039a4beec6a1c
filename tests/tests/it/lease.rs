//! The lease: a phone out of it goes on writing, shows nothing of a resident and holds nothing that could be read, until
//! the server renews it. A clock set back does not lengthen it, and a revoked phone stays dark.

use gridledger_client::{Client, Intents, Invite, Options, Query, Record, RecordId, SentState};
use gridledger_core::calendar::DAY_MS as DAY;
use gridledger_schema::code::Code;
use gridledger_schema::limits;
use gridledger_schema::wire::Grant;
use gridledger_server::sync::error::SyncError;
use gridledger_tests::at_rest::{dump, found, lock, open_raw};
use gridledger_tests::desk::Desk;
use gridledger_tests::world::{Line, Phone, SyncFailure, World};
use serde_json::{Value, json};

const NAME: &str = "陆金丝雀";
const NUMBER: &str = "13800001234";
const TITLE: &str = "金丝雀巷路灯不亮";
const CANARIES: [&str; 3] = [NAME, NUMBER, TITLE];

fn world() -> World {
    let world = World::new(1);
    for login in ["w1", "w2"] {
        world.user(login, "grid_worker", "G1");
    }
    world
}

fn person(phone: &mut Phone) -> RecordId {
    let number = json!({ "number": NUMBER }).as_object().cloned().unwrap();
    let person = Intents::new().put("name", NAME).set_child("phones", "a", number);
    phone.engine().create("person", "G1", person).unwrap().record
}

fn ticket(phone: &mut Phone) -> RecordId {
    let ticket = Intents::new()
        .put("kind", "incident")
        .put("title", TITLE)
        .put("description", "看不清台阶")
        .put("address_text", "944号门前")
        .put("urgency", 2)
        .event("report", serde_json::Map::new());
    phone.engine().create("ticket", "G1", ticket).unwrap().record
}

/// The record with its whole values.
fn get(phone: &mut Phone, record: RecordId) -> Record {
    phone.engine().for_check().get(record).unwrap().unwrap()
}

/// The record as a person sees it.
fn shown(phone: &mut Phone, record: RecordId) -> Record {
    phone.engine().get(record).unwrap().unwrap()
}

fn holding(phone: &mut Phone, text: &str) -> usize {
    phone.engine().list(&Query::default().text(text)).unwrap().len()
}

fn is_dark(phone: &mut Phone) -> bool {
    phone.engine().status().unwrap().dark
}

/// The personal values that somebody reads in the phone's tables who has its file and its key.
fn readable(phone: &mut Phone) -> Vec<&'static str> {
    let dark = is_dark(phone);
    let raw = open_raw(phone.file(), &lock());
    let secrets = "SELECT count(*) FROM settings WHERE key = 'lease_secret'";
    let secrets: i64 = raw.query_row(secrets, [], |row| row.get(0)).unwrap();
    assert_eq!(secrets == 0, dark);
    found(&dump(phone.file(), &lock()), &CANARIES)
}

/// What the server holds of a record, as JSON.
fn in_ledger(world: &World, record: RecordId) -> Value {
    let row = world.service.store.ledger_row(record).unwrap().unwrap();
    json!(row.views[0].1)
}

/// Both phones at rest show the same, the server too, and the digests say so.
#[track_caller]
fn all_equal(world: &World, phones: &mut [&mut Phone], records: &[RecordId]) {
    for _ in 0..2 {
        for phone in phones.iter_mut() {
            let report = phone.sync(world).unwrap();
            assert_eq!((report.healed, report.refused), (0, 0));
        }
    }
    for record in records {
        let ledger = in_ledger(world, *record);
        for phone in phones.iter_mut() {
            let shown = get(phone, *record);
            assert_eq!((shown.pending, shown.withheld), (0, false));
            assert_eq!(shown.view["name"], ledger["name"], "{record}");
            assert_eq!(shown.view["title"], ledger["title"], "{record}");
            assert_eq!(shown.view["urgency"], ledger["urgency"], "{record}");
        }
    }
    let views = |phone: &mut Phone| {
        let mut records = phone.engine().for_check().list(&Query::default()).unwrap();
        records.sort_by_key(|record| record.id);
        records.into_iter().map(|r| (r.id, r.view)).collect::<Vec<_>>()
    };
    let first = views(phones[0]);
    for phone in &mut phones[1..] {
        assert_eq!(views(phone), first);
    }
}

#[test]
fn a_phone_out_of_lease_writes_on_and_shows_nobody() {
    let world = world();
    let (mut one, mut two) = (world.phone("w1", 0), world.phone("w2", 0));
    one.sync(&world).unwrap();
    let (person, ticket) = (person(&mut one), ticket(&mut one));
    assert_eq!(readable(&mut one), CANARIES, "what is to be sent stands open");
    one.sync(&world).unwrap();
    two.sync(&world).unwrap();
    for phone in [&mut one, &mut two] {
        assert_eq!(readable(phone), [""; 0], "what is confirmed is sealed, lease or not");
        assert_eq!(get(phone, person).view["name"], NAME);
        assert_eq!((holding(phone, NAME), holding(phone, "金丝雀巷")), (1, 1));
        let by_name = Query::of_type("person").field("name", NAME);
        assert_eq!(phone.engine().list(&by_name).unwrap().len(), 1);
    }
    let until = one.engine().status().unwrap().lease_until;
    assert_eq!(until, world.service.now() + 7 * DAY);

    world.pass(7 * DAY);
    assert!(!is_dark(&mut one), "the last moment counts");
    world.pass(1);
    assert!(is_dark(&mut one));
    let log = one.file().with_extension("db-wal");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0, "the secret is in no old page");
    assert_eq!(readable(&mut one), [""; 0]);
    let masked = shown(&mut one, person);
    assert!(masked.withheld);
    assert_eq!(masked.view, json!({ "name": "***", "language_note": "***", "contact_hours": "***" }));
    let masked = shown(&mut one, ticket);
    assert_eq!((&masked.view["title"], &masked.view["urgency"]), (&json!("***"), &json!(2)));
    assert_eq!(masked.view["_ticket"]["state"], "REPORTED");
    assert_eq!((holding(&mut one, NAME), holding(&mut one, "金丝雀巷")), (0, 0));
    let by_name = Query::of_type("person").field("name", NAME);
    assert!(one.engine().list(&by_name).unwrap().is_empty());
    let by_state = Query::of_type("ticket").field("_ticket.state", "REPORTED").field("urgency", 2);
    assert_eq!(one.engine().list(&by_state).unwrap().len(), 1);
    one.close();
    assert!(is_dark(&mut one), "and it stays so");

    // It goes on writing.
    let places = Intents::new().put("kind", "park").put("name", "街心公园");
    let refused = one.engine().create("place", "G1", places).unwrap_err();
    assert_eq!(refused.code(), Some(Code::CreateForbidden), "the rules hold in the dark");
    let edits = Intents::new().put("name", "陆某甲").put("gender", "female");
    one.engine().edit(person, edits).unwrap();
    one.engine().edit(person, Intents::new().put("birth_year", 1950)).unwrap();
    one.engine().edit(ticket, Intents::new().put("urgency", 3)).unwrap();
    let new = self::ticket(&mut one);
    one.engine().edit(new, Intents::new().put("urgency", 4)).unwrap();
    let seen = get(&mut one, new);
    assert_eq!((seen.withheld, seen.pending), (true, 2));
    assert_eq!(get(&mut one, person).pending, 2);
    let text = Intents::new().put("description", "看不清第三级台阶");
    let refused = one.engine().edit(ticket, text).unwrap_err();
    assert_eq!(refused.code(), Some(Code::LeaseEnded));
    assert_eq!(refused.to_string(), "lease_ended: what it is now cannot be read (description)");
    let splice = Intents::new().splice("description", 0, 0, "新");
    assert_eq!(one.engine().edit(ticket, splice).unwrap_err().code(), Some(Code::LeaseEnded));
    one.close();

    // Meanwhile somebody who can read changes the same.
    two.sync(&world).unwrap();
    two.engine().edit(person, Intents::new().put("name", "陆某乙")).unwrap();
    two.sync(&world).unwrap();

    // One sync brings everything back, what was saved in the dark with it.
    let report = one.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused, report.healed), (5, 0, 0));
    assert!(report.proven > 0 && !is_dark(&mut one));
    let shown = get(&mut one, person);
    assert_eq!((&shown.view["gender"], &shown.view["birth_year"]), (&json!("female"), &json!(1950)));
    // Neither had seen the other's: the blind edit did not claim to.
    let names = shown.view["_conflicts"]["name"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = names.iter().filter_map(|one| one["value"].as_str()).collect();
    assert_eq!(names, ["陆某乙", "陆某甲"]);
    assert_eq!((holding(&mut one, "陆某甲"), holding(&mut one, TITLE)), (1, 2));
    all_equal(&world, &mut [&mut one, &mut two], &[person, ticket, new]);
    let states = one.engine().receipts(100).unwrap();
    assert!(states.iter().all(|(.., state)| *state == SentState::InLedger), "{states:?}");
    assert_eq!(readable(&mut one), [""; 0]);
}

#[test]
fn a_clock_set_back_gives_no_more_time() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let person = person(&mut phone);
    phone.sync(&world).unwrap();
    // Each evening the clock is set back to the morning, and the app is ended.
    let mut evenings = 0;
    while !is_dark(&mut phone) {
        evenings += 1;
        assert!(evenings < 20, "the lease never ends");
        world.pass(12 * 3_600_000);
        let _ = get(&mut phone, person);
        phone.set_skew(-evenings * 12 * 3_600_000);
        phone.close();
    }
    assert_eq!(evenings, 15, "fourteen half days, and what is over");
    phone.set_skew(-300 * DAY);
    assert!(is_dark(&mut phone));
    phone.close();
    assert!(is_dark(&mut phone) && readable(&mut phone).is_empty());
    // The server's time counts, whatever the phone's clock says.
    phone.sync(&world).unwrap();
    assert!(!is_dark(&mut phone));
    assert_eq!(get(&mut phone, person).view["name"], NAME);
    let until = phone.engine().status().unwrap().lease_until;
    assert_eq!(until, world.service.now() + 7 * DAY);
    for _ in 0..8 {
        world.pass(DAY);
        let _ = get(&mut phone, person);
    }
    assert!(is_dark(&mut phone));
}

#[test]
fn a_phone_asks_for_a_lease_when_a_day_of_it_has_gone() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    let mut until = || {
        phone.sync(&world).unwrap();
        phone.engine().status().unwrap().lease_until - world.service.now()
    };
    assert_eq!(until(), 7 * DAY);
    world.pass(DAY);
    assert_eq!(until(), 6 * DAY, "not yet");
    world.pass(1);
    assert_eq!(until(), 7 * DAY);
}

#[test]
fn a_revoked_phone_goes_dark_and_stays_dark() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let person = person(&mut phone);
    phone.sync(&world).unwrap();
    let device = world.service.store.devices().unwrap()[0].no;
    world.service.store.set_device_revoked(device, true).unwrap();
    world.pass(7 * DAY + 1);
    for _ in 0..2 {
        let refused = phone.sync(&world).unwrap_err();
        let SyncFailure::Server(SyncError::Refused(Code::DeviceRevoked)) = refused else {
            panic!("{refused}");
        };
        assert!(is_dark(&mut phone) && readable(&mut phone).is_empty());
        phone.close();
    }
    assert_eq!(shown(&mut phone, person).view["name"], "***");
    // Told that it is shut out, it does not wait for the end of the lease.
    world.service.store.set_device_revoked(device, false).unwrap();
    phone.sync(&world).unwrap();
    assert_eq!(get(&mut phone, person).view["name"], NAME);
    phone.engine().end_lease().unwrap();
    assert!(is_dark(&mut phone) && readable(&mut phone).is_empty());
    phone.close();
    assert!(is_dark(&mut phone));
}

#[test]
fn an_invited_phone_works_under_a_lease_of_its_own() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    let invite = Invite {
        server: "http://nowhere".into(),
        code: world.code("w1"),
        user: "w1".into(),
        name: "王某".into(),
        grants: vec![Grant { role: "grid_worker".into(), area: world.area("G1"), from: 0, to: None }],
        areas: world.service.tree().iter().cloned().collect(),
    };
    phone.engine().accept(&invite).unwrap();
    let first = person(&mut phone);
    assert_eq!(get(&mut phone, first).view["name"], NAME);
    world.pass(7 * DAY + 1);
    assert!(is_dark(&mut phone));
    assert_eq!(shown(&mut phone, first).view["name"], "***");
    // The key of that time is gone for good; the entries are not.
    phone.engine().edit(first, Intents::new().put("gender", "male")).unwrap();
    let second = ticket(&mut phone);
    phone.close();
    assert_eq!(get(&mut phone, second).view["urgency"], 2);
    phone.sync(&world).unwrap();
    let shown = get(&mut phone, first);
    assert_eq!((&shown.view["name"], &shown.view["gender"]), (&json!(NAME), &json!("male")));
    let mut other = world.phone("w2", 0);
    all_equal(&world, &mut [&mut phone, &mut other], &[first, second]);
    assert_eq!(readable(&mut phone), [""; 0]);
}

#[test]
fn a_lost_answer_leaves_it_dark_and_the_next_one_renews() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let person = person(&mut phone);
    phone.sync(&world).unwrap();
    world.pass(8 * DAY);
    phone.engine().edit(person, Intents::new().put("name", "陆某丙")).unwrap();
    for line in [Line::RequestLost, Line::AnswerLost, Line::CutAfter(20)] {
        phone.sync_over(&world, line).unwrap();
        assert!(is_dark(&mut phone), "{line:?}");
        phone.close();
    }
    phone.sync(&world).unwrap();
    assert_eq!(get(&mut phone, person).view["name"], "陆某丙");
    assert_eq!(get(&mut phone, person).pending, 0);
}

#[test]
fn a_refused_edit_is_withheld_in_the_dark() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let person = person(&mut phone);
    phone.sync(&world).unwrap();
    // The record is full: the server refuses what was saved.
    world.set_column(person, "base_bytes", limits::RECORD_BYTES as i64);
    let edit = Intents::new().put("contact_hours", format!("{NAME} 晚上"));
    phone.engine().edit(person, edit).unwrap();
    phone.sync(&world).unwrap();
    let refused = phone.engine().attention().unwrap();
    assert_eq!((refused.len(), refused[0].intents.len(), refused[0].withheld), (1, 1, false));
    assert_eq!(readable(&mut phone), [""; 0]);
    world.pass(8 * DAY);
    let refused = phone.engine().attention().unwrap();
    assert_eq!((refused.len(), refused[0].intents.len(), refused[0].withheld), (1, 0, true));
    let again = phone.engine().apply_again(refused[0].id).unwrap_err();
    assert_eq!(again.code(), Some(Code::LeaseEnded));
    phone.sync(&world).unwrap();
    assert_eq!(phone.engine().attention().unwrap()[0].intents.len(), 1);
}

#[test]
fn a_phone_told_that_it_is_shut_out_goes_dark_at_once() {
    let desk = Desk::open();
    desk.person("w1", "a long enough password", "grid_worker", "G1");
    let dir = tempfile::tempdir().unwrap();
    let client = Client::open(dir.path().join("phone.db"), &lock(), Options::default()).unwrap();
    client.enrol(desk.url(), &desk.code("w1")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap();
    let sync = || runtime.block_on(client.sync());
    sync().unwrap();
    let person = client.create("person", "G1", Intents::new().put("name", NAME)).unwrap();
    sync().unwrap();
    let name = || client.get(person).unwrap().unwrap().view["name"].clone();
    assert_eq!(name(), "陆某某");
    let device = desk.service.store.devices().unwrap()[0].no;
    desk.service.store.set_device_revoked(device, true).unwrap();
    assert_eq!(sync().unwrap_err().code(), Some(Code::DeviceRevoked));
    assert!(client.status().unwrap().dark);
    assert_eq!(name(), "***");
    // It can still save, and what it saved comes to the ledger when it is let in again.
    client.edit(person, Intents::new().put("gender", "male")).unwrap();
    desk.service.store.set_device_revoked(device, false).unwrap();
    assert_eq!(sync().unwrap().decided, 1);
    assert_eq!(name(), "陆某某");
}

#[test]
fn a_lease_that_does_not_fit_leaves_all_as_it_is_but_for_what_was_sent() {
    let mut world = world();
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let person = person(&mut phone);
    phone.sync(&world).unwrap();
    let seed = world.service.identity.lease_seed;
    let put_seed = |world: &mut World, seed: [u8; 32]| {
        world.service.store.set_setting("lease_seed", &seed).unwrap();
        world.restart();
    };
    put_seed(&mut world, [9; 32]);
    world.pass(8 * DAY);
    phone.engine().edit(person, Intents::new().put("name", "陆某丁")).unwrap();
    let error = phone.sync(&world).unwrap_err();
    assert_eq!(error.to_string(), "phone: the answer is not readable: malformed lease");
    assert!(is_dark(&mut phone));
    let states = |phone: &mut Phone| {
        let receipts = phone.engine().receipts(10).unwrap();
        receipts.into_iter().map(|(.., state)| state).collect::<Vec<_>>()
    };
    assert_eq!(states(&mut phone), [SentState::Sent, SentState::InLedger]);
    put_seed(&mut world, seed);
    phone.sync(&world).unwrap();
    assert_eq!(get(&mut phone, person).view["name"], "陆某丁");
    assert_eq!(states(&mut phone), [SentState::InLedger; 2]);
}
