//! Edits in a simulation: random, mostly legal, each with texts that no other edit writes.

use gridledger_client::{Intents, Record};
use gridledger_core::fold::Verb;
use serde_json::{Map, Value, json};

use super::rng::Rng;

const CHILDREN: [&str; 3] = ["copy", "form", "photo"];
const WIRING: [&str; 5] = ["gas", "wiring", "blocked_exit", "fire_load", "structure"];
const CONSENTS: [&str; 3] = ["register", "phone_contact", "care_service"];
const STATUS: [&str; 4] = ["active", "vacant", "moved", "opted_out"];
/// The usual course of a ticket, and what crosses it.
const COURSE: [Verb; 6] =
    [Verb::Accept, Verb::Start, Verb::Feedback, Verb::Close, Verb::Escalate, Verb::Reopen];
const SAY: [&str; 4] = ["邻里", "路灯", "楼道", "好"];

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The records that new records can name.
pub struct Homes {
    /// Ids of dwellings.
    pub dwellings: Vec<String>,
    /// Ids of households.
    pub households: Vec<String>,
}

/// A new record: its type and what is in it. `mark` is a text that only this edit writes.
pub fn create(rng: &mut Rng, mark: &str, homes: &Homes, now: i64) -> (&'static str, Intents) {
    match rng.below(6) {
        0 => ("dwelling", Intents::new().put("address", json!({ "road": "人民路", "number": mark }))),
        1 => (
            "patrol",
            Intents::new()
                .put("started", now)
                .put("coverage_note", mark)
                .increment("posters_removed", rng.range(1, 5)),
        ),
        2 if !homes.households.is_empty() => {
            let household = rng.pick(&homes.households).clone();
            let visit = Intents::new().put("household", household).put("result", "met");
            ("visit", visit.append("needs", mark))
        }
        3 | 4 => ("ticket", ticket(rng, mark)),
        _ => {
            // Where no dwelling is known yet the server refuses the household.
            let nowhere = || "00000000-0000-8000-8000-000000000000".to_owned();
            let dwelling = (!homes.dwellings.is_empty()).then(|| rng.pick(&homes.dwellings).clone());
            let household = Intents::new().put("dwelling_id", dwelling.unwrap_or_else(nowhere));
            ("household", household.put("label", mark))
        }
    }
}

/// A new ticket.
pub fn ticket(rng: &mut Rng, mark: &str) -> Intents {
    let new = Intents::new()
        .put("kind", "dispute")
        .put("title", mark)
        .put("address_text", format!("{mark}号"))
        .put("category", "neighbour_dispute")
        .put("urgency", rng.range(1, 3))
        .event("report", Map::new());
    if rng.percent(20) {
        new.event("accept", Map::new())
            .event("start", Map::new())
            .event("feedback", object(json!({ "mode": "on_spot", "note": mark })))
    } else {
        new
    }
}

/// The intents of one edit.
pub fn edit(rng: &mut Rng, record: &Record, mark: &str, people: &[String], tickets: &[String]) -> Intents {
    let mut intents = Intents::new();
    for part in 0..=rng.below(3) {
        intents = one(rng, intents, record, &format!("{mark}.{part}"), people, tickets);
    }
    intents
}

fn one(
    rng: &mut Rng,
    intents: Intents,
    record: &Record,
    mark: &str,
    people: &[String],
    tickets: &[String],
) -> Intents {
    match record.record_type.as_str() {
        "dwelling" => dwelling(rng, intents, mark),
        "household" => household(rng, intents, mark),
        "patrol" => patrol(rng, intents, mark, people),
        "visit" => visit(rng, intents, mark, people),
        _ => of_ticket(rng, intents, record, mark, people, tickets),
    }
}

/// A text that is sometimes long, so that an answer comes in several pieces.
fn said(rng: &mut Rng, mark: &str) -> String {
    let length = if rng.percent(40) { 400 } else { 0 };
    let character = |_| char::from_u32(0x4e00 + rng.below(5_000) as u32).unwrap_or('好');
    let at_length: String = (0..length).map(character).collect();
    format!("{mark}{at_length}")
}

fn dwelling(rng: &mut Rng, intents: Intents, mark: &str) -> Intents {
    match rng.below(5) {
        0 => intents.put("address", json!({ "road": "人民路", "number": mark })),
        1 => intents.put("use", rng.word(&["self", "rented", "vacant"])),
        2 => intents.put("last_verified", 1_700_000_000_000 + rng.range(0, 1000)),
        3 => intents.remove("safety_notes", rng.word(&WIRING)),
        _ => intents.add("safety_notes", rng.word(&WIRING)),
    }
}

