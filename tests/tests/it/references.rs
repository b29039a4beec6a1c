//! References: every door checks that a named record is there and has the right type, and that an entry has intents.

use gridledger_client::{ClientError, Intents, SentState};
use gridledger_core::canonical;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::RecordId;
use gridledger_server::operate::verify::Kind;
use gridledger_tests::attacker::{Attacker, intent, put};
use gridledger_tests::forms;
use gridledger_tests::office::{self, editing, event};
use gridledger_tests::world::{MORNING, World};
use serde_json::{Value, json};

const NOBODY: RecordId = RecordId([9; 16]);

fn world() -> World {
    World::staffed(2, &[("w1", "grid_worker", "G1"), ("h1", "grid_head", "G1")])
}

fn told(refusal: &Refusal) -> (Code, &str) {
    (refusal.code, refusal.field.as_deref().unwrap_or_default())
}

#[test]
fn a_phone_judges_what_it_holds_and_the_server_the_rest() {
    let world = world();
    let elsewhere = world.dwelling("G2");
    let mut phone = world.enrolled_phone("w1");
    let dwelling = phone.creates("dwelling", "G1", forms::dwelling("滨河路", "2"));
    let person = phone.creates("person", "G1", forms::person("陆小明"));
    // The phone holds the record, which is of another type: nothing is saved.
    let refused =
        phone.cannot_create("household", "G1", forms::household(person, "一户"), Code::ValueInvalid);
    let ClientError::Refused(refusal) = refused else { panic!("{refused:?}") };
    assert_eq!(told(&refusal), (Code::ValueInvalid, "dwelling_id"));
    // A record of the same push and one in an area that this phone does not hold are good. Of a record that is
    // nowhere only the server can say so.
    for named in [dwelling, elsewhere, NOBODY] {
        phone.creates("household", "G1", forms::household(named, "一户"));
    }
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused), (5, 1));
    let attention = phone.attention();
    assert_eq!(told(&attention[0].refusal), (Code::RecordUnknown, "dwelling_id"));
    world.is_whole();
}

/// Edits of a ticket by a grid head, each with its refusal.
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
    let clerk = world.clerk("h1");
    let kind = first_choice(&world, "place", "kind");
    let place = clerk.made(
        "place",
        "G1",
        json!([
            { "op": "put", "field": "name", "value": "驿站" },
            { "op": "put", "field": "kind", "value": kind },
        ]),
    );
    let own = clerk.reports("G1", "路灯不亮");
    clerk.steps(own, "accept", json!({}));
    for (intents, expected) in cases(&place.to_string(), &own.to_string()) {
        let verdict = clerk.edit(own, intents.clone());
        assert_eq!(verdict.refused.as_ref().map(told), expected, "{intents}");
    }
    // A reference to a record that is gone can be removed.
    let taken = json!([{ "op": "remove", "field": "linked_visits", "item": NOBODY.to_string() }]);
    clerk.writes(own, taken);
    world.is_whole();
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
    let household = world.household("G1");
    world.is_whole();
    let clerk = world.clerk("clerk-g1");
    let dwelling = clerk.made("dwelling", "G1", office::put("address", json!({ "number": "3" })));
    clerk.puts(household, "dwelling_id", dwelling.to_string());
    // As if the dwelling had been of another type when it was named.
    world.change_behind("UPDATE records SET type = 'place' WHERE type = 'dwelling'");
    let report = world.verifies();
    let found = report.listed.iter().find(|one| one.kind == Kind::Reference);
    let found = found.unwrap_or_else(|| panic!("{:?}", report.listed));
    assert_eq!(
        (found.of.as_str(), found.what.as_str()),
        (household.to_string().as_str(), "dwelling_id: must name a dwelling")
    );
    let shown = clerk.sees(household, None);
    assert_eq!(shown["fields"]["dwelling_id"], json!(dwelling.to_string()));
}

#[test]
fn an_entry_without_intents_is_refused_at_every_door() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    let patrol = phone.creates("patrol", "G1", forms::put("started", MORNING));
    phone.cannot_edit(patrol, Intents::new(), Code::BadRequest);
    phone.syncs(&world);
    assert_eq!(phone.states()[0], SentState::InLedger, "the phone goes on");
    let clerk = world.clerk("w1");
    let verdict = clerk.submit_one(editing(patrol, None, json!([])));
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
    world.is_whole();
}

#[test]
fn an_edit_that_said_nothing_and_was_stored_is_open_no_longer() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    let patrol = phone.creates("patrol", "G1", forms::put("started", MORNING));
    phone.syncs(&world);
    let entry = Entry {
        n: 2,
        at: MORNING,
        cursor: 1,
        role: "grid_worker".to_owned(),
        target: Target::Edit { record: patrol },
        intents: Vec::new(),
    };
    let sql = "INSERT INTO entries (feed, n, record, body, hash, seen, at, state)
               SELECT feed, 2, record, ?1, zeroblob(32), x'', ?2, 1 FROM entries WHERE n = 1";
    phone.change_behind(sql, (canonical::encode(&entry), entry.at));
    phone.change_behind("UPDATE records SET pending = 1", []);
    assert_eq!(phone.states(), [SentState::InLedger; 2]);
    assert_eq!(phone.masked(patrol).pending, 0);
}
