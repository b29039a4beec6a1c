//! Desks: people without a phone write by the same rules, once, and honestly about what they had read.

use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use gridledger_server::desk::record as view;
use gridledger_server::operate::verify::verify;
use gridledger_tests::office::{Clerk, creating, editing, event, put, ticket, why};
use gridledger_tests::world::World;
use serde_json::json;

fn world() -> World {
    let world = World::new(2);
    for (login, role, area) in [
        ("w1", "grid_worker", "G1"),
        ("h1", "grid_head", "G1"),
        ("dc", "dispatcher_community", "C"),
        ("au", "auditor", "D"),
    ] {
        world.user(login, role, area);
    }
    world
}

fn code(verdict: &gridledger_server::desk::writing::DeskVerdict) -> Option<Code> {
    verdict.refused.as_ref().map(|refusal| refusal.code)
}

#[test]
fn a_desks_entry_is_decided_like_a_phones() {
    let world = world();
    let clerk = Clerk::new(&world.service, "w1");
    let nobody = RecordId([9; 16]);
    for (entry, expected) in [
        (creating("nothing", "G1", json!([])), Code::TypeUnknown),
        (creating("dwelling", "G9", json!([])), Code::AreaUnknown),
        (creating("dwelling", "G2", json!([])), Code::RoleNotHeld),
        (creating("dwelling", "G1", json!([])), Code::FieldRequired),
        (creating("dwelling", "G1", put("address", json!("text"))), Code::ValueInvalid),
        (creating("dwelling", "G1", put("colour", json!("red"))), Code::FieldUnknown),
        (editing(nobody, None, put("use", json!("rented"))), Code::RecordUnknown),
    ] {
        assert_eq!(code(&clerk.submit(vec![entry])[0]), Some(expected));
    }
    let title = ticket("路灯不亮", &world.service.schema.categories[0].code);
    let made = clerk.made("ticket", "G1", title);
    assert_eq!(code(&clerk.edit(made, put("description", json!("灯杆")))), Some(Code::OperationMismatch));
    let spliced = json!([{"op": "splice", "field": "description", "pos": 0, "delete": 0, "insert": "灯杆"}]);
    assert_eq!(code(&clerk.edit(made, spliced)), None);
    // A phone sees what the desk wrote.
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    assert_eq!(phone.engine().for_check().get(made).unwrap().unwrap().view["description"], "灯杆");
    assert_eq!(verify(&world.service).unwrap().listed, []);
}

#[test]
fn a_record_beyond_ones_rights_is_not_there() {
    let world = world();
    world.user("w2", "grid_worker", "G2");
    let made = Clerk::new(&world.service, "w1").made("person", "G1", put("name", json!("陆小明")));
    let head = Clerk::new(&world.service, "h1");
    let tagged = head.edit(made, json!([{"op": "add", "field": "care_tags", "item": "hardship"}]));
    assert_eq!(tagged.refused, None, "the facet is filled in");
    let other = Clerk::new(&world.service, "w2");
    assert_eq!(code(&other.edit(made, put("name", json!("王")))), Some(Code::RecordUnknown));
    for look in [view::record, view::history] {
        assert_eq!(look(&other.reader(), made, None).unwrap_err().code(), Code::NotFound);
        assert_eq!(look(&other.reader(), RecordId([9; 16]), None).unwrap_err().code(), Code::NotFound);
    }
    // Of a record that may be read, only the facets that may be.
    let worker = Clerk::new(&world.service, "w1");
    let (seen, all) = (
        view::record(&worker.reader(), made, Some(&why())).unwrap(),
        view::record(&head.reader(), made, Some(&why())).unwrap(),
    );
    assert_eq!(seen["fields"], json!({"name": "陆小明"}));
    assert_eq!(all["fields"], json!({"name": "陆小明", "care_tags": ["hardship"]}));
    let entries = |clerk: &Clerk<'_>| {
        view::history(&clerk.reader(), made, None).unwrap()["entries"].as_array().unwrap().len()
    };
    assert_eq!((entries(&worker), entries(&head)), (1, 2));
}

#[test]
fn the_same_request_is_answered_as_the_first_time() {
    let world = world();
    let clerk = Clerk::new(&world.service, "w1");
    let named = |name: &str, use_: &str| {
        let mut entry = creating(
            "dwelling",
            "G1",
            json!([
                {"op": "put", "field": "address", "value": {"road": "滨河路"}},
                {"op": "put", "field": "use", "value": use_},
            ]),
        );
        entry.request_id = Some(name.into());
        entry
    };
    let first = clerk.submit(vec![named("a", "rented")]).remove(0);
    assert!(first.record.is_some());
    // Again, twice in one request, and beside another.
    let again = clerk.submit(vec![named("a", "rented"), named("b", "self"), named("a", "rented")]);
    assert_eq!((&again[0], &again[2]), (&first, &first));
    assert_ne!(again[1].record, first.record);
    // A refusal is repeated too.
    let refused = clerk.submit(vec![named("c", "castle")]).remove(0);
    assert_eq!(clerk.submit(vec![named("c", "castle")]).remove(0), refused);
    assert_eq!(code(&refused), Some(Code::ValueInvalid));
    // The name of one request does not do for another; another person has names of their own.
    assert_eq!(code(&clerk.submit(vec![named("a", "self")])[0]), Some(Code::BadRequest));
    assert_eq!(code(&clerk.submit(vec![named("", "self")])[0]), Some(Code::BadRequest));
    let head = Clerk::new(&world.service, "h1").submit(vec![named("a", "rented")]).remove(0);
    assert_ne!(head.record, first.record);
    assert_eq!(Clerk::new(&world.service, "au").page("dwelling", &[]).unwrap().rows.len(), 3);
}

