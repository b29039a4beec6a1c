//! Desks: people without a phone write by the same rules, once, and honestly about what they had read.

use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use gridledger_server::desk::record as view;
use gridledger_tests::json::items;
use gridledger_tests::office::{Clerk, creating, editing, event, put, ticket, why};
use gridledger_tests::world::World;
use serde_json::json;

fn world() -> World {
    World::staffed(
        2,
        &[
            ("w1", "grid_worker", "G1"),
            ("h1", "grid_head", "G1"),
            ("dc", "dispatcher_community", "C"),
            ("au", "auditor", "D"),
        ],
    )
}

fn code(verdict: &gridledger_server::desk::writing::DeskVerdict) -> Option<Code> {
    verdict.refused.as_ref().map(|refusal| refusal.code)
}

#[test]
fn a_desks_entry_is_decided_like_a_phones() {
    let world = world();
    let clerk = world.clerk("w1");
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
        assert_eq!(code(&clerk.submit_one(entry)), Some(expected));
    }
    let title = ticket("路灯不亮", &world.service.schema.categories[0].code);
    let made = clerk.made("ticket", "G1", title);
    assert_eq!(code(&clerk.edit(made, put("description", json!("灯杆")))), Some(Code::OperationMismatch));
    let spliced = json!([{"op": "splice", "field": "description", "pos": 0, "delete": 0, "insert": "灯杆"}]);
    assert_eq!(code(&clerk.edit(made, spliced)), None);
    // A phone sees what the desk wrote.
    let mut phone = world.enrolled_phone("w1");
    assert_eq!(phone.record(made).view["description"], "灯杆");
    world.is_whole();
}

#[test]
fn a_record_beyond_ones_rights_is_not_there() {
    let world = world();
    world.user("w2", "grid_worker", "G2");
    let made = world.clerk("w1").made("person", "G1", put("name", json!("陆小明")));
    let head = world.clerk("h1");
    let tagged = head.edit(made, json!([{"op": "add", "field": "care_tags", "item": "hardship"}]));
    assert_eq!(tagged.refused, None, "the facet is filled in");
    let other = world.clerk("w2");
    assert_eq!(code(&other.edit(made, put("name", json!("王")))), Some(Code::RecordUnknown));
    for look in [view::record, view::history] {
        assert_eq!(look(&other.reader(), made, None).unwrap_err().code(), Code::NotFound);
        assert_eq!(look(&other.reader(), RecordId([9; 16]), None).unwrap_err().code(), Code::NotFound);
    }
    // A reader of the record sees only the facets of the reader's roles.
    let worker = world.clerk("w1");
    let (seen, all) = (worker.sees(made, Some(&why())), head.sees(made, Some(&why())));
    assert_eq!(seen["fields"], json!({"name": "陆小明"}));
    assert_eq!(all["fields"], json!({"name": "陆小明", "care_tags": ["hardship"]}));
    let entries = |clerk: &Clerk<'_>| items(&clerk.history(made, None)["entries"]).len();
    assert_eq!((entries(&worker), entries(&head)), (1, 2));
}

#[test]
fn the_same_request_is_answered_as_the_first_time() {
    let world = world();
    let clerk = world.clerk("w1");
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
    let first = clerk.submit_one(named("a", "rented"));
    assert!(first.record.is_some());
    // Again, twice in one request, and beside another.
    let again = clerk.submit(vec![named("a", "rented"), named("b", "self"), named("a", "rented")]);
    assert_eq!((&again[0], &again[2]), (&first, &first));
    assert_ne!(again[1].record, first.record);
    // A refusal is repeated too.
    let refused = clerk.submit_one(named("c", "castle"));
    assert_eq!(clerk.submit_one(named("c", "castle")), refused);
    assert_eq!(code(&refused), Some(Code::ValueInvalid));
    // The name of one request does not do for another; another person has names of their own.
    assert_eq!(code(&clerk.submit_one(named("a", "self"))), Some(Code::BadRequest));
    assert_eq!(code(&clerk.submit_one(named("", "self"))), Some(Code::BadRequest));
    let head = world.clerk("h1").submit_one(named("a", "rented"));
    assert_ne!(head.record, first.record);
    assert_eq!(world.clerk("au").ledger("dwelling", &[]).rows.len(), 3);
}

