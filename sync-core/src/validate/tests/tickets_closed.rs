//! These tests check tickets from the feedback on: the check by another person, rating, reopening, voiding,
//! limits.

use crate::calendar::DAY_MS;
use serde_json::{Value, json};

use super::tickets::{composite, form, reported};
use super::{NOW, Story, create, edit, entry, event, judge, with};
use crate::fold::Event;
use crate::project::View;

const WORKER: &str = "grid_worker";
const HEAD: &str = "grid_head";
const D2: &str = "dispatcher_community";
const OWN_WORK: &str = "own_work_check: somebody other than who handled it (events)";

/// A ticket on which wang has given feedback.
fn fed_back() -> Story {
    let mut story = reported();
    story.passes("hu", HEAD, "accept", &json!({}));
    story.passes("wang", WORKER, "feedback", &json!({ "note": "x" }));
    story
}

fn closed() -> Story {
    let mut story = fed_back();
    story.passes("hu", HEAD, "close", &json!({}));
    story
}

#[test]
fn nobody_checks_their_own_work() {
    let mut story = fed_back();
    assert_eq!(story.event("wang", WORKER, "close", &json!({})), OWN_WORK);
    assert_eq!(story.event("wang", HEAD, "close", &json!({})), OWN_WORK, "under whatever role");
    assert_eq!(story.event("wang", WORKER, "verify_fail", &json!({ "reason": "x" })), OWN_WORK);
    story.passes("qian", WORKER, "verify_fail", &json!({ "reason": "x" }));
    story.passes("qian", WORKER, "feedback", &json!({ "note": "x" }));
    assert_eq!(story.event("qian", WORKER, "close", &json!({})), OWN_WORK);
    story.passes("wang", WORKER, "close", &json!({}));
    assert_eq!(story.state(), "CLOSED 1");
}

#[test]
fn two_who_worked_at_once_both_handled() {
    let mut story = fed_back();
    story.passes("hu", HEAD, "verify_fail", &json!({ "reason": "x" }));
    let mut seen = story.view();
    let parents = vec![seen.events.last().unwrap().id.clone()];
    for (id, actor) in [("x.1.0", "wang"), ("y.1.0", "qian")] {
        let verb = crate::fold::Verb::Feedback;
        let (actor, parents) = (actor.to_owned(), parents.clone());
        seen.events.push(Event {
            id: id.into(),
            verb,
            actor,
            at: NOW,
            parents,
            args: serde_json::Map::new(),
        });
    }
    let close = json!([event("close", &json!({}))]);
    let by = |author: &str| {
        judge(
            &story.schema,
            author,
            &entry(WORKER, edit(), &close),
            &story.schema.types["ticket"],
            &seen,
            &seen,
        )
    };
    assert_eq!([by("wang"), by("qian"), by("zhou")], [OWN_WORK, OWN_WORK, "ok"]);
}

#[test]
fn what_checks_itself_needs_no_second_person() {
    let mut story = Story::new(with(&[]), "ticket");
    let spot = ["report", "accept", "start", "feedback", "close"].map(|verb| match verb {
        "feedback" => (verb, json!({ "media": ["hash"] })),
        _ => (verb, json!({})),
    });
    assert_eq!(story.act("wang", WORKER, &composite("illegal_posters", &spot)), "ok");
    assert_eq!(story.state(), "CLOSED 1");
}

#[test]
fn one_rating_a_person_and_cycle() {
    let mut story = closed();
    let score = |score: u64| json!({ "score": score });
    assert_eq!(story.event("hu", HEAD, "evaluate", &score(6)), "value_invalid: /score: from 1 to 5 (events)");
    let twice = json!([event("evaluate", &score(5)), event("evaluate", &score(1))]);
    assert!(story.act("hu", HEAD, &twice).starts_with("event_illegal: "));
    let seen = story.view();
    story.passes("hu", HEAD, "evaluate", &score(5));
    let rates = |author: &str| {
        let rating = entry(HEAD, edit(), &json!([event("evaluate", &score(1))]));
        judge(&story.schema, author, &rating, &story.schema.types["ticket"], &seen, &story.view())
    };
    assert_eq!(rates("hu"), "event_illegal: one rating a person and cycle (events)", "from a second phone");
    assert_eq!(rates("he"), "ok");
    story.passes("hu", HEAD, "reopen", &json!({ "cycle_seen": 1, "reason": "x" }));
    story.passes("qian", WORKER, "feedback", &json!({ "note": "x" }));
    story.passes("hu", HEAD, "close", &json!({}));
    story.passes("hu", HEAD, "evaluate", &score(4));
}

