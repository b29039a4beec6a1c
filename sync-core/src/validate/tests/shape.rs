//! These tests check the shape: every limit at its last good value and one past it.

use gridledger_schema::entry::{Entry, Op};
use gridledger_schema::limits;
use serde_json::{Value, json};

use super::{NOW, check_shape, create, edit, entry};

fn shape(entry: &Entry) -> String {
    check_shape(entry).map_or_else(|refusal| refusal.to_string(), |()| "ok".to_owned())
}

fn of(op: Value) -> String {
    shape(&entry("grid_worker", edit(), &json!([op])))
}

fn put(value: &Value) -> String {
    of(json!({ "op": "put", "field": "x", "value": value }))
}

#[test]
fn number_time_and_names() {
    let good = entry("grid_worker", create("visit"), &json!([]));
    let refused = |change: fn(&mut Entry)| {
        let mut entry = good.clone();
        change(&mut entry);
        shape(&entry)
    };
    assert_eq!(shape(&good), "ok");
    assert_eq!(refused(|e| e.n = 0), "bad_request: entries are numbered from 1");
    let late = "time_out_of_range: from the year 2000 to the year 2200";
    assert_eq!(refused(|e| e.at = limits::TIME_RANGE_MS.start() - 1), late);
    assert_eq!(refused(|e| e.at = i64::MAX), late);
    assert_eq!(refused(|e| e.at = *limits::TIME_RANGE_MS.end()), "ok");
    assert!(refused(|e| e.role = "Grid Worker".into()).starts_with("role_not_held: "));
    assert!(refused(|e| e.target = create("../visit")).starts_with("type_unknown: "));
    assert_eq!(NOW, good.at);
}

#[test]
fn a_field_is_named_like_a_field() {
    let named = |name: &str| of(json!({ "op": "increment", "field": name, "by": 1 }));
    assert_eq!(named("x_1"), "ok");
    assert_eq!(named(&"x".repeat(40)), "ok");
    for bad in ["", "1x", "_x", "X", "x/y", "x-y", "姓名", &"x".repeat(41)] {
        assert!(named(bad).starts_with("field_unknown: "), "{bad}");
    }
    assert!(named(&"很".repeat(5_000)).len() < 400, "a refusal stays short");
}

#[test]
fn intents_and_bytes() {
    let many = |count: usize, value: &str| {
        let one = json!({ "op": "put", "field": "x", "value": value });
        shape(&entry("grid_worker", edit(), &Value::Array(vec![one; count])))
    };
    assert_eq!(many(200, ""), "ok");
    assert_eq!(many(201, ""), "limit_exceeded: at most 200 intents an entry");
    assert_eq!(many(1, &"x".repeat(200_000)), "ok");
    assert_eq!(many(2, &"x".repeat(200_000)), "limit_exceeded: at most 262144 bytes an entry");
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

#[test]
fn nesting_is_what_the_canonical_form_reads_back() {
    let rule = "limit_exceeded: at most 8 levels of lists and objects (x)";
    let child =
        |depth| of(json!({ "op": "set_child", "field": "x", "child": "a", "value": { "k": nested(depth) } }));
    let event =
        |depth| of(json!({ "op": "event", "field": "x", "verb": "close", "args": { "k": nested(depth) } }));
    assert_eq!([put(&nested(8)), child(7), event(7)], ["ok"; 3]);
    assert_eq!([put(&nested(9)), child(8), event(8)], [rule; 3]);
    assert_eq!(put(&nested(100)), rule);
    for deepest in [nested(8), json!({ "k": nested(7) })] {
        let op = json!([{ "op": "put", "field": "x", "value": deepest }]);
        let entry = entry("grid_worker", edit(), &op);
        assert_eq!(crate::canonical::decode(&crate::canonical::encode(&entry)).unwrap(), entry);
    }
}

#[test]
fn items_and_children() {
    let item = |op: &str, text: &str| of(json!({ "op": op, "field": "x", "item": text }));
    let child = |text: &str| of(json!({ "op": "remove_child", "field": "x", "child": text }));
    for op in ["add", "remove"] {
        assert_eq!(item(op, &"字".repeat(200)), "ok");
        assert_eq!(item(op, &"字".repeat(201)), "limit_exceeded: at most 200 characters an item (x)");
        assert_eq!(item(op, "a/b"), "ok");
        for bad in ["", "a\nb", "\0"] {
            assert_eq!(
                item(op, bad),
                "value_invalid: an item is not empty and has no control characters (x)"
            );
        }
    }
    assert_eq!(child("家里"), "ok");
    assert_eq!(child("a/b"), "value_invalid: a child's id has no slash (x)");
    let keyed = of(json!({ "op": "set_child", "field": "x", "child": "a", "value": { "a/b": 1 } }));
    assert!(keyed.starts_with("value_invalid: a/b: a name is "), "{keyed}");
}

#[test]
fn texts() {
    let splice =
        |text: &str| of(json!({ "op": "splice", "field": "x", "pos": 0, "delete": 0, "insert": text }));
    assert_eq!(splice(&"字".repeat(20_000)), "ok");
    assert_eq!(splice(&"字".repeat(20_001)), "limit_exceeded: at most 20000 characters (x)");
    let nul = "value_invalid: text holds no U+0000 (x)";
    assert_eq!(splice("a\0"), nul);
    for value in [json!("\0"), json!([["\0"]]), json!({ "k\0": 1 })] {
        assert_eq!(put(&value), nul);
    }
}

#[test]
fn a_facet_is_a_bit() {
    let mut one =
        entry("grid_worker", edit(), &json!([{ "op": "add", "field": "x", "item": "a", "facet": 63 }]));
    assert_eq!(shape(&one), "ok");
    one.intents[0].facet = 64;
    assert_eq!(shape(&one), "value_invalid: facet: at most 63 (x)");
    one.intents[0].op = Op::Increment { by: i64::MIN };
    assert_ne!(shape(&one), "ok");
}
