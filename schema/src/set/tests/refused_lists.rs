//! These tests hold the refusals of sizes, lists and workflows, with their exact words.

use super::{TEXT, one_field, record, refusal};
use crate::set::{SchemaSet, bounds};
use std::fmt::Write as _;

const W: &str = r#""x-merge": "register", "x-write": ["grid_worker"]"#;

#[test]
fn sizes_are_bounded() {
    let mut nested = r#"{ "type": "boolean" }"#.to_owned();
    for _ in 0..bounds::NESTING_MAX {
        nested = format!(r#"{{ "type": "array", "maxItems": 1, "items": {nested} }}"#);
    }
    let keywords = format!("{}, {W}", nested.strip_prefix('{').unwrap().strip_suffix('}').unwrap());
    let steps = "/items".repeat(bounds::NESTING_MAX);
    assert_eq!(
        refusal("records/foo.json", &one_field(&keywords)),
        format!("records/foo.json#/properties/x{steps}: nested deeper than 8 levels")
    );
    let mut fields = String::new();
    for index in 0..=bounds::FIELDS_MAX {
        write!(fields, r#"{}"f{index}": {{}}"#, if index == 0 { "" } else { "," }).unwrap();
    }
    assert_eq!(
        refusal("records/foo.json", &record(&fields, "")),
        "records/foo.json#/properties: 201 fields, 1 to 200 are allowed"
    );
    let types: Vec<_> = (0..200).map(|index| (format!("records/t{index}.json"), one_field(TEXT))).collect();
    let error = SchemaSet::from_files(&types).unwrap_err();
    assert_eq!(error.reason, "209 files of this kind, 200 are allowed");
    let long = " ".repeat(bounds::FILE_BYTES_MAX + 1);
    assert_eq!(refusal("roles.json", &long), "roles.json#: longer than 1048576 bytes");
}

#[test]
fn lists_are_refused_with_file_pointer_and_reason() {
    let label = r#""label": { "zh": "甲", "en": "A" }"#;
    let roles =
        |classes: &str, roles: &str| format!(r#"{{ "read_classes": [{classes}], "roles": [{roles}] }}"#);
    let ordinary = format!(r#"{{ "code": "ordinary", {label} }}"#);
    let role = format!(r#"{{ "code": "r", {label}, "level": 1 }}"#);
    let category =
        |more: &str| format!(r#"{{ "categories": [{{ "code": "c", {label}{more} }}], "lines": [] }}"#);
    let kind = |parent: &str| {
        format!(r#"{{ "kinds": [{{ "code": "k", {label}, "level": 1, "parents": ["{parent}"] }}] }}"#)
    };
    let table: &[(&str, String, &str)] = &[
        ("roles.json", roles("", &role), "/read_classes: the first read class must be `ordinary`"),
        ("roles.json", roles(&ordinary, &format!("{role}, {role}")), "/roles/1/code: code `r` appears twice"),
        (
            "roles.json",
            roles(&ordinary, &role.replace('1', "5")),
            "/roles/0/level: must be a whole number from 0 to 4",
        ),
        (
            "roles.json",
            roles(&ordinary, &role.replace("\"level\"", "\"reads\": [\"x\"], \"level\"")),
            "/roles/0/reads/0: unknown read class `x`",
        ),
        (
            "roles.json",
            roles(&ordinary, &role.replace("\"level\"", "\"scope\": \"x\", \"level\"")),
            "/roles/0/scope: unknown scope `x`",
        ),
        (
            "roles.json",
            roles(&ordinary, &role).replace(" }] }", r#" }], "groups": { "g": ["x"] } }"#),
            "/groups/g/0: unknown role `x`",
        ),
        ("categories.json", category(r#", "evidence": "x""#), "/categories/0/evidence: unknown evidence `x`"),
        (
            "categories.json",
            r#"{ "categories": [], "lines": [] }"#.to_owned(),
            "/categories: must name at least one category",
        ),
        ("areas.json", kind("x"), "/kinds/0/parents: unknown kind of area `x`"),
    ];
    for (path, text, expected) in table {
        assert_eq!(refusal(path, text), format!("{path}#{expected}"));
    }
}

#[test]
fn a_workflow_is_refused_with_file_pointer_and_reason() {
    let good = include_str!("../../../workflows/ticket.json");
    let fault = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        refusal("workflows/ticket.json", &good.replacen(from, to, 1))
    };
    for (from, to, expected) in [
        ("\"to\": \"CLOSED\"", "\"to\": \"DONE\"", "/verbs/close/to: unknown state `DONE`"),
        ("\"not_handler\"", "\"not_me\"", "/verbs/verify_fail/conditions/0: unknown condition `not_me`"),
        ("[\"who\"]", "[\"whom\"]", "/verbs/assign/required_args/0: unknown argument `whom`"),
        ("\"reporter\" }", "\"owner\" }", "/verbs/accept/who/2/as: unknown party `owner`"),
        ("[2, 4]", "[4, 2]", "/verbs/accept/who/1/at_level/1: must be a whole number from 4 to 4"),
        ("[2, 4]", "[2]", "/verbs/accept/who/1/at_level: must be a list of two levels"),
        ("\"open\": true", "\"open\": 1", "/states/0/open: must be true or false"),
    ] {
        assert_eq!(fault(from, to), format!("workflows/ticket.json#{expected}"));
    }
}