#[test]
fn many_requests_of_one_person_at_once_follow_each_other() {
    let world = world();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let clerk = world.clerk("w1");
                let patrol = || creating("patrol", "G1", put("started", json!(1_767_571_200_000_i64)));
                for _ in 0..5 {
                    let verdicts = clerk.submit(vec![patrol(), patrol()]);
                    assert!(verdicts.iter().all(|verdict| verdict.record.is_some()), "{verdicts:?}");
                }
            });
        }
    });
    let auditor = world.clerk("au");
    assert_eq!(auditor.ledger("patrol", &[]).rows.len(), 60);
    let report = world.verifies();
    assert_eq!((report.listed, report.entries, report.feeds), (vec![], 60, 1));
}

/// Promise 7: a closing at a desk that had not seen a failed check does not bury it.
#[test]
fn a_desk_claims_to_have_seen_only_what_it_read() {
    let world = world();
    let (w1, h1) = (world.clerk("w1"), world.clerk("h1"));
    let made = w1.reports("G1", "路灯不亮");
    for (clerk, verb, args) in [
        (&h1, "accept", json!({})),
        (&h1, "assign", json!({"who": "w1"})),
        (&w1, "start", json!({})),
        (&w1, "feedback", json!({"note": "已更换", "media": ["m1"]})),
    ] {
        clerk.steps(made, verb, args);
    }
    let read = h1.last(made);
    // Not without saying what was read.
    let blind = h1.submit_one(editing(made, None, event("close", json!({}))));
    assert_eq!((code(&blind), blind.n), (Some(Code::BadRequest), None));
    let failed = w1.event(made, "verify_fail", json!({"reason": "又不亮"}));
    assert_eq!(code(&failed), Some(Code::OwnWorkCheck));
    world.user("w3", "grid_worker", "G1");
    let other = world.clerk("w3");
    other.steps(made, "verify_fail", json!({"reason": "又不亮"}));
    let closed = h1.submit_one(editing(made, Some(read), event("close", json!({}))));
    assert_eq!(closed.refused, None, "it was legal by what was read");
    let shown = h1.sees(made, None);
    assert_eq!(
        (&shown["ticket"]["state"], &shown["ticket"]["flags"]),
        (&json!("HANDLING"), &json!(["checks_disagree"])),
        "{shown}"
    );
    let history = h1.history(made, None);
    let events = items(&history["events"]);
    let verbs = |event: &&serde_json::Value| event["verb"] == "close" || event["verb"] == "verify_fail";
    let checks: Vec<_> = events.iter().filter(verbs).collect();
    assert_eq!(checks.len(), 2);
    assert!(checks.iter().all(|check| check["parents"] == checks[0]["parents"]), "neither knew of the other");
    assert_eq!(history["entries"][0]["seen"], "all");
    assert!(items(&history["entries"]).iter().any(|entry| entry["seen"].is_array()));
    // An entry that claims to have seen a position ahead of the log is refused.
    let ahead = h1.submit_one(editing(made, Some(10_000), put("led_by", json!("x"))));
    assert_eq!(code(&ahead), Some(Code::SeenImpossible));
    // Refused entries are for their author and for supervisors.
    let refused = |clerk: &Clerk<'_>| {
        let history = clerk.history(made, None);
        let entries = items(&history["entries"]).clone();
        entries.iter().filter(|entry| entry.get("refusal").is_some()).count()
    };
    let dispatcher = world.clerk("dc");
    assert_eq!((refused(&h1), refused(&w1), refused(&other), refused(&dispatcher)), (1, 1, 0, 2));
    world.is_whole();
}

#[test]
fn entries_on_one_record_in_one_request_build_on_each_other() {
    let world = world();
    let h1 = world.clerk("h1");
    let made = h1.reports("G1", "路灯不亮");
    let seen = Some(h1.last(made));
    let verdicts = h1.submit(vec![
        editing(made, seen, event("accept", json!({}))),
        editing(made, seen, event("assign", json!({"who": "w1"}))),
    ]);
    assert!(verdicts.iter().all(|verdict| verdict.refused.is_none()), "{verdicts:?}");
    let shown = h1.sees(made, None);
    assert_eq!(
        (&shown["ticket"]["state"], &shown["ticket"]["assignees"]),
        (&json!("ASSIGNED"), &json!(["w1"]))
    );
}