#[test]
fn reopening_names_the_cycle_it_saw_and_residents_have_30_days() {
    let mut story = closed();
    let claim = json!({ "cycle_seen": 9, "reason": "x" });
    assert_eq!(story.event("hu", HEAD, "reopen", &claim), "value_invalid: /cycle_seen: must be 1 (events)");
    let view = story.view();
    let after = |days: i64, role: &str| {
        let mut reopening =
            entry(role, edit(), &json!([event("reopen", &json!({ "cycle_seen": 1, "reason": "x" }))]));
        reopening.at = view.events.last().unwrap().at + days * DAY_MS;
        judge(&story.schema, "r", &reopening, &story.schema.types["ticket"], &view, &view)
    };
    assert_eq!(after(30, "resident"), "ok");
    assert_eq!(after(31, "resident"), "event_illegal: a resident within 30 days of the closing (events)");
    assert_eq!(after(31, HEAD), "ok");
}

#[test]
fn a_residents_ticket_is_voided_by_a_second_person() {
    let mut intents = form("rubbish");
    intents.push(json!({ "op": "put", "field": "origin", "value": "complaint" }));
    intents.push(event("report", &json!({})));
    let mut story = Story::new(with(&[]), "ticket");
    assert_eq!(story.act("li", D2, &intents.into()), "ok");
    let reason = json!({ "reason": "x" });
    let rule = "own_work_check: a resident's ticket: somebody other than who took it down (events)";
    assert_eq!(story.event("li", D2, "void", &reason), rule);
    assert_eq!(story.event("hu", HEAD, "void", &reason), "event_forbidden: grid_head may not void (events)");
    story.passes("sun", D2, "void", &reason);
}

#[test]
fn a_ticket_has_room_for_so_many_events() {
    let schema = with(&[]);
    let limit = schema.types["ticket"].events_field().unwrap().max_items.unwrap() as usize;
    let mut view = View::default();
    let resubmits = |n: usize| {
        if n.is_multiple_of(2) { crate::fold::Verb::Resubmit } else { crate::fold::Verb::Return }
    };
    for n in 0..limit {
        let verb = if n == 0 { crate::fold::Verb::Report } else { resubmits(n) };
        let parents = if n == 0 { vec![] } else { vec![format!("f.{}.0", n - 1)] };
        let args = serde_json::Map::new();
        view.events.push(Event {
            id: format!("f.{n}.0"),
            verb,
            actor: "wang".into(),
            at: NOW,
            parents,
            args,
        });
    }
    let resubmit = entry(WORKER, edit(), &json!([event("resubmit", &json!({}))]));
    let by = |seen: &View| judge(&schema, "wang", &resubmit, &schema.types["ticket"], seen, &view);
    let full = format!("limit_exceeded: at most {limit} events (events)");
    assert_eq!(by(&view), full);
    view.events.pop();
    let seen = view.clone();
    assert!(!judge(&schema, "wang", &resubmit, &schema.types["ticket"], &seen, &seen).starts_with("limit"));
}

#[test]
fn every_role_and_verb_on_a_fresh_ticket() {
    let story = reported();
    let view = story.view();
    let ticket = &story.schema.types["ticket"];
    let workflow = story.schema.workflow("ticket").unwrap();
    for role in &story.schema.roles {
        for rule in workflow.verbs.values() {
            let attempt = entry(&role.code, edit(), &json!([event(&rule.name, &json!({}))]));
            let answer = judge(&story.schema, "someone", &attempt, ticket, &view, &view);
            let may_not = format!("event_forbidden: {} may not {} (events)", role.code, rule.name);
            assert_eq!(answer == may_not, !rule.roles.contains(&role.code), "{answer}");
        }
        let creates = entry(&role.code, create("ticket"), &Value::Array(form("rubbish")));
        let answer = judge(&story.schema, "someone", &creates, ticket, &View::default(), &View::default());
        assert_eq!(answer.starts_with("create_forbidden"), !ticket.create.contains(&role.code), "{answer}");
    }
}
