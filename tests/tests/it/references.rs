//! What a field names is there and is of the right type, at every door; and an entry says something.

use gridledger_client::{ClientError, Intents, SentState};
use gridledger_core::canonical;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::RecordId;
use gridledger_server::operate::verify::{Kind, verify};
use gridledger_tests::at_rest::{lock, open_raw};
use gridledger_tests::attacker::{Attacker, intent, put};
use gridledger_tests::office::{Clerk, editing, event, ticket};
use gridledger_tests::world::World;
use serde_json::{Value, json};

const NOBODY: RecordId = RecordId([9; 16]);

fn world() -> World {
    let world = World::new(2);
    world.user("w1", "grid_worker", "G1");
    world.user("h1", "grid_head", "G1");
    world
}

fn told(refusal: &Refusal) -> (Code, &str) {
    (refusal.code, refusal.field.as_deref().unwrap_or_default())
}

#[test]
fn a_phone_judges_what_it_holds_and_the_server_the_rest() {
    let world = world();
    let elsewhere = world.dwelling("G2");
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let engine = phone.engine();
    let address = json!({ "road": "滨河路", "number": "2" });
    let dwelling = engine.create("dwelling", "G1", Intents::new().put("address", address)).unwrap().record;
    let person = engine.create("person", "G1", Intents::new().put("name", "陆小明")).unwrap().record;
    let household = |id: &str| Intents::new().put("dwelling_id", id);
    // Held here and of another type: nothing is saved.
    let refused = engine.create("household", "G1", household(&person.to_string()));
    let Err(ClientError::Refused(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(told(&refusal), (Code::ValueInvalid, "dwelling_id"));
    // Made by the same push, or in an area that this phone does not hold: good. Nobody: the server says so.
    let good = [dwelling.to_string(), elsewhere].map(|id| engine.create("household", "G1", household(&id)));
    assert!(good.iter().all(Result::is_ok));
    engine.create("household", "G1", household(&NOBODY.to_string())).unwrap();
    let report = phone.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused), (5, 1));
    let attention = phone.engine().attention().unwrap();
    assert_eq!(told(&attention[0].refusal), (Code::RecordUnknown, "dwelling_id"));
    assert_eq!(verify(&world.service).unwrap().listed, []);
}

