//! Tests of explanations: concurrent work, told in both languages.

use gridledger_core::calendar::Zone;
use gridledger_schema::set::SchemaSet;
use serde_json::{Value, json};

use super::*;

/// 2026-01-05T09:30:00+08:00.
const NINE_THIRTY: i64 = 1_767_576_600_000;

fn event(id: &str, verb: &str, actor: &str, minutes: i64, parents: &[&str], args: &Value) -> Event {
    let text = json!({
        "id": id, "verb": verb, "actor": actor, "at": NINE_THIRTY + minutes * 60_000,
        "parents": parents, "args": args,
    });
    serde_json::from_value(text).unwrap()
}

/// A ticket in hand with w1, finished and closed on one phone while another escalated.
fn closed_while_escalated() -> Vec<Event> {
    let none = json!({});
    vec![
        event("r", "report", "w1", 0, &[], &none),
        event("a", "accept", "h1", 1, &["r"], &none),
        event("g", "assign", "h1", 2, &["a"], &json!({"who": "w1"})),
        event("s", "start", "w1", 3, &["g"], &none),
        event("f", "feedback", "w1", 4, &["s"], &none),
        event("c", "close", "h1", 5, &["f"], &none),
        event("e", "escalate", "h2", 6, &["s"], &json!({"to": 2})),
    ]
}

fn lines(events: &[Event], lang: Lang) -> Vec<String> {
    explain(events).unwrap().lines(&SchemaSet::builtin(), lang, &Zone::default())
}

#[test]
fn a_closing_that_crossed_an_escalation_is_a_proposal() {
    assert_eq!(
        lines(&closed_while_escalated(), Lang::En),
        [
            "State: Fed back, to be checked (FEEDBACK), level 2 (Community), cycle 1.",
            "Assigned to: w1; helped by: w1.",
            "Note: it was finished while somebody escalated it; the upper level checks.",
            "1. 2026-01-05T09:30:00+08:00 w1: Report. It took effect.",
            "2. 2026-01-05T09:31:00+08:00 h1: Accept. It took effect.",
            "3. 2026-01-05T09:32:00+08:00 h1: Assign. It took effect.",
            "4. 2026-01-05T09:33:00+08:00 w1: Start. It took effect.",
            "5. 2026-01-05T09:34:00+08:00 w1: Feed back. It is kept as a proposal: somebody escalated at the same time, the upper level checks.",
            "6. 2026-01-05T09:35:00+08:00 h1: Close. It is kept as a proposal: its author had not seen Escalate by h2.",
            "7. 2026-01-05T09:36:00+08:00 h2: Escalate. It took effect.",
        ]
    );
}

#[test]
fn the_same_is_told_in_chinese() {
    let lines = lines(&closed_while_escalated(), Lang::Zh);
    assert_eq!(lines[0], "状态：已反馈待核查（FEEDBACK），第 2 级（社区），第 1 轮。");
    assert_eq!(lines[1], "承办人：w1；协办人：w1。");
    assert!(lines[8].ends_with("h1 销号：作为提议保留：本人当时没有看到h2的上报上级。"), "{}", lines[8]);
}

/// The state it starts from, two verbs with their arguments, the state it comes to, some words of the explanation.
type Example = (&'static str, (&'static str, Value), (&'static str, Value), &'static str, &'static str);

/// Every concurrent example: what happened first, two events that did not know of each other, what it comes to.
#[test]
fn every_concurrent_example_is_explained() {
    let cases: &[Example] = &[
        ("HANDLING", ("feedback", json!({})), ("feedback", json!({})), "FEEDBACK", "helped by: B"),
        (
            "HANDLING",
            ("feedback", json!({})),
            ("suspend", json!({})),
            "FEEDBACK",
            "had no effect|took effect",
        ),
        ("HANDLING", ("escalate", json!({"to": 2})), ("escalate", json!({"to": 3})), "ACCEPTED", "level 3"),
        (
            "ACCEPTED",
            ("assign", json!({"who": "wA"})),
            ("assign", json!({"who": "wB"})),
            "ASSIGNED",
            "wA, wB",
        ),
        ("ACCEPTED", ("assign", json!({"who": "wA"})), ("void", json!({})), "ASSIGNED", "a dissent"),
        ("REPORTED", ("accept", json!({})), ("return", json!({})), "ACCEPTED", "stays attached"),
        ("ACCEPTED", ("assign", json!({"who": "wA"})), ("merge", json!({})), "MERGED", "was merged into"),
        ("FEEDBACK", ("close", json!({})), ("verify_fail", json!({})), "HANDLING", "checks disagree"),
        ("FEEDBACK", ("close", json!({})), ("close", json!({})), "CLOSED", "had no effect"),
        ("CLOSED", ("evaluate", json!({})), ("reopen", json!({"cycle_seen": 1})), "HANDLING", "cycle 2"),
    ];
    let path = ["report", "accept", "assign", "start", "feedback", "close"];
    for (from, a, b, state, told) in cases {
        let length = match *from {
            "REPORTED" => 1,
            "ACCEPTED" => 2,
            "HANDLING" => 4,
            "FEEDBACK" => 5,
            _ => 6,
        };
        let mut events: Vec<Event> = Vec::new();
        for (at, verb) in path[..length].iter().enumerate() {
            let parents: Vec<&str> = events.last().map(|e| e.id.as_str()).into_iter().collect();
            let made = event(verb, verb, "w1", at as i64, &parents, &json!({"who": "w1"}));
            events.push(made);
        }
        let parent = events.last().unwrap().id.clone();
        for (actor, (verb, args), minute) in [("A", a, 20), ("B", b, 21)] {
            events.push(event(actor, verb, actor, minute, &[&parent], args));
        }
        let text = lines(&events, Lang::En).join("\n");
        assert!(text.contains(&format!("({state})")), "{from} {} || {}: {text}", a.0, b.0);
        assert!(told.split('|').any(|part| text.contains(part)), "{from} {} || {}: {text}", a.0, b.0);
    }
}

#[test]
fn a_file_that_is_no_history_is_refused_in_a_sentence() {
    let schema = SchemaSet::builtin();
    let told = |text: &str| {
        let mut out = Vec::new();
        let code = cli_explain_events((&schema, &Zone::default()), text, Lang::En, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    };
    let (code, text) = told("{}");
    assert_eq!(code, 1);
    assert!(text.starts_with("not a list of events"), "{text}");
    let lost = r#"[{"id":"c","verb":"close","actor":"x","at":0,"parents":["nobody"],"args":{}}]"#;
    let (code, text) = told(lost);
    assert_eq!(code, 1);
    assert!(text.starts_with("not the history of a ticket"), "{text}");
    let (code, text) = told("[]");
    assert_eq!(code, 0);
    assert!(text.starts_with("State: Not reported"), "{text}");
}