#[test]
fn many_requests_of_one_person_at_once_follow_each_other() {
    let world = world();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let clerk = Clerk::new(&world.service, "w1");
                let patrol = || creating("patrol", "G1", put("started", json!(1_767_571_200_000_i64)));
                for _ in 0..5 {
                    let verdicts = clerk.submit(vec![patrol(), patrol()]);
                    assert!(verdicts.iter().all(|verdict| verdict.record.is_some()), "{verdicts:?}");
                }
            });
        }
    });
    let auditor = Clerk::new(&world.service, "au");
    assert_eq!(auditor.page("patrol", &[]).unwrap().rows.len(), 60);
    let report = verify(&world.service).unwrap();
    assert_eq!((report.listed, report.entries, report.feeds), (vec![], 60, 1));
}

/// Promise 7: a closing at a desk that had not seen a failed check does not bury it.
#[test]
fn a_desk_claims_to_have_seen_only_what_it_read() {
    let world = world();
    let (w1, h1) = (Clerk::new(&world.service, "w1"), Clerk::new(&world.service, "h1"));
    let category = world.service.schema.categories[0].code.clone();
    let made = w1.made("ticket", "G1", ticket("路灯不亮", &category));
    for (clerk, verb, args) in [
        (&h1, "accept", json!({})),
        (&h1, "assign", json!({"who": "w1"})),
        (&w1, "start", json!({})),
        (&w1, "feedback", json!({"note": "已更换", "media": ["m1"]})),
    ] {
        assert_eq!(clerk.event(made, verb, args).refused, None, "{verb}");
    }
    let read = h1.last(made);
    // Not without saying what was read.
    let blind = h1.submit(vec![editing(made, None, event("close", json!({})))]).remove(0);
    assert_eq!((code(&blind), blind.n), (Some(Code::BadRequest), None));
    let failed = w1.event(made, "verify_fail", json!({"reason": "又不亮"}));
    assert_eq!(code(&failed), Some(Code::OwnWorkCheck));
    world.user("w3", "grid_worker", "G1");
    let other = Clerk::new(&world.service, "w3");
    assert_eq!(other.event(made, "verify_fail", json!({"reason": "又不亮"})).refused, None);
    let closed = h1.submit(vec![editing(made, Some(read), event("close", json!({})))]).remove(0);
    assert_eq!(closed.refused, None, "it was legal by what was read");
    let shown = view::record(&h1.reader(), made, None).unwrap();
    assert_eq!(
        (&shown["ticket"]["state"], &shown["ticket"]["flags"]),
        (&json!("HANDLING"), &json!(["checks_disagree"])),
        "{shown}"
    );
    let history = view::history(&h1.reader(), made, None).unwrap();
    let events = history["events"].as_array().unwrap();
    let verbs = |event: &&serde_json::Value| event["verb"] == "close" || event["verb"] == "verify_fail";
    let checks: Vec<_> = events.iter().filter(verbs).collect();
    assert_eq!(checks.len(), 2);
    assert!(checks.iter().all(|check| check["parents"] == checks[0]["parents"]), "neither knew of the other");
    assert_eq!(history["entries"][0]["seen"], "all");
    assert!(history["entries"].as_array().unwrap().iter().any(|entry| entry["seen"].is_array()));
    // What it cannot have read is refused.
    let ahead = h1.submit(vec![editing(made, Some(10_000), put("led_by", json!("x")))]).remove(0);
    assert_eq!(code(&ahead), Some(Code::SeenImpossible));
    // Refused entries are for their author and for supervisors.
    let refused = |clerk: &Clerk<'_>| {
        let history = view::history(&clerk.reader(), made, None).unwrap();
        let entries = history["entries"].as_array().unwrap().clone();
        entries.iter().filter(|entry| entry.get("refusal").is_some()).count()
    };
    let dispatcher = Clerk::new(&world.service, "dc");
    assert_eq!((refused(&h1), refused(&w1), refused(&other), refused(&dispatcher)), (1, 1, 0, 2));
    assert_eq!(verify(&world.service).unwrap().listed, []);
}

#[test]
fn entries_on_one_record_in_one_request_build_on_each_other() {
    let world = world();
    let h1 = Clerk::new(&world.service, "h1");
    let category = world.service.schema.categories[0].code.clone();
    let made = h1.made("ticket", "G1", ticket("路灯不亮", &category));
    let seen = Some(h1.last(made));
    let verdicts = h1.submit(vec![
        editing(made, seen, event("accept", json!({}))),
        editing(made, seen, event("assign", json!({"who": "w1"}))),
    ]);
    assert!(verdicts.iter().all(|verdict| verdict.refused.is_none()), "{verdicts:?}");
    let shown = view::record(&h1.reader(), made, None).unwrap();
    assert_eq!(
        (&shown["ticket"]["state"], &shown["ticket"]["assignees"]),
        (&json!("ASSIGNED"), &json!(["w1"]))
    );
}
