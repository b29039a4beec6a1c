//! These tests check the operations and values that fields take. Each rule is kept once and broken once.

use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;
use serde_json::{Value, json};

use super::{edit, entry, judge, schema, view};
use crate::project::View;

fn edits(schema: &SchemaSet, role: &str, list: &Value, seen: &View, now: &View) -> String {
    judge(schema, "wang", &entry(role, edit(), list), &schema.types["sample"], seen, now)
}

/// Each row: the record as seen, one intent (or a list), the answer.
fn table(rows: &[(Value, Value, &str)]) {
    let schema = schema();
    for (fields, intent, answer) in rows {
        let seen = view(fields.clone());
        let list = if intent.is_array() { intent.clone() } else { json!([intent]) };
        assert_eq!(edits(&schema, "grid_worker", &list, &seen, &seen), *answer, "{intent} on {fields}");
    }
}

fn put(field: &str, value: Value) -> Value {
    json!({ "op": "put", "field": field, "value": value })
}

#[test]
fn a_field_is_known_in_its_facet_and_open_to_the_role() {
    let (schema, none) = (schema(), View::default());
    let by = |role: &str, intent: Value| edits(&schema, role, &json!([intent]), &none, &none);
    let care = |facet: u8| json!({ "op": "put", "field": "care", "value": "x", "facet": facet });
    assert_eq!(by("grid_worker", put("kind", json!("big"))), "ok");
    assert_eq!(
        by("grid_worker", put("colour", json!("red"))),
        "field_unknown: not a field of sample (colour)"
    );
    assert_eq!(by("grid_head", care(1)), "ok");
    assert_eq!(by("grid_head", care(0)), "value_invalid: facet: must be 1 (care)");
    assert_eq!(by("grid_worker", care(1)), "field_forbidden: grid_worker may not write it (care)");
    for role in ["grid_worker", "grid_head", "data_steward"] {
        let answer = format!("field_forbidden: {role} may not write it (sealed)");
        assert_eq!(by(role, put("sealed", json!("x"))), answer, "only the server writes it");
    }
}

#[test]
fn every_merge_kind_takes_its_own_operations() {
    let ops = [
        ("put", json!({ "value": 1 })),
        ("raise", json!({ "value": 1 })),
        ("increment", json!({ "by": 1 })),
        ("splice", json!({ "pos": 0, "delete": 0, "insert": "x" })),
        ("add", json!({ "item": "x" })),
        ("remove", json!({ "item": "x" })),
        ("append", json!({ "value": "x" })),
        ("set_child", json!({ "child": "c", "value": { "number": "1" } })),
        ("remove_child", json!({ "child": "c" })),
        ("event", json!({ "verb": "close", "args": {} })),
    ];
    let takes = [
        ("met", "put"),
        ("origin", "put"),
        ("address", "put"),
        ("urgency", "raise"),
        ("tally", "increment"),
        ("story", "splice"),
        ("tags", "add remove"),
        ("allowed", "add remove"),
        ("notes", "append"),
        ("phones", "set_child remove_child"),
    ];
    let (schema, none) = (schema(), View::default());
    for (field, taken) in takes {
        for (op, rest) in &ops {
            let mut intent = rest.clone();
            intent["op"] = (*op).into();
            intent["field"] = field.into();
            let answer = edits(&schema, "grid_worker", &json!([intent]), &none, &none);
            let fits = taken.split(' ').any(|one| one == *op);
            assert_eq!(answer.starts_with("operation_mismatch: "), !fits, "{op} on {field}: {answer}");
        }
    }
}