fn household(rng: &mut Rng, intents: Intents, mark: &str) -> Intents {
    match rng.below(8) {
        0 | 1 => intents.put("label", mark),
        2 => intents.put("status", rng.word(&STATUS)),
        3 => intents.add("consents", rng.word(&CONSENTS)),
        4 => intents.remove("consents", rng.word(&CONSENTS)),
        5 => intents.put("care_plan", mark),
        6 => intents.put("contact_person", Value::Null),
        _ => intents.append("notes", said(rng, mark)),
    }
}

fn patrol(rng: &mut Rng, intents: Intents, mark: &str, people: &[String]) -> Intents {
    match rng.below(8) {
        0..=2 => intents.increment("posters_removed", rng.range(-3, 9)),
        3 => intents.increment("leaflets_given", 1),
        4 => intents.put("squad_id", mark),
        5 => intents.add("companions", rng.pick(people).as_str()),
        6 => intents.append("media", mark),
        _ => intents.put("coverage_note", said(rng, mark)),
    }
}

fn visit(rng: &mut Rng, intents: Intents, mark: &str, people: &[String]) -> Intents {
    match rng.below(5) {
        0 => intents.put("summary", mark),
        1 => intents.put("met_count", rng.range(0, 9)),
        2 => intents.add("visitors", rng.pick(people).as_str()),
        3 => intents.put("consent_seen", mark),
        _ => intents.append("needs", mark),
    }
}

fn of_ticket(
    rng: &mut Rng,
    intents: Intents,
    record: &Record,
    mark: &str,
    people: &[String],
    tickets: &[String],
) -> Intents {
    match rng.below(18) {
        0 => intents.put("title", mark),
        1 => intents.put("description", text(rng, record, mark)),
        2 => intents.append("comments", said(rng, mark)),
        3 => intents.set_child("checklist", rng.word(&CHILDREN), object(json!({ "item": mark }))),
        4 => {
            let done = json!({ "item": mark, "done": rng.percent(50) });
            intents.set_child("checklist", rng.word(&CHILDREN), object(done))
        }
        5 => intents.remove_child("checklist", rng.word(&CHILDREN)),
        6 => intents.put("urgency", rng.range(1, 4)),
        7 => intents.add("followers", rng.pick(people).as_str()),
        8 => intents.append("costs", json!({ "amount_fen": rng.range(1, 900), "what": mark })),
        _ => event(rng, intents, record, mark, people, tickets),
    }
}

/// The description with a stretch in it changed.
fn text(rng: &mut Rng, record: &Record, mark: &str) -> String {
    let old: Vec<char> = record.view["description"].as_str().unwrap_or("").chars().collect();
    let at = rng.below(old.len() + 1);
    let end = (at + rng.below(4)).min(old.len());
    let (before, after): (String, String) = (old[..at].iter().collect(), old[end..].iter().collect());
    format!("{before}{}{mark}{after}", rng.word(&SAY))
}

fn event(
    rng: &mut Rng,
    intents: Intents,
    record: &Record,
    mark: &str,
    people: &[String],
    tickets: &[String],
) -> Intents {
    let ticket = &record.view["_ticket"];
    let (level, cycle) = (ticket["level"].as_i64().unwrap_or(1), ticket["cycle"].as_i64().unwrap_or(1));
    // Whatever the table lets happen now, most of the time; the rest must be refused early.
    let state = serde_json::from_value(ticket["state"].clone()).ok();
    let legal: Vec<Verb> =
        Verb::ALL.iter().copied().filter(|verb| gridledger_core::fold::is_legal(*verb, state)).collect();
    let usual: Vec<Verb> = COURSE.into_iter().filter(|verb| legal.contains(verb)).collect();
    let verb = match rng.below(10) {
        0 => *rng.pick(&Verb::ALL),
        1..=6 if !usual.is_empty() => *rng.pick(&usual),
        _ if !legal.is_empty() => *rng.pick(&legal),
        _ => *rng.pick(&Verb::ALL),
    };
    let args = match verb {
        Verb::Escalate => json!({ "to": level + 1, "reason": mark }),
        Verb::DeEscalate => json!({ "to": level - 1, "reason": mark }),
        Verb::Assign => json!({ "who": rng.pick(people) }),
        Verb::Return => json!({ "question": mark }),
        Verb::Void | Verb::Suspend | Verb::VerifyFail => json!({ "reason": mark }),
        Verb::Extend => json!({ "due": 1_800_000_000_000_i64, "reason": mark }),
        Verb::Feedback => json!({ "level_seen": level, "note": mark }),
        Verb::Reopen => json!({ "cycle_seen": cycle, "reason": mark }),
        Verb::Evaluate => json!({ "score": rng.range(1, 5) }),
        Verb::Merge => json!({ "into": rng.pick(tickets) }),
        _ => json!({}),
    };
    intents.event(verb.as_str(), object(args))
}
