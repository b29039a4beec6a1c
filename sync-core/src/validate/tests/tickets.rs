//! These tests check tickets from the report to the feedback: role, level and state of each step.

use gridledger_schema::set::SchemaSet;
use serde_json::{Value, json};

use super::{Story, event, with};

const WORKER: &str = "grid_worker";
const HEAD: &str = "grid_head";
const D2: &str = "dispatcher_community";
const D3: &str = "dispatcher_street";

fn builtin() -> SchemaSet {
    with(&[])
}

fn put(field: &str, value: &str) -> Value {
    json!({ "op": "put", "field": field, "value": value })
}

/// The fields that a worker fills in, without events.
pub(super) fn form(category: &str) -> Vec<Value> {
    let fields = [
        ("kind", "incident"),
        ("title", "灯不亮"),
        ("address_text", "944号4单元3楼"),
        ("category", category),
    ];
    fields.map(|(field, value)| put(field, value)).into()
}

/// A form, then these events, as one entry's intents.
pub(super) fn composite(category: &str, events: &[(&str, Value)]) -> Value {
    let events = events.iter().map(|(verb, args)| event(verb, args));
    form(category).into_iter().chain(events).collect::<Vec<_>>().into()
}

/// A ticket that worker wang reported.
pub(super) fn reported() -> Story {
    let mut story = Story::new(builtin(), "ticket");
    assert_eq!(story.act("wang", WORKER, &composite("neighbour_dispute", &[("report", json!({}))])), "ok");
    story
}

/// Such a ticket, accepted at level 1.
fn accepted() -> Story {
    let mut story = reported();
    story.passes("hu", HEAD, "accept", &json!({}));
    story
}

#[test]
fn a_ticket_begins_with_a_report_of_something_somewhere() {
    let new = |intents: &Value| Story::new(builtin(), "ticket").act("wang", WORKER, intents);
    assert_eq!(new(&composite("rubbish", &[("report", json!({}))])), "ok");
    assert_eq!(new(&composite("rubbish", &[])), "field_required: a new ticket begins with report (events)");
    let accept_first = composite("rubbish", &[("accept", json!({})), ("report", json!({}))]);
    assert!(new(&accept_first).starts_with("event_"), "{}", new(&accept_first));
    let nowhere = json!([put("kind", "incident"), put("title", "x"), event("report", &json!({}))]);
    assert_eq!(new(&nowhere), "field_required: a place, a dwelling, an address or a point (place_ref)");
    let twice = composite("rubbish", &[("report", json!({})), ("report", json!({}))]);
    assert_eq!(new(&twice), "event_illegal: no report in REPORTED: only once, at the beginning (events)");
}

#[test]
fn verbs_and_arguments_are_those_of_the_file() {
    let mut story = reported();
    let mut answer = |verb: &str, args: Value| story.event("hu", HEAD, verb, &args);
    assert_eq!(answer("dance", json!({})), "value_invalid: there is no verb dance (events)");
    assert_eq!(answer("return", json!({})), "value_invalid: /question: is missing (events)");
    assert_eq!(
        answer("return", json!({ "question": 1 })),
        "value_invalid: /question: must be a text (events)"
    );
    assert_eq!(answer("accept", json!({ "who": "x" })), "value_invalid: /who: there is no such key (events)");
    let long = json!({ "question": "问".repeat(501) });
    assert_eq!(answer("return", long), "value_invalid: /question: at most 500 characters (events)");
    assert_eq!(answer("return", json!({ "question": "哪一楼" })), "ok");
    let shut = json!({ "to": 2, "reason": "x" });
    let rule = "event_illegal: no escalate in RETURNED: only in REPORTED, ACCEPTED, ASSIGNED, HANDLING, SUSPENDED (events)";
    assert_eq!(answer("escalate", shut), rule);
}

#[test]
fn accepting_is_for_the_head_at_level_1_and_for_dispatchers_above() {
    let mut story = reported();
    assert_eq!(
        story.event("li", D2, "accept", &json!({})),
        "event_forbidden: accept by dispatcher_community: only at levels 2 to 4 (events)"
    );
    assert_eq!(
        story.event("zhao", "auditor", "accept", &json!({})),
        "event_forbidden: auditor may not accept (events)"
    );
    assert!(
        story
            .event("qian", WORKER, "accept", &json!({}))
            .starts_with("event_forbidden: accept by grid_worker: only ")
    );
    story.passes("hu", HEAD, "accept", &json!({}));
    assert_eq!(story.state(), "ACCEPTED 1");
    let rule = "event_illegal: no accept in ACCEPTED: only in REPORTED (events)";
    assert_eq!(story.event("hu", HEAD, "accept", &json!({})), rule);
}

#[test]
fn what_is_accepted_has_a_category() {
    let mut story = Story::new(builtin(), "ticket");
    let mut bare = form("rubbish");
    bare.pop();
    bare.push(event("report", &json!({})));
    assert_eq!(story.act("wang", WORKER, &bare.into()), "ok");
    assert_eq!(story.event("hu", HEAD, "accept", &json!({})), "field_required: accept needs it (category)");
    let both = json!([event("accept", &json!({})), put("category", "rubbish")]);
    assert_eq!(story.act("hu", HEAD, &both), "ok");
}

