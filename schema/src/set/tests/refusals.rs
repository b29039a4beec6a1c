//! These tests hold every refusal of a record file, with its exact words.

use super::{TEXT, load, one_field, record, refusal};

const W: &str = r#""x-merge": "register", "x-write": ["grid_worker"]"#;

#[test]
fn a_field_is_refused_with_file_pointer_and_reason() {
    let sensitive = r#""x-privacy": { "class": "sensitive", "purpose": "p" }"#;
    let table: &[(String, &str)] = &[
        (TEXT.replace("register", "foo"), "/properties/x/x-merge: unknown merge kind `foo`"),
        (TEXT.replace("grid_worker", "king"), "/properties/x/x-write/0: unknown role `king`"),
        (TEXT.replace("grid_worker", "@king"), "/properties/x/x-write/0: unknown group of roles `@king`"),
        (TEXT.replace(r#"["grid_worker"]"#, "[]"), "/properties/x/x-write: must name at least one role"),
        (TEXT.replace(r#"["grid_worker"]"#, "true"), "/properties/x/x-write: must be a list"),
        (TEXT.replace("x-merge", "x-mrge"), "/properties/x: `x-merge` is missing"),
        (
            TEXT.replace("maxLength", "minLength"),
            "/properties/x/minLength: keyword `minLength` is not supported here",
        ),
        (TEXT.replace(r#""maxLength": 9, "#, ""), "/properties/x: `maxLength` is missing"),
        (TEXT.replace('9', "0"), "/properties/x/maxLength: must be a whole number from 1 to 20000"),
        (
            format!(r#"{TEXT}, "pattern": "a""#),
            "/properties/x/pattern: keyword `pattern` is not supported here",
        ),
        (
            TEXT.replace("register", "counter"),
            "/properties/x/x-merge: merge kind `counter` needs an integer, this is `text`",
        ),
        (
            TEXT.replace("register", "max"),
            "/properties/x/x-merge: merge kind `max` needs an integer or a time, this is `text`",
        ),
        (
            format!(r#""type": "boolean", {}"#, W.replace("register", "text")),
            "/properties/x/x-merge: merge kind `text` needs a text, this is `boolean`",
        ),
        (TEXT.replace("register", "log"), "/properties/x/type: merge kind `log` needs type `array`"),
        (TEXT.replace("register", "map"), "/properties/x/type: merge kind `map` needs type `object`"),
        (
            format!(
                r#""type": "object", "maxProperties": 9, "additionalProperties": {{ "type": "boolean" }}, {}"#,
                W.replace("register", "map")
            ),
            "/properties/x/x-merge: merge kind `map` needs an object, this is `boolean`",
        ),
        (
            format!(r#""type": "array", "maxItems": 9, {}"#, W.replace("register", "events")),
            "/properties/x: merge kind `events` needs `x-workflow` on the record type",
        ),
        (format!(r#"{TEXT}, "x-read": "secret""#), "/properties/x/x-read: unknown read class `secret`"),
        (
            format!(r#"{TEXT}, "x-privacy": "personal""#),
            "/properties/x/x-privacy: a personal or sensitive field needs a `purpose`",
        ),
        (
            format!(r#"{TEXT}, "x-privacy": {{ "class": "secret" }}"#),
            "/properties/x/x-privacy/class: unknown privacy class `secret`",
        ),
        (
            format!(r#"{TEXT}, "x-privacy": {{ "class": "none", "mask": "blur" }}"#),
            "/properties/x/x-privacy/mask: unknown mask `blur`",
        ),
        (
            format!(r#"{TEXT}, "x-privacy": {{ "class": "none", "retain_days": 0 }}"#),
            "/properties/x/x-privacy/retain_days: must be a whole number from 1 to 36500",
        ),
        (
            format!("{TEXT}, {sensitive}"),
            "/properties/x: a sensitive field needs a read class of its own (`x-read`)",
        ),
        (
            format!(r#"{TEXT}, {sensitive}, "x-read": "sensitive", "x-ledger": true"#),
            "/properties/x: a sensitive field cannot be a ledger column",
        ),
        (
            format!(r#"{TEXT}, "x-ledger": {{ "index": true }}"#),
            "/properties/x/x-ledger/index: keyword `index` is not supported here",
        ),
        (
            format!(r#"{TEXT}, "x-device": {{ "keep": "long" }}"#),
            "/properties/x/x-device/keep: unknown stay `long`",
        ),
        (format!(r#"{TEXT}, "x-own": 1"#), "/properties/x/x-own: must be true or false"),
        (format!(r#""type": "null", {W}"#), "/properties/x/type: unknown type `null`"),
        (
            format!(r#""type": "string", "x-ref": "castle", {W}"#),
            "/properties/x/x-ref: unknown record type `castle`",
        ),
        (
            format!(r#""type": "string", "x-enum-from": "castles", {W}"#),
            "/properties/x/x-enum-from: unknown list `castles`",
        ),
        (
            format!(r#""type": "integer", "format": "date", {W}"#),
            "/properties/x/format: unknown format `date`",
        ),
        (
            format!(r#""type": "integer", "minimum": 2, "maximum": 1, {W}"#),
            "/properties/x: minimum is above maximum",
        ),
        (format!(r#""type": "number", "minimum": "a", {W}"#), "/properties/x/minimum: must be a number"),
        (
            format!(r#""type": "array", "items": {{ "type": "boolean" }}, {W}"#),
            "/properties/x: `maxItems` is missing",
        ),
        (
            format!(r#""type": "object", "properties": {{}}, {W}"#),
            "/properties/x/properties: must name at least one property",
        ),
        (
            format!(
                r#""type": "object", "additionalProperties": true, "properties": {{ "a": {{ "type": "boolean" }} }}, {W}"#
            ),
            "/properties/x/additionalProperties: must be false",
        ),
        (
            format!(
                r#""type": "object", "required": ["b"], "properties": {{ "a": {{ "type": "boolean" }} }}, {W}"#
            ),
            "/properties/x/required/0: `b` is not among the properties",
        ),
        (
            format!(r#""type": "object", "properties": {{ "A": {{ "type": "boolean" }} }}, {W}"#),
            "/properties/x/properties/A: name `A` does not match ^[a-z][a-z0-9_]{0,39}$",
        ),
    ];
    for (keywords, expected) in table {
        assert_eq!(refusal("records/foo.json", &one_field(keywords)), format!("records/foo.json#{expected}"));
    }
}

#[test]
fn enumerations_need_labelled_distinct_codes() {
    let fault = |codes: &str, labels: &str| {
        let keywords = format!(r#""type": "string", "enum": {codes}, "x-enum-labels": {labels}, {W}"#);
        refusal("records/foo.json", &one_field(&keywords)).split_once("/properties/x/").unwrap().1.to_owned()
    };
    let a = r#"{ "a": { "zh": "甲", "en": "A" } }"#;
    assert_eq!(fault("[]", "{}"), "enum: 0 codes, 1 to 500 are allowed");
    assert_eq!(fault(r#"["a", "a"]"#, a), "enum/1: code `a` appears twice");
    assert_eq!(fault(r#"["a", "b"]"#, a), "x-enum-labels: `b` is missing");
    assert_eq!(fault(r#"["a"]"#, r#"{ "a": { "zh": "甲" } }"#), "x-enum-labels/a: `en` is missing");
    let both = r#"{ "a": { "zh": "甲", "en": "A" }, "b": { "zh": "乙", "en": "B" } }"#;
    assert_eq!(fault(r#"["a"]"#, both), "x-enum-labels/b: label of `b`, which is not a code of the enum");
}

#[test]
fn a_record_file_is_refused_with_file_pointer_and_reason() {
    let field = r#""x": { "x-label": { "zh": "甲", "en": "X" }, "type": "string", "maxLength": 9, "x-merge": "register", "x-write": ["grid_worker"] }"#;
    let number = r#""x": { "x-label": { "zh": "甲", "en": "X" }, "type": "boolean", "x-merge": "register", "x-write": ["grid_head"] }"#;
    let good = record(field, "");
    assert!(load("records/foo.json", &good).is_ok());
    let table: &[(String, &str)] = &[
        (
            good.replace("2020-12", "2019-09"),
            "/$schema: must be `https://json-schema.org/draft/2020-12/schema`",
        ),
        (good.replacen("\"object\"", "\"array\"", 1), "/type: must be `object`"),
        (good.replace("grid_worker\"],\n", "nobody\"],\n"), "/x-create/0: unknown role `nobody`"),
        (good.replace("\"properties\"", "\"fields\""), "/fields: keyword `fields` is not supported here"),
        (record("", ""), "/properties: 0 fields, 1 to 200 are allowed"),
        (record(field, r#""x-title": "y","#), "/x-title: unknown field `y`"),
        (
            record(number, r#""x-title": "x","#),
            "/x-title: field `x` cannot be a title: it is not one ordinary text, code or object",
        ),
        (record(field, r#""required": ["y"],"#), "/required/0: `y` is not among the properties"),
        (record(field, r#""required": ["x", "x"],"#), "/required/1: `x` appears twice"),
        (
            record(number, r#""required": ["x"],"#),
            "/x-create: role `grid_worker` may create but not write the required field `x`",
        ),
        (record(field, r#""x-workflow": "other","#), "/x-workflow: unknown workflow `other`"),
        (
            record(field, r#""x-workflow": "ticket","#),
            "/x-workflow: needs exactly one field of merge kind `events`, there are 0",
        ),
        (
            record(&field.replace("\"x\"", "\"Xx\""), ""),
            "/properties/Xx: name `Xx` does not match ^[a-z][a-z0-9_]{0,39}$",
        ),
        (record(field, r#""additionalProperties": true,"#), "/additionalProperties: must be false"),
        ("[]".to_owned(), ": must be an object"),
        (format!("{good} x"), ": not readable as JSON: trailing characters"),
        (record(&format!("{field}, {field}"), ""), ": not readable as JSON: key `x` appears twice"),
    ];
    for (text, expected) in table {
        let message = refusal("records/foo.json", text);
        let message = message.split(" at line ").next().unwrap();
        assert_eq!(message, format!("records/foo.json#{expected}"));
    }
}