#[test]
fn single_values() {
    table(&[
        (json!({}), put("met", json!(20)), "ok"),
        (json!({}), put("met", json!(21)), "value_invalid: from 0 to 20 (met)"),
        (json!({}), put("met", json!("x")), "value_invalid: must be a whole number (met)"),
        (json!({ "met": 3 }), put("met", Value::Null), "ok"),
        (json!({}), put("kind", json!("huge")), "value_invalid: one of big, small (kind)"),
        (json!({}), put("kind", Value::Null), "value_invalid: a required field cannot be cleared (kind)"),
        (json!({}), put("address", json!({ "road": "一二三四", "rooms": [1, 99] })), "ok"),
        (
            json!({}),
            put("address", json!({ "road": "12345" })),
            "value_invalid: /road: at most 4 characters (address)",
        ),
        (json!({}), put("address", json!({ "rooms": [] })), "value_invalid: /road: is missing (address)"),
        (
            json!({}),
            put("address", json!({ "road": "", "rooms": [1, 2, 3] })),
            "value_invalid: /rooms: at most 2 items (address)",
        ),
        (
            json!({}),
            put("address", json!({ "road": "", "rooms": [1, 0] })),
            "value_invalid: /rooms/1: from 1 to 99 (address)",
        ),
        (
            json!({}),
            put("address", json!({ "road": "", "x": 1 })),
            "value_invalid: /x: there is no such key (address)",
        ),
        (json!({}), json!({ "op": "raise", "field": "urgency", "value": 4 }), "ok"),
        (
            json!({}),
            json!({ "op": "raise", "field": "urgency", "value": 5 }),
            "value_invalid: from 1 to 4 (urgency)",
        ),
        (
            json!({}),
            json!({ "op": "raise", "field": "urgency", "value": -1 }),
            "value_invalid: must be above 0 (urgency)",
        ),
        (json!({}), json!({ "op": "increment", "field": "tally", "by": -10 }), "ok"),
        (
            json!({}),
            json!({ "op": "increment", "field": "tally", "by": 11 }),
            "value_invalid: from -10 to 10 (tally)",
        ),
        (
            json!({ "tally": 9_007_199_254_740_991i64 }),
            json!({ "op": "increment", "field": "tally", "by": 1 }),
            "value_invalid: the sum: from -9007199254740991 to 9007199254740991 (tally)",
        ),
    ]);
}

#[test]
fn a_shared_text_is_cut_where_it_has_characters() {
    let splice = |pos: u32, delete: u32, insert: &str| json!({ "op": "splice", "field": "story", "pos": pos, "delete": delete, "insert": insert });
    let outside = "value_invalid: a place in the text, which has 3 characters (story)";
    table(&[
        (json!({}), splice(0, 0, "一二三四五六"), "ok"),
        (json!({}), splice(0, 0, "1234567"), "value_invalid: at most 6 characters (story)"),
        (json!({ "story": "一二三" }), splice(3, 0, "456"), "ok"),
        (json!({ "story": "一二三" }), splice(3, 0, "4567"), "value_invalid: at most 6 characters (story)"),
        (json!({ "story": "一二三" }), splice(0, 3, "123456"), "ok"),
        (json!({ "story": "一二三" }), splice(4, 0, ""), outside),
        (json!({ "story": "一二三" }), splice(2, 2, ""), outside),
        (json!({ "story": "一二三" }), splice(u32::MAX, u32::MAX, ""), outside),
        (json!({ "story": "longer than was allowed" }), splice(0, 1, ""), "ok"),
        (
            json!({ "story": "一二三" }),
            json!([splice(3, 0, "456"), splice(6, 0, "7")]),
            "value_invalid: at most 6 characters (story)",
        ),
    ]);
}

#[test]
fn a_form_save_replaces_a_text_once() {
    let splice = |delete: usize, insert: &str| json!({ "op": "splice", "field": "description", "pos": 0, "delete": delete, "insert": insert });
    let (schema, most) = (schema(), 4_000);
    let long = "长".repeat(most);
    let judged = |list: Value| {
        let seen = view(json!({ "description": long }));
        judge(&schema, "wang", &entry("grid_worker", edit(), &list), &schema.types["ticket"], &seen, &seen)
    };
    assert_eq!(judged(json!([splice(most, &long)])), "ok");
    assert_eq!(
        judged(json!([splice(most, &long), splice(1, "")])),
        "limit_exceeded: at most 8000 characters put in and taken out an entry (description)"
    );
    // A short text may be rewritten several times in one entry.
    let turn = |no: usize| match no % 2 {
        0 => json!({ "op": "splice", "field": "story", "pos": 0, "delete": 0, "insert": "123456" }),
        _ => json!({ "op": "splice", "field": "story", "pos": 0, "delete": 6, "insert": "" }),
    };
    let list: Vec<Value> = (0..limits::ENTRY_INTENTS).map(turn).collect();
    let none = View::default();
    assert_eq!(edits(&schema, "grid_worker", &Value::Array(list), &none, &none), "ok");
}

