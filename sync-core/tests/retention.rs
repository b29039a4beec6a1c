//! These tests check retention: days count from the right moment, and the cheap bound is never too late.

use gridledger_core::calendar::DAY_MS as DAY;
use gridledger_core::derive::{Authored, Seen};
use gridledger_core::document::Document;
use gridledger_core::retention::{Due, due, not_before};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::{RecordType, SchemaSet};
use proptest::prelude::*;
use serde_json::{Value, json};

/// 2026-01-05.
const START: i64 = 1_767_571_200_000;
const FEED: FeedId = FeedId([7; 16]);

fn record_type() -> RecordType {
    let field = |merge: &str, of: &Value, privacy: &Value| {
        let mut field = json!({
            "x-merge": merge, "x-label": { "zh": "字段", "en": "Field" }, "x-write": ["grid_worker"],
        });
        let all = field.as_object_mut().unwrap();
        all.extend(of.as_object().unwrap().clone());
        if !privacy.is_null() {
            all.insert("x-privacy".into(), privacy.clone());
        }
        field
    };
    let text = json!({ "type": "string", "maxLength": 50 });
    let time = json!({ "type": "integer", "format": "time-ms" });
    let list = json!({ "type": "array", "maxItems": 99, "items": text });
    let kept = |days: u32, from: Option<&str>| {
        let mut kept = json!({ "class": "personal", "purpose": "a test", "retain_days": days });
        if let Some(from) = from {
            kept["retain_from"] = json!(from);
        }
        kept
    };
    let file = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "x-label": { "zh": "试", "en": "Trial" }, "x-create": ["grid_worker"], "x-workflow": "ticket",
        "properties": {
            "label": field("register", &text, &kept(10, None)),
            "note": field("text", &text, &kept(10, None)),
            "log": field("log", &list, &kept(10, None)),
            "mood": field("register", &text, &kept(20, Some("changed"))),
            "contact": field("register", &text, &kept(30, Some("closed"))),
            "tenant": field("register", &text, &kept(5, Some("until"))),
            "until": field("register", &time, &Value::Null),
            "size": field("register", &text, &Value::Null),
            "events": {
                "type": "array", "maxItems": 500, "x-merge": "events", "x-write": ["grid_worker"],
                "x-label": { "zh": "环节", "en": "Events" },
            },
        },
    });
    let files = [("records/trial.json".to_owned(), file.to_string())];
    SchemaSet::from_files(&files).unwrap().record_type("trial").unwrap().clone()
}

/// A record with one author.
struct Trial {
    record_type: RecordType,
    document: Document,
    n: u64,
}

impl Trial {
    fn new() -> Self {
        let mut trial = Self { record_type: record_type(), document: Document::new(), n: 0 };
        trial.at(0, vec![]);
        trial
    }

    /// Applies intents on a day.
    fn at(&mut self, day: i64, intents: Vec<(&str, Op)>) {
        self.n += 1;
        let target = match self.n {
            1 => Target::Create { record_type: "trial".into(), area: AreaNo(1) },
            _ => Target::Edit { record: RecordId::created_by(FEED, 1) },
        };
        let intents = intents.into_iter().map(|(field, op)| Intent { facet: 0, field: field.into(), op });
        let entry = Entry {
            n: self.n,
            at: START + day * DAY,
            cursor: 0,
            role: "grid_worker".into(),
            target,
            intents: intents.collect(),
        };
        let authored = Authored { feed: FEED, author: "w1", entry: &entry };
        self.document.derive(authored, 0, &Seen::All).unwrap();
    }

    /// The fields that are due on a day, and the day on which the next one will be.
    fn due(&self, day: i64) -> (Vec<String>, Option<i64>) {
        let (due, next) = due(&self.record_type, [(0, &self.document)], START + day * DAY);
        let fields = due.into_iter().map(|Due { field, .. }| field).collect();
        (fields, next.map(|at| (at - START) / DAY))
    }
}

