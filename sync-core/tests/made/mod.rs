//! This file makes up histories for the tests of derivation and of epochs.

use std::collections::BTreeMap;

use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId};
use serde_json::{Value, json};

pub type Clock = BTreeMap<FeedId, u64>;

/// One entry of a made-up history: its feed, the entry, and the changes its author had seen.
pub struct Made {
    pub feed: FeedId,
    pub entry: Entry,
    pub seen: Clock,
}

/// A source of choices, so that proptest can shrink a history.
pub struct Choices<'a> {
    pub bytes: std::slice::Iter<'a, u8>,
}

impl Choices<'_> {
    pub fn below(&mut self, n: usize) -> usize {
        self.bytes.next().map_or(0, |&b| usize::from(b)) % n
    }
}

pub fn feed(i: usize) -> FeedId {
    FeedId([i as u8 + 1; 16])
}

fn intent(c: &mut Choices<'_>) -> Intent {
    let item = || ["a", "b", "c"];
    let (field, op) = match c.below(12) {
        0 => ("status", Op::Put { value: json!(c.below(3)) }),
        1 => ("label", Op::Put { value: json!({ "n": [c.below(3), "值"] }) }),
        2 => ("reached", Op::Raise { value: c.below(50) as i64 }),
        3 => ("count", Op::Increment { by: c.below(5) as i64 - 2 }),
        4 => {
            ("notes", Op::Splice { pos: c.below(9) as u32, delete: c.below(3) as u32, insert: "雨天".into() })
        }
        5 => ("tags", Op::Add { item: item()[c.below(3)].into() }),
        6 => ("tags", Op::Remove { item: item()[c.below(3)].into() }),
        7 => ("log", Op::Append { value: json!({ "v": c.below(9) }) }),
        8 => (
            "contacts",
            Op::SetChild {
                child: item()[c.below(3)].into(),
                value: json!({ "p": c.below(3) }).as_object().unwrap().clone(),
            },
        ),
        9 | 10 => ("events", event(c)),
        _ => ("contacts", Op::RemoveChild { child: item()[c.below(3)].into() }),
    };
    Intent { facet: 0, field: field.into(), op }
}

fn event(c: &mut Choices<'_>) -> Op {
    let (verb, args) = [
        ("report", json!({})),
        ("accept", json!({})),
        ("start", json!({})),
        ("feedback", json!({ "level_seen": 1 })),
        ("close", json!({})),
        ("escalate", json!({ "to": 2, "reason": "难" })),
    ][c.below(6)]
    .clone();
    Op::Event { verb: verb.into(), args: args.as_object().unwrap().clone() }
}

/// Makes a history of `steps` steps, in an order in which causes come before effects.
pub fn history(c: &mut Choices<'_>, steps: usize) -> Vec<Made> {
    let authors = 2 + c.below(4);
    let mut known: Vec<Clock> = vec![Clock::new(); authors];
    let mut numbers = vec![0u64; authors];
    let create = Target::Create { record_type: "household".into(), area: AreaNo(1) };
    let first =
        Entry { n: 1, at: 1_000, cursor: 0, role: "w".into(), target: create, intents: vec![intent(c)] };
    numbers[0] = 1;
    let record = first.record(feed(0));
    let mut made = vec![Made { feed: feed(0), entry: first, seen: Clock::new() }];
    for clock in &mut known {
        clock.insert(feed(0), 1);
    }
    for _ in 0..steps {
        let (who, other) = (c.below(authors), c.below(authors));
        if c.below(3) == 0 {
            let theirs = known[other].clone();
            for (feed, n) in theirs {
                let mine = known[who].entry(feed).or_insert(0);
                *mine = n.max(*mine);
            }
            continue;
        }
        numbers[who] += 1;
        let intents = (0..=c.below(3)).map(|_| intent(c)).collect();
        let at = 1_000 + c.below(256) as i64;
        let entry = Entry {
            n: numbers[who],
            at,
            cursor: 0,
            role: "w".into(),
            target: Target::Edit { record },
            intents,
        };
        let seen = known[who].clone();
        *known[who].entry(feed(who)).or_insert(0) += 1;
        made.push(Made { feed: feed(who), entry, seen });
    }
    made
}

/// A record type with a field of each merge kind.
pub fn household() -> gridledger_schema::set::RecordType {
    let field = |merge: &str, kind: Value| {
        let mut field = json!({ "x-merge": merge, "x-label": { "zh": "字段", "en": "Field" }, "x-write": ["grid_worker"] });
        field.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
        field
    };
    let text = || json!({ "type": "string", "maxLength": 50 });
    let properties = json!({
        "status": field("register", json!({ "type": "integer", "minimum": 0, "maximum": 9 })),
        "label": field("multi", json!({ "type": "object", "properties": { "n": { "type": "array", "maxItems": 3, "items": text() } } })), "reached": field("max", json!({ "type": "integer", "minimum": 0, "maximum": 99 })),
        "count": field("counter", json!({ "type": "integer", "minimum": -99, "maximum": 99 })), "notes": field("text", text()),
        "tags": field("set-add-wins", json!({ "type": "array", "maxItems": 9, "items": text() })),
        "events": { "type": "array", "maxItems": 500, "x-merge": "events", "x-label": { "zh": "环节", "en": "Events" }, "x-write": ["grid_worker"] },
        "log": field("log", json!({ "type": "array", "maxItems": 99, "items": text() })),
        "contacts": field("map", json!({ "type": "object", "maxProperties": 9, "additionalProperties": { "type": "object", "properties": { "p": { "type": "integer", "minimum": 0, "maximum": 9 } } } })),
    });
    let file = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "x-label": { "zh": "试", "en": "Trial" }, "x-create": ["grid_worker"], "x-workflow": "ticket", "properties": properties,
    });
    let files = [("records/trial.json".to_owned(), file.to_string())];
    gridledger_schema::set::SchemaSet::from_files(&files).unwrap().record_type("trial").unwrap().clone()
}