#[test]
fn all_texts_of_an_entry_together_are_written_so_much() {
    let mut schema = schema();
    let sample = schema.types.get_mut("sample").unwrap();
    let mut texts = Vec::new();
    for no in 0..3 {
        let mut field = sample.fields["story"].clone();
        field.name = format!("story{no}");
        field.kind = gridledger_schema::set::Kind::Text { max_chars: limits::TEXT_CHARS as u32 };
        sample.fields.insert(field.name.clone(), field);
        let insert = "长".repeat(limits::TEXT_CHARS - usize::from(no == 2));
        texts.push(
            json!({ "op": "splice", "field": format!("story{no}"), "pos": 0, "delete": 0, "insert": insert }),
        );
    }
    let judged =
        |list: &[Value]| edits(&schema, "grid_worker", &json!(list), &View::default(), &View::default());
    assert_eq!(judged(&texts[..2]), "ok");
    assert_eq!(judged(&texts), "limit_exceeded: at most 40000 characters put in and taken out an entry");
}

#[test]
fn sets_and_logs() {
    let op = |op: &str, field: &str, item: &str| json!({ "op": op, "field": field, "item": item });
    let note = |value: Value| json!({ "op": "append", "field": "notes", "value": value });
    let full = json!({ "tags": ["a", "b"], "notes": ["1"] });
    table(&[
        (json!({}), op("add", "tags", "abc"), "ok"),
        (json!({}), op("add", "tags", "abcd"), "value_invalid: at most 3 characters (tags)"),
        (full.clone(), op("add", "tags", "c"), "limit_exceeded: at most 2 items (tags)"),
        (full.clone(), op("add", "tags", "a"), "ok"),
        (full.clone(), json!([op("remove", "tags", "a"), op("add", "tags", "c")]), "ok"),
        (json!({}), op("add", "allowed", "shout"), "value_invalid: one of enter, call (allowed)"),
        (json!({}), op("remove", "allowed", "call"), "ok"),
        (json!({}), op("remove", "allowed", "shout"), "value_invalid: one of enter, call (allowed)"),
        (json!({ "allowed": ["shout"] }), op("remove", "allowed", "shout"), "ok"),
        (full.clone(), note(json!("2")), "ok"),
        (full.clone(), note(json!(2)), "value_invalid: must be a text (notes)"),
        (full, json!([note(json!("2")), note(json!("3"))]), "limit_exceeded: at most 2 items (notes)"),
    ]);
}

#[test]
fn children() {
    let set = |child: &str, value: Value| json!({ "op": "set_child", "field": "phones", "child": child, "value": value });
    let remove = |child: &str| json!({ "op": "remove_child", "field": "phones", "child": child });
    let two = json!({ "phones": { "home": { "number": "1" }, "work": { "number": "2" } } });
    table(&[
        (json!({}), set("home", json!({ "number": "12345", "main": true })), "ok"),
        (
            json!({}),
            set("home", json!({ "number": "123456" })),
            "value_invalid: /number: at most 5 characters (phones)",
        ),
        (
            json!({}),
            set("home", json!({ "colour": 1 })),
            "value_invalid: /colour: there is no such key (phones)",
        ),
        (json!({}), set("home", json!({ "main": true })), "value_invalid: /number: is missing (phones)"),
        (two.clone(), set("home", json!({ "main": true })), "ok"),
        (two.clone(), set("home", json!({ "main": null })), "ok"),
        (
            two.clone(),
            set("home", json!({ "number": null })),
            "value_invalid: /number: a required key cannot be cleared (phones)",
        ),
        (two.clone(), set("boat", json!({ "number": "3" })), "limit_exceeded: at most 2 items (phones)"),
        (two.clone(), json!([remove("home"), set("boat", json!({ "number": "3" }))]), "ok"),
        (two, remove("nobody"), "ok"),
    ]);
}

#[test]
fn set_once_is_set_once_as_seen_and_as_it_is() {
    let schema = schema();
    let (empty, set) = (View::default(), view(json!({ "origin": "a" })));
    let again = "already_set: it has another value (origin)";
    let writes = |value: Value, seen: &View, now: &View| {
        edits(&schema, "grid_worker", &json!([put("origin", value)]), seen, now)
    };
    assert_eq!(writes(json!("a"), &empty, &empty), "ok");
    assert_eq!(writes(json!("a"), &set, &set), "ok");
    assert_eq!(writes(json!("b"), &set, &set), again);
    assert_eq!(writes(json!("b"), &empty, &set), again);
    assert_eq!(writes(Value::Null, &empty, &empty), "value_invalid: must be a text (origin)");
    let twice = json!([put("origin", json!("a")), put("origin", json!("b"))]);
    assert_eq!(edits(&schema, "grid_worker", &twice, &empty, &empty), again);
}
