//! These tests feed hostile entries to the rules: no panic, and the same answer twice.

use std::sync::LazyLock;

use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::set::{Merge, SchemaSet};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{GRID, NOW, Subject, check_shape, grant, schema, territory, validate};
use crate::calendar::Zone;
use crate::fold::{Event, Verb};
use crate::known::Standing;
use crate::project::View;
use crate::rights::Rights;

static SCHEMA: LazyLock<SchemaSet> = LazyLock::new(schema);

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-5i64..50).prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        word().prop_map(Value::from),
        Just(json!({ "lat": 1.5, "lon": 2.5 })),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(word(), inner, 0..4).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Words of the schema, and words that are none.
fn word() -> impl Strategy<Value = String> {
    let known = [
        "big",
        "wang",
        "number",
        "road",
        "to",
        "who",
        "reason",
        "cycle_seen",
        "level_seen",
        "note",
        "rubbish",
    ];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => any::<String>(),
        1 => Just("~1/~0".to_owned()),
        1 => Just("字".repeat(300)),
    ]
}

fn map() -> impl Strategy<Value = Map<String, Value>> {
    btree_map(word(), value(), 0..4).prop_map(|map| map.into_iter().collect())
}

fn verb() -> impl Strategy<Value = String> {
    let verbs = Verb::ALL.map(|verb| verb.as_str().to_owned()).to_vec();
    prop_oneof![9 => prop::sample::select(verbs), 1 => word()]
}

/// An operation of this number; 0 to 9 as in canonical form.
fn op(number: usize) -> BoxedStrategy<Op> {
    let (near, far) = (0u32..9, prop_oneof![9 => 0u32..9, 1 => any::<u32>()]);
    match number {
        0 => value().prop_map(|value| Op::Put { value }).boxed(),
        1 => prop_oneof![-1i64..9, any::<i64>()].prop_map(|value| Op::Raise { value }).boxed(),
        2 => prop_oneof![-9i64..9, any::<i64>()].prop_map(|by| Op::Increment { by }).boxed(),
        3 => (near, far, word()).prop_map(|(pos, delete, insert)| Op::Splice { pos, delete, insert }).boxed(),
        4 => word().prop_map(|item| Op::Add { item }).boxed(),
        5 => word().prop_map(|item| Op::Remove { item }).boxed(),
        6 => value().prop_map(|value| Op::Append { value }).boxed(),
        7 => (word(), map()).prop_map(|(child, value)| Op::SetChild { child, value }).boxed(),
        8 => word().prop_map(|child| Op::RemoveChild { child }).boxed(),
        _ => (verb(), args()).prop_map(|(verb, args)| Op::Event { verb, args }).boxed(),
    }
}

/// Operations that a merge kind takes.
fn ops_of(merge: Merge) -> &'static [usize] {
    match merge {
        Merge::Once | Merge::Register | Merge::Multi => &[0],
        Merge::Max => &[1],
        Merge::Counter => &[2],
        Merge::Text => &[3],
        Merge::SetAddWins | Merge::SetRemoveWins => &[4, 5],
        Merge::Log => &[6],
        Merge::Map => &[7, 8],
        Merge::Events => &[9],
    }
}

/// Mostly arguments that some verb takes.
fn args() -> impl Strategy<Value = Map<String, Value>> {
    let good = [
        json!({}),
        json!({ "note": "x", "media": ["hash"] }),
        json!({ "to": 2, "reason": "x" }),
        json!({ "reason": "x" }),
        json!({ "who": "wang" }),
        json!({ "cycle_seen": 1, "reason": "x" }),
        json!({ "question": "x" }),
        json!({ "score": 3 }),
    ];
    let good = good.map(|value| value.as_object().cloned().unwrap_or_default()).to_vec();
    prop_oneof![9 => prop::sample::select(good), 1 => map()]
}

