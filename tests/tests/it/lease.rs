//! The lease: a phone out of it goes on writing, shows nothing of a resident and holds nothing that could be read, until
//! the server renews it. A clock set back does not lengthen it, and a revoked phone stays dark.

use gridledger_client::{Intents, Options, Query, RecordId, SentState};
use gridledger_core::calendar::DAY_MS as DAY;
use gridledger_schema::code::Code;
use gridledger_schema::limits;
use gridledger_tests::at_rest::{dump, found, lock, open_raw};
use gridledger_tests::desk::Desk;
use gridledger_tests::forms::{self, object, put};
use gridledger_tests::handset::Handset;
use gridledger_tests::world::{Line, Phone, World};
use serde_json::json;

const NAME: &str = "陆金丝雀";
const NUMBER: &str = "13800001234";
const TITLE: &str = "金丝雀巷路灯不亮";
const CANARIES: [&str; 3] = [NAME, NUMBER, TITLE];

fn world() -> World {
    World::staffed(1, &[("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1")])
}

fn person(phone: &mut Phone) -> RecordId {
    let number = object(json!({ "number": NUMBER }));
    let person = forms::person(NAME).set_child("phones", "a", number);
    phone.creates("person", "G1", person)
}

fn ticket(phone: &mut Phone) -> RecordId {
    let ticket = forms::ticket(TITLE, "944号门前").put("description", "看不清台阶").put("urgency", 2);
    phone.creates("ticket", "G1", ticket)
}

fn holding(phone: &mut Phone, text: &str) -> usize {
    phone.masked_records(&Query::default().text(text)).len()
}

/// The personal values that somebody reads in the phone's tables who has its file and its key.
fn readable(phone: &mut Phone) -> Vec<&'static str> {
    let dark = phone.is_dark();
    let raw = open_raw(phone.file(), &lock());
    let secrets = "SELECT count(*) FROM settings WHERE key = 'lease_secret'";
    let secrets: i64 = raw.query_row(secrets, [], |row| row.get(0)).expect("the settings can be read");
    assert_eq!(secrets == 0, dark);
    found(&dump(phone.file(), &lock()), &CANARIES)
}