/// What a grid head may do to a ticket, and how it is judged.
fn cases(place: &str, own: &str) -> Vec<(Value, Option<(Code, &'static str)>)> {
    let set = |field: &str, item: &str| json!([{ "op": "add", "field": field, "item": item }]);
    let place_ref = |value: &str| json!([{ "op": "put", "field": "place_ref", "value": value }]);
    let (nobody, unknown) = (NOBODY.to_string(), Some((Code::RecordUnknown, "place_ref")));
    vec![
        (place_ref(place), None),
        (place_ref(&nobody), unknown),
        (place_ref(own), Some((Code::ValueInvalid, "place_ref"))),
        (set("linked_tickets", own), None),
        (set("linked_tickets", place), Some((Code::ValueInvalid, "linked_tickets"))),
        (set("linked_visits", &nobody), Some((Code::RecordUnknown, "linked_visits"))),
        (set("co_handlers", "h1"), None),
        (set("co_handlers", "h2"), Some((Code::ValueInvalid, "co_handlers"))),
        (set("followers", "H1"), Some((Code::ValueInvalid, "followers"))),
        (event("assign", json!({ "who": "nobody" })), Some((Code::ValueInvalid, "events"))),
        (event("merge", json!({ "into": place })), Some((Code::ValueInvalid, "events"))),
        (event("merge", json!({ "into": nobody })), Some((Code::RecordUnknown, "events"))),
        (event("assign", json!({ "who": "w1" })), None),
    ]
}

#[test]
fn a_desk_names_records_and_people_that_are_there() {
    let world = world();
    let clerk = Clerk::new(&world.service, "h1");
    let kind = first_choice(&world, "place", "kind");
    let place = clerk.made(
        "place",
        "G1",
        json!([
            { "op": "put", "field": "name", "value": "驿站" },
            { "op": "put", "field": "kind", "value": kind },
        ]),
    );
    let category = &world.service.schema.categories[0].code;
    let own = clerk.made("ticket", "G1", ticket("路灯不亮", category));
    assert_eq!(clerk.event(own, "accept", json!({})).refused, None);
    for (intents, expected) in cases(&place.to_string(), &own.to_string()) {
        let verdict = clerk.edit(own, intents.clone());
        assert_eq!(verdict.refused.as_ref().map(told), expected, "{intents}");
    }
    // What is named and gone can be taken away again.
    let taken = json!([{ "op": "remove", "field": "linked_visits", "item": NOBODY.to_string() }]);
    assert_eq!(clerk.edit(own, taken).refused, None);
    assert_eq!(verify(&world.service).unwrap().listed, []);
}

/// A code that a field takes.
fn first_choice(world: &World, of: &str, field: &str) -> String {
    let schema = &world.service.schema;
    let field = schema.record_type(of).and_then(|of| of.field(field));
    match field.map(|field| &field.kind) {
        Some(gridledger_schema::set::Kind::Enum(choices)) => choices[0].code.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn verify_finds_what_an_earlier_version_let_in_and_it_stays_readable() {
    let world = world();
    let household: RecordId = world.household("G1").parse().unwrap();
    assert_eq!(verify(&world.service).unwrap().listed, []);
    let clerk = Clerk::new(&world.service, "clerk-g1");
    let dwelling = clerk.made(
        "dwelling",
        "G1",
        json!([{ "op": "put", "field": "address", "value": { "number": "3" } }]),
    );
    let at = json!([{ "op": "put", "field": "dwelling_id", "value": dwelling.to_string() }]);
    assert_eq!(clerk.edit(household, at).refused, None);
    // As if the dwelling had been of another type when it was named.
    world.change_behind("UPDATE records SET type = 'place' WHERE type = 'dwelling'");
    let report = verify(&world.service).unwrap();
    let found = report.listed.iter().find(|one| one.kind == Kind::Reference);
    let found = found.unwrap_or_else(|| panic!("{:?}", report.listed));
    assert_eq!(
        (found.of.as_str(), found.what.as_str()),
        (household.to_string().as_str(), "dwelling_id: must name a dwelling")
    );
    let shown = gridledger_server::desk::record::record(&clerk.reader(), household, None).unwrap();
    assert_eq!(shown["fields"]["dwelling_id"], json!(dwelling.to_string()));
}

#[test]
fn an_entry_without_intents_is_refused_at_every_door() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let started = Intents::new().put("started", gridledger_tests::world::MORNING);
    let patrol = phone.engine().create("patrol", "G1", started).unwrap().record;
    let saved = phone.engine().edit(patrol, Intents::new());
    assert_eq!(saved.unwrap_err().code(), Some(Code::BadRequest));
    phone.sync(&world).unwrap();
    assert_eq!(phone.engine().receipts(9).unwrap()[0].3, SentState::InLedger, "the phone goes on");
    let clerk = Clerk::new(&world.service, "w1");
    let verdict = clerk.submit(vec![editing(patrol, None, json!([]))]).remove(0);
    let refusal = verdict.refused.expect("a refusal");
    assert_eq!(told(&refusal), (Code::BadRequest, "intents"));
    // A phone of an earlier version: its feed goes on.
    let mut old = Attacker::enrol(&world, "w1", 7);
    let empty = old.entry(Target::Edit { record: patrol }, Vec::new());
    assert_eq!(old.try_entries(&world, vec![empty]).codes(), [Code::BadRequest]);
    let note = put("coverage_note", json!("东侧"));
    let next = old.entry(Target::Edit { record: patrol }, vec![note]);
    assert_eq!(old.try_entries(&world, vec![next]).codes(), []);
    let nothing = intent("coverage_note", Op::Put { value: json!("东侧") });
    let same = old.entry(Target::Edit { record: patrol }, vec![nothing]);
    assert_eq!(old.try_entries(&world, vec![same]).codes(), []);
    assert_eq!(verify(&world.service).unwrap().listed, []);
}

#[test]
fn an_edit_that_said_nothing_and_was_stored_is_open_no_longer() {
    let world = world();
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let started = Intents::new().put("started", gridledger_tests::world::MORNING);
    let patrol = phone.engine().create("patrol", "G1", started).unwrap().record;
    phone.sync(&world).unwrap();
    phone.close();
    let entry = Entry {
        n: 2,
        at: gridledger_tests::world::MORNING,
        cursor: 1,
        role: "grid_worker".to_owned(),
        target: Target::Edit { record: patrol },
        intents: Vec::new(),
    };
    let file = open_raw(phone.file(), &lock());
    let sql = "INSERT INTO entries (feed, n, record, body, hash, seen, at, state)
               SELECT feed, 2, record, ?1, zeroblob(32), x'', ?2, 1 FROM entries WHERE n = 1";
    file.execute(sql, (canonical::encode(&entry), entry.at)).unwrap();
    file.execute("UPDATE records SET pending = 1", []).unwrap();
    drop(file);
    let states: Vec<SentState> = phone.engine().receipts(9).unwrap().iter().map(|one| one.3).collect();
    assert_eq!(states, [SentState::InLedger; 2]);
    assert_eq!(phone.engine().get(patrol).unwrap().unwrap().pending, 0);
}