fn intent(record_type: &'static str) -> impl Strategy<Value = Intent> {
    let fields: Vec<_> = SCHEMA.types[record_type].fields.values().collect();
    let fitting = prop::sample::select(fields).prop_flat_map(|field| {
        let (name, facet) = (field.name.clone(), field.facet);
        let number = prop::sample::select(ops_of(field.merge));
        number.prop_flat_map(op).prop_map(move |op| Intent { facet, field: name.clone(), op })
    });
    let any = (about(record_type), 0usize..10).prop_flat_map(|((field, facet), number)| {
        op(number).prop_map(move |op| Intent { facet, field: field.clone(), op })
    });
    let event = op(9).prop_map(|op| Intent { facet: 0, field: "events".into(), op });
    prop_oneof![6 => fitting, 1 => any, 3 => event]
}

/// The name of a type, and one of its fields most of the time.
fn about(record_type: &'static str) -> impl Strategy<Value = (String, u8)> {
    let fields = &SCHEMA.types[record_type].fields;
    let known: Vec<(String, u8)> = fields.values().map(|field| (field.name.clone(), field.facet)).collect();
    prop_oneof![9 => prop::sample::select(known), 1 => (word(), any::<u8>())]
}

fn entry(record_type: &'static str) -> impl Strategy<Value = Entry> {
    let target = prop_oneof![
        8 => Just(Target::Edit { record: RecordId([7; 16]) }),
        3 => Just(Target::Create { record_type: record_type.into(), area: GRID }),
        1 => (word(), any::<u32>()).prop_map(|(record_type, area)| Target::Create { record_type, area: AreaNo(area) }),
    ];
    let role = prop_oneof![
        6 => Just("grid_worker".to_owned()),
        6 => Just("general_grid_head".to_owned()),
        1 => word(),
    ];
    let at = prop_oneof![9 => Just(NOW), 1 => any::<i64>()];
    (any::<u64>(), at, role, target, vec(intent(record_type), 0..4))
        .prop_map(|(n, at, role, target, intents)| Entry { n, at, cursor: 0, role, target, intents })
}

/// A view such as no projection makes: any value in any field, events that need not fold.
fn view(record_type: &'static str) -> impl Strategy<Value = View> {
    let verbs = prop::sample::select(Verb::ALL.to_vec());
    let event = (word(), verbs, any::<i64>(), vec(0usize..4, 0..3), args());
    (vec((about(record_type), value()), 0..6), vec(event, 0..4)).prop_map(|(fields, events)| {
        let fields = fields.into_iter().map(|((name, _), value)| (name, value)).collect();
        let events = events.into_iter().enumerate().map(|(n, (actor, verb, at, parents, args))| Event {
            id: if n == 3 { "new.0".into() } else { format!("f.{n}") },
            verb: if n == 0 { Verb::Report } else { verb },
            actor,
            at,
            parents: parents
                .into_iter()
                .filter(|&parent| parent < n || at % 7 == 0)
                .map(|p| format!("f.{p}"))
                .collect(),
            args,
        });
        View { fields, events: events.collect(), ..View::default() }
    })
}

fn case() -> impl Strategy<Value = (&'static str, Entry, View, View)> {
    prop_oneof![2 => Just("sample"), 3 => Just("ticket"), 1 => Just("person"), 1 => Just("patrol")]
        .prop_flat_map(|name| (Just(name), entry(name), view(name), view(name)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_always_answer_and_always_the_same((name, entry, seen, now) in case()) {
        let (tree, record_type) = (territory(), &SCHEMA.types[name]);
        let grants = [grant("grid_worker", GRID), grant("general_grid_head", GRID)];
        let rights = Rights { schema: &SCHEMA, tree: &tree, grants: &grants };
        let subject = Subject { record_type, area: GRID, seen: &seen, now: &now, entries: 3 };
        prop_assert_eq!(check_shape(&entry), check_shape(&entry));
        let verdict = validate(&Standing::acting(rights, entry.at, &Zone::default()), "wang", &entry, &subject);
        prop_assert_eq!(&verdict, &validate(&Standing::acting(rights, entry.at, &Zone::default()), "wang", &entry, &subject));
        if let Err(refusal) = verdict {
            prop_assert!(refusal.to_string().len() < 600, "{}", refusal);
        }
    }
}