/// Both phones at rest show the same, the server too, and the digests say so.
#[track_caller]
fn all_equal(world: &World, phones: &mut [&mut Phone], records: &[RecordId]) {
    for _ in 0..2 {
        for phone in phones.iter_mut() {
            let report = phone.syncs(world);
            assert_eq!((report.healed, report.refused), (0, 0));
        }
    }
    for record in records {
        let ledger = world.ledger_view(*record);
        for phone in phones.iter_mut() {
            let shown = phone.record(*record);
            assert_eq!((shown.pending, shown.withheld), (0, false));
            assert_eq!(shown.view["name"], ledger["name"], "{record}");
            assert_eq!(shown.view["title"], ledger["title"], "{record}");
            assert_eq!(shown.view["urgency"], ledger["urgency"], "{record}");
        }
    }
    let views = |phone: &mut Phone| {
        let mut records = phone.all_records();
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
    one.syncs(&world);
    let (person, ticket) = (person(&mut one), ticket(&mut one));
    assert_eq!(readable(&mut one), CANARIES, "what is to be sent stands open");
    one.syncs(&world);
    two.syncs(&world);
    for phone in [&mut one, &mut two] {
        assert_eq!(readable(phone), [""; 0], "what is confirmed is sealed, lease or not");
        phone.shows(person, "name", NAME);
        assert_eq!((holding(phone, NAME), holding(phone, "金丝雀巷")), (1, 1));
        let by_name = Query::of_type("person").field("name", NAME);
        assert_eq!(phone.masked_records(&by_name).len(), 1);
    }
    let until = one.status().lease_until;
    assert_eq!(until, world.service.now() + 7 * DAY);

    world.pass(7 * DAY);
    assert!(!one.is_dark(), "the last moment counts");
    world.pass(1);
    assert!(one.is_dark());
    let log = one.file().with_extension("db-wal");
    assert_eq!(std::fs::metadata(log).expect("the log is there").len(), 0, "the secret is in no old page");
    assert_eq!(readable(&mut one), [""; 0]);
    let masked = one.masked(person);
    assert!(masked.withheld);
    assert_eq!(masked.view, json!({ "name": "***", "language_note": "***", "contact_hours": "***" }));
    let masked = one.masked(ticket);
    assert_eq!((&masked.view["title"], &masked.view["urgency"]), (&json!("***"), &json!(2)));
    assert_eq!(masked.view["_ticket"]["state"], "REPORTED");
    assert_eq!((holding(&mut one, NAME), holding(&mut one, "金丝雀巷")), (0, 0));
    let by_name = Query::of_type("person").field("name", NAME);
    assert!(one.masked_records(&by_name).is_empty());
    let by_state = Query::of_type("ticket").field("_ticket.state", "REPORTED").field("urgency", 2);
    assert_eq!(one.masked_records(&by_state).len(), 1);
    one.close();
    assert!(one.is_dark(), "and it stays so");

    // It goes on writing.
    let place = put("kind", "park").put("name", "街心公园");
    one.cannot_create("place", "G1", place, Code::CreateForbidden);
    let edits = Intents::new().put("name", "陆某甲").put("gender", "female");
    one.edits(person, edits);
    one.puts(person, "birth_year", 1950);
    one.puts(ticket, "urgency", 3);
    let new = self::ticket(&mut one);
    one.puts(new, "urgency", 4);
    let seen = one.record(new);
    assert_eq!((seen.withheld, seen.pending), (true, 2));
    assert_eq!(one.record(person).pending, 2);
    let refused = one.cannot_edit(ticket, put("description", "看不清第三级台阶"), Code::LeaseEnded);
    assert_eq!(refused.to_string(), "lease_ended: what it is now cannot be read (description)");
    let splice = Intents::new().splice("description", 0, 0, "新");
    one.cannot_edit(ticket, splice, Code::LeaseEnded);
    one.close();

    // Meanwhile somebody who can read changes the same.
    two.syncs(&world);
    two.puts(person, "name", "陆某乙");
    two.syncs(&world);

    // One sync brings everything back, what was saved in the dark with it.
    let report = one.syncs(&world);
    assert_eq!((report.decided, report.refused, report.healed), (5, 0, 0));
    assert!(report.proven > 0 && !one.is_dark());
    let shown = one.record(person);
    assert_eq!((&shown.view["gender"], &shown.view["birth_year"]), (&json!("female"), &json!(1950)));
    // Neither had seen the other's: the blind edit did not claim to.
    let names = shown.view["_conflicts"]["name"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = names.iter().filter_map(|one| one["value"].as_str()).collect();
    assert_eq!(names, ["陆某乙", "陆某甲"]);
    assert_eq!((holding(&mut one, "陆某甲"), holding(&mut one, TITLE)), (1, 2));
    all_equal(&world, &mut [&mut one, &mut two], &[person, ticket, new]);
    let states = one.states();
    assert!(states.iter().all(|state| *state == SentState::InLedger), "{states:?}");
    assert_eq!(readable(&mut one), [""; 0]);
}

#[test]
fn a_clock_set_back_gives_no_more_time() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    let person = person(&mut phone);
    phone.syncs(&world);
    // Each evening the clock is set back to the morning, and the app is ended.
    let mut evenings = 0;
    while !phone.is_dark() {
        evenings += 1;
        assert!(evenings < 20, "the lease never ends");
        world.pass(12 * 3_600_000);
        let _ = phone.record(person);
        phone.set_skew(-evenings * 12 * 3_600_000);
        phone.close();
    }
    assert_eq!(evenings, 15, "fourteen half days, and what is over");
    phone.set_skew(-300 * DAY);
    assert!(phone.is_dark());
    phone.close();
    assert!(phone.is_dark() && readable(&mut phone).is_empty());
    // The server's time counts, whatever the phone's clock says.
    phone.syncs(&world);
    assert!(!phone.is_dark());
    phone.shows(person, "name", NAME);
    let until = phone.status().lease_until;
    assert_eq!(until, world.service.now() + 7 * DAY);
    for _ in 0..8 {
        world.pass(DAY);
        let _ = phone.record(person);
    }
    assert!(phone.is_dark());
}

#[test]
fn a_sync_whose_time_ends_the_lease_brings_the_next_one() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    let person = person(&mut phone);
    phone.syncs(&world);
    // The phone's clock stands still while the phone lies in a drawer.
    phone.set_skew(-10 * DAY);
    world.pass(10 * DAY);
    assert!(!phone.is_dark(), "by its own clock the lease holds");
    phone.syncs(&world);
    assert!(!phone.is_dark());
    phone.shows(person, "name", NAME);
}

#[test]
fn a_phone_asks_for_a_lease_when_a_day_of_it_has_gone() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    let mut until = || {
        phone.syncs(&world);
        phone.status().lease_until - world.service.now()
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
    let mut phone = world.enrolled_phone("w1");
    let person = person(&mut phone);
    phone.syncs(&world);
    let device = world.store().devices()[0].no;
    world.store().set_device_revoked(device, true);
    world.pass(7 * DAY + 1);
    for _ in 0..2 {
        phone.is_refused_sync(&world, Code::DeviceRevoked);
        assert!(phone.is_dark() && readable(&mut phone).is_empty());
        phone.close();
    }
    assert_eq!(phone.masked(person).view["name"], "***");
    // Told that it is shut out, it does not wait for the end of the lease.
    world.store().set_device_revoked(device, false);
    phone.syncs(&world);
    phone.shows(person, "name", NAME);
    phone.ends_lease();
    assert!(phone.is_dark() && readable(&mut phone).is_empty());
    phone.close();
    assert!(phone.is_dark());
}