fn put(value: impl Into<Value>) -> Op {
    Op::Put { value: value.into() }
}

fn event(verb: &str) -> Op {
    Op::Event { verb: verb.into(), args: serde_json::Map::new() }
}

#[test]
fn a_field_is_due_from_its_own_last_write() {
    let mut trial = Trial::new();
    assert_eq!(trial.due(1_000), (vec![], None));
    trial.at(0, vec![("label", put("甲")), ("size", put("大"))]);
    assert_eq!(trial.due(9), (vec![], Some(10)));
    assert_eq!(trial.due(10), (vec!["label".into()], None));
    trial.at(8, vec![("label", put("乙"))]);
    assert_eq!(trial.due(10), (vec![], Some(18)));
    assert_eq!(trial.due(18), (vec!["label".into()], None));
    let text = |insert: &str, pos| Op::Splice { pos, delete: 0, insert: insert.into() };
    trial.at(20, vec![("note", text("先", 0))]);
    trial.at(25, vec![("note", text("后", 1))]);
    assert_eq!(trial.due(31).0, ["label"], "a text is as old as its youngest part");
    assert_eq!(trial.due(35).0, ["label", "note"]);
}

#[test]
fn of_a_log_each_item_is_due_by_itself() {
    let mut trial = Trial::new();
    for day in [0, 6] {
        trial.at(day, vec![("log", Op::Append { value: json!(format!("{day}")) })]);
    }
    let now = START + 12 * DAY;
    let (due, next) = due(&trial.record_type, [(0, &trial.document)], now);
    let until = now - 10 * DAY;
    assert_eq!((due, next), (vec![Due { field: "log".into(), until }], Some(START + 16 * DAY)));
}

#[test]
fn other_moments_to_count_from() {
    let mut trial = Trial::new();
    trial.at(0, vec![("mood", put("好")), ("events", event("report"))]);
    trial.at(15, vec![("size", put("大"))]);
    assert_eq!(trial.due(34), (vec![], Some(35)), "the last change of anything");
    assert_eq!(trial.due(35).0, ["mood"]);
    let mut trial = Trial::new();
    trial.at(0, vec![("contact", put("一八六")), ("events", event("report"))]);
    assert_eq!(trial.due(1_000), (vec![], None), "open is open");
    trial.at(
        40,
        vec![
            ("events", event("accept")),
            ("events", event("start")),
            ("events", event("feedback")),
            ("events", event("close")),
        ],
    );
    assert_eq!(trial.due(69), (vec![], Some(70)));
    assert_eq!(trial.due(70).0, ["contact"]);
    let mut trial = Trial::new();
    trial.at(0, vec![("tenant", put("某"))]);
    assert_eq!(trial.due(1_000), (vec![], None), "nobody has moved out");
    trial.at(9, vec![("until", put(START + 3 * DAY))]);
    assert_eq!(trial.due(7), (vec![], Some(8)));
    assert_eq!(trial.due(9).0, ["tenant"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_due_before_the_cheap_bound(writes in proptest::collection::vec((0..60i64, 0..6usize), 1..12)) {
        let mut trial = Trial::new();
        for (day, what) in writes {
            let op = match what {
                0 => ("label", put("甲")),
                1 => ("log", Op::Append { value: json!("乙") }),
                2 => ("mood", put("丙")),
                3 => ("tenant", put("丁")),
                4 => ("until", put(START + (day - 30) * DAY)),
                _ => ("contact", put("戊")),
            };
            trial.at(day, vec![op]);
        }
        let bound = not_before(&trial.record_type, [(0, &trial.document)]).unwrap();
        for day in -40..100 {
            let now = START + day * DAY;
            let (due, next) = due(&trial.record_type, [(0, &trial.document)], now);
            prop_assert!(due.is_empty() || bound <= now, "{due:?} on day {day}");
            prop_assert!(next.is_none_or(|next| next > now));
        }
    }
}
