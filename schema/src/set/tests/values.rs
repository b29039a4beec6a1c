//! These tests check values against kinds: values that fit, and the rule and place of each misfit.

use crate::set::{Choice, Kind, Label, TIME_MAX_MS, TIME_MIN_MS};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn outcome(kind: &Kind, value: &Value) -> String {
    match kind.check(value) {
        Ok(()) => "ok".to_owned(),
        Err(fault) => format!("{} {}", fault.pointer, fault.rule).trim().to_owned(),
    }
}

fn text(max_chars: u32) -> Kind {
    Kind::Text { max_chars }
}

fn shop() -> Kind {
    let fields = BTreeMap::from([
        ("a/b".to_owned(), text(2)),
        ("tags".to_owned(), Kind::List { item: Box::new(text(3)), max_items: 2 }),
    ]);
    Kind::Object { fields, required: vec!["tags".to_owned()] }
}

#[test]
fn simple_kinds() {
    let whole = Kind::Integer { min: -5, max: 5 };
    let number = Kind::Number { min: 0.0, max: 1.5 };
    let choice = Kind::Enum(vec![Choice { code: "a".to_owned(), label: Label::default() }]);
    let table: &[(&Kind, Value, &str)] = &[
        (&text(3), json!("灯不亮"), "ok"),
        (&text(3), json!(""), "ok"),
        (&text(3), json!("灯不亮了"), "length"),
        (&text(3), json!(3), "type"),
        (&text(3), Value::Null, "type"),
        (&whole, json!(-5), "ok"),
        (&whole, json!(6), "range"),
        (&whole, json!(u64::MAX), "range"),
        (&whole, json!(1.0), "type"),
        (&whole, json!("1"), "type"),
        (&number, json!(1), "ok"),
        (&number, json!(1.5), "ok"),
        (&number, json!(1.6), "range"),
        (&number, json!(true), "type"),
        (&Kind::Boolean, json!(false), "ok"),
        (&Kind::Boolean, json!(0), "type"),
        (&Kind::Time, json!(TIME_MAX_MS), "ok"),
        (&Kind::Time, json!(TIME_MIN_MS), "ok"),
        (&Kind::Time, json!(TIME_MIN_MS - 1), "range"),
        (&Kind::Time, json!(TIME_MAX_MS + 1), "range"),
        (&Kind::Time, json!("2026-01-01"), "type"),
        (&choice, json!("a"), "ok"),
        (&choice, json!("b"), "enum"),
        (&choice, json!(1), "type"),
    ];
    for (kind, value, expected) in table {
        assert_eq!(outcome(kind, value), *expected, "{kind:?} {value}");
    }
}

#[test]
fn references_are_record_ids_in_lower_case() {
    let kind = Kind::Ref("place".to_owned());
    for (id, expected) in [
        ("0190a1b2-c3d4-8e5f-9a0b-1c2d3e4f5a6b", "ok"),
        ("0190A1B2-C3D4-8E5F-9A0B-1C2D3E4F5A6B", "type"),
        ("0190a1b2c3d48e5f9a0b1c2d3e4f5a6b", "type"),
        ("0190a1b2-c3d4-8e5f-9a0b-1c2d3e4f5a6", "type"),
        ("", "type"),
    ] {
        assert_eq!(outcome(&kind, &json!(id)), expected, "{id}");
    }
}

#[test]
fn a_misfit_inside_is_named_by_its_pointer() {
    let table = [
        (json!({ "tags": ["a", "b"], "a/b": "x" }), "ok"),
        (json!({ "tags": [] }), "ok"),
        (json!({ "tags": ["a", "bbbb"] }), "/tags/1 length"),
        (json!({ "tags": ["a", "b", "c"] }), "/tags length"),
        (json!({ "tags": "a" }), "/tags type"),
        (json!({ "tags": [], "a/b": 1 }), "/a~1b type"),
        (json!({ "tags": [], "other": 1 }), "/other unknown_key"),
        (json!({}), "/tags required"),
        (json!([]), "type"),
    ];
    for (value, expected) in table {
        assert_eq!(outcome(&shop(), &value), expected, "{value}");
    }
}

#[test]
fn a_part_of_an_object_may_leave_out_and_clear() {
    let part = |value: Value| match shop().check_part(value.as_object().unwrap()) {
        Ok(()) => "ok".to_owned(),
        Err(fault) => format!("{} {}", fault.pointer, fault.rule),
    };
    assert_eq!(part(json!({ "a/b": null })), "ok");
    assert_eq!(part(json!({ "a/b": "xyz" })), "/a~1b length");
    assert_eq!(part(json!({ "other": null })), "/other unknown_key");
    assert!(text(9).check_part(&serde_json::Map::new()).is_err());
}

#[test]
fn deep_values_cost_no_depth() {
    let mut value = json!(1);
    for _ in 0..100 {
        value = json!([value]);
    }
    let kind = Kind::List { item: Box::new(text(9)), max_items: 9 };
    assert_eq!(outcome(&kind, &value), "/0 type");
}