#[test]
fn an_invited_phone_works_under_a_lease_of_its_own() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    phone.accepts(&world.invite("w1", 0));
    let first = person(&mut phone);
    phone.shows(first, "name", NAME);
    world.pass(7 * DAY + 1);
    assert!(phone.is_dark());
    assert_eq!(phone.masked(first).view["name"], "***");
    // The key of that time is gone for good; the entries are not.
    phone.puts(first, "gender", "male");
    let second = ticket(&mut phone);
    phone.close();
    phone.shows(second, "urgency", 2);
    phone.syncs(&world);
    let shown = phone.record(first);
    assert_eq!((&shown.view["name"], &shown.view["gender"]), (&json!(NAME), &json!("male")));
    let mut other = world.phone("w2", 0);
    all_equal(&world, &mut [&mut phone, &mut other], &[first, second]);
    assert_eq!(readable(&mut phone), [""; 0]);
}

#[test]
fn a_lost_answer_leaves_it_dark_and_the_next_one_renews() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    let person = person(&mut phone);
    phone.syncs(&world);
    world.pass(8 * DAY);
    phone.puts(person, "name", "陆某丙");
    for line in [Line::RequestLost, Line::AnswerLost, Line::CutAfter(20)] {
        phone.syncs_over(&world, line);
        assert!(phone.is_dark(), "{line:?}");
        phone.close();
    }
    phone.syncs(&world);
    phone.shows(person, "name", "陆某丙");
    assert_eq!(phone.record(person).pending, 0);
}

#[test]
fn a_refused_edit_is_withheld_in_the_dark() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    let person = person(&mut phone);
    phone.syncs(&world);
    // The record is full: the server refuses what was saved.
    world.set_column(person, "base_bytes", limits::RECORD_BYTES as i64);
    let edit = Intents::new().put("contact_hours", format!("{NAME} 晚上"));
    phone.edits(person, edit);
    phone.syncs(&world);
    let refused = phone.attention();
    assert_eq!((refused.len(), refused[0].intents.len(), refused[0].withheld), (1, 1, false));
    assert_eq!(readable(&mut phone), [""; 0]);
    world.pass(8 * DAY);
    let refused = phone.attention();
    assert_eq!((refused.len(), refused[0].intents.len(), refused[0].withheld), (1, 0, true));
    phone.cannot_apply_again(refused[0].id, Code::LeaseEnded);
    phone.syncs(&world);
    assert_eq!(phone.attention()[0].intents.len(), 1);
}

#[test]
fn a_phone_told_that_it_is_shut_out_goes_dark_at_once() {
    let desk = Desk::open();
    let phone = Handset::of(&desk, "w1", Options::default());
    phone.syncs();
    let person = phone.creates("person", "G1", forms::person(NAME));
    phone.syncs();
    assert_eq!(phone.masked(person)["name"], "陆某某");
    let device = desk.store().devices()[0].no;
    desk.store().set_device_revoked(device, true);
    assert_eq!(phone.cannot_sync().code(), Some(Code::DeviceRevoked));
    assert!(phone.status().dark);
    assert_eq!(phone.masked(person)["name"], "***");
    // It can still save, and what it saved comes to the ledger when it is let in again.
    phone.edits(person, put("gender", "male"));
    desk.store().set_device_revoked(device, false);
    assert_eq!(phone.syncs().decided, 1);
    assert_eq!(phone.masked(person)["name"], "陆某某");
}

#[test]
fn a_lease_that_does_not_fit_leaves_all_as_it_is_but_for_what_was_sent() {
    let mut world = world();
    let mut phone = world.enrolled_phone("w1");
    let person = person(&mut phone);
    phone.syncs(&world);
    let seed = world.service.identity.lease_seed;
    let put_seed = |world: &mut World, seed: [u8; 32]| {
        world.store().set_setting("lease_seed", &seed);
        world.restart();
    };
    put_seed(&mut world, [9; 32]);
    world.pass(8 * DAY);
    phone.puts(person, "name", "陆某丁");
    let error = phone.cannot_sync(&world);
    assert_eq!(error.to_string(), "phone: the answer is not readable: malformed lease");
    assert!(phone.is_dark());
    assert_eq!(phone.states(), [SentState::Sent, SentState::InLedger]);
    put_seed(&mut world, seed);
    phone.syncs(&world);
    phone.shows(person, "name", "陆某丁");
    assert_eq!(phone.states(), [SentState::InLedger; 2]);
}