#[test]
fn escalation_goes_up_as_far_as_the_role_reaches() {
    let mut story = accepted();
    let to = |level: u64| json!({ "to": level, "reason": "x" });
    assert_eq!(
        story.event("wang", WORKER, "escalate", &to(3)),
        "event_forbidden: escalate by grid_worker: only to level 2 (events)"
    );
    assert_eq!(
        story.event("li", D2, "escalate", &to(1)),
        "event_illegal: escalate: only to a level above 1 (events)"
    );
    story.passes("wang", WORKER, "escalate", &to(2));
    assert_eq!(
        story.event("wang", WORKER, "escalate", &to(2)),
        "event_illegal: escalate: only to a level above 2 (events)"
    );
    assert_eq!(
        story.event("hu", HEAD, "assign", &json!({ "who": "wang" })),
        "event_forbidden: assign by grid_head: only at level 1 (events)"
    );
    story.passes("li", D2, "escalate", &to(3));
    assert_eq!(
        story.event("li", D2, "de_escalate", &to(2)),
        "event_forbidden: de_escalate by dispatcher_community: only at level 2, to level 1 (events)"
    );
    assert_eq!(
        story.event("chen", D3, "de_escalate", &to(3)),
        "event_illegal: de_escalate: only to a level below 3 (events)"
    );
    story.passes("chen", D3, "de_escalate", &to(2));
    assert_eq!(story.state(), "ACCEPTED 2");
    assert_eq!(story.event("li", D2, "escalate", &to(9)), "value_invalid: /to: from 0 to 4 (events)");
}

#[test]
fn work_is_for_who_is_assigned_or_takes_it() {
    let mut story = accepted();
    story.passes("hu", HEAD, "assign", &json!({ "who": "wang" }));
    let rule = "event_forbidden: start by grid_worker: only as one of its handlers; or at level 1, while nobody is assigned (events)";
    assert_eq!(story.event("qian", WORKER, "start", &json!({})), rule);
    story.passes("wang", WORKER, "start", &json!({}));
    assert_eq!(
        story.event("wang", WORKER, "suspend", &json!({ "reason": "x" })),
        "event_forbidden: grid_worker may not suspend (events)"
    );
    story.passes("li", D2, "suspend", &json!({ "reason": "x" }));
    let note = json!({ "note": "修好了" });
    assert!(story.event("qian", WORKER, "feedback", &note).starts_with("event_forbidden: "));
    let helper = json!([{ "op": "add", "field": "co_handlers", "item": "qian" }]);
    assert_eq!(story.act("li", D2, &helper), "ok");
    story.passes("qian", WORKER, "feedback", &note);

    let mut free = accepted();
    free.passes("qian", WORKER, "start", &json!({}));
    assert_eq!(free.state(), "HANDLING 1");
}

#[test]
fn feedback_brings_what_the_category_asks_for_and_claims_only_what_was_seen() {
    let mut story = accepted();
    let mut answer = |args: Value| story.event("wang", WORKER, "feedback", &args);
    assert_eq!(answer(json!({})), "value_invalid: /note: this category asks for a photo or a note (events)");
    assert_eq!(
        answer(json!({ "note": " " })),
        "value_invalid: /note: this category asks for a photo or a note (events)"
    );
    assert_eq!(
        answer(json!({ "note": "x", "level_seen": 4 })),
        "value_invalid: /level_seen: must be 1 (events)"
    );
    assert_eq!(answer(json!({ "note": "x", "level_seen": 1 })), "ok");

    let mut photo = Story::new(builtin(), "ticket");
    assert_eq!(photo.act("wang", WORKER, &composite("lighting", &[("report", json!({}))])), "ok");
    photo.passes("hu", HEAD, "accept", &json!({}));
    let rule = "value_invalid: /media: this category asks for a photo (events)";
    assert_eq!(photo.event("wang", WORKER, "feedback", &json!({ "note": "x" })), rule);
    let after =
        json!([{ "op": "append", "field": "media_after", "value": "hash" }, event("feedback", &json!({}))]);
    assert_eq!(photo.act("wang", WORKER, &after), "ok");
}

/// The built-in set, without the grant that lets a worker accept their own report.
fn strict() -> SchemaSet {
    let mut file: Value =
        serde_json::from_str(include_str!("../../../../schema/workflows/ticket.json")).unwrap();
    let who = file["verbs"]["accept"]["who"].as_array_mut().unwrap();
    who.retain(|grant| grant["as"] != "reporter");
    with(&[("workflows/ticket.json", file.to_string())])
}

#[test]
fn on_the_spot_one_person_does_it_all_but_the_check() {
    let done = |last: &[(&str, Value)]| {
        let mut events = vec![("report", json!({})), ("accept", json!({})), ("start", json!({}))];
        events.push(("feedback", json!({ "note": "换了灯泡", "media": ["hash"], "mode": "on_spot" })));
        events.extend_from_slice(last);
        composite("lighting", &events)
    };
    for schema in [builtin(), strict()] {
        let mut story = Story::new(schema, "ticket");
        let closed = story.act("wang", WORKER, &done(&[("close", json!({}))]));
        assert_eq!(closed, "own_work_check: somebody other than who handled it (events)");
        assert_eq!(story.act("wang", WORKER, &done(&[])), "ok");
        assert_eq!(story.state(), "FEEDBACK 1");
        assert_eq!(story.event("wang", WORKER, "close", &json!({})), closed);
        story.passes("hu", HEAD, "close", &json!({}));
    }
    let mut half = Story::new(strict(), "ticket");
    let accepts = composite("lighting", &[("report", json!({})), ("accept", json!({}))]);
    assert!(half.act("wang", WORKER, &accepts).starts_with("event_forbidden: grid_worker may not accept"));
    let reports = composite("lighting", &[("report", json!({}))]);
    assert_eq!(half.act("wang", WORKER, &reports), "ok");
    let rest = json!([event("accept", &json!({})), event("start", &json!({}))]);
    assert!(
        half.act("wang", WORKER, &rest).starts_with("event_forbidden: "),
        "only in the entry that reports it"
    );
    let outsider = Story::new(strict(), "ticket").act("ma", "building_head", &done(&[]));
    assert!(outsider.starts_with("event_forbidden: building_head may not accept"), "{outsider}");
}
