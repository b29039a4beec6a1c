//! These tests hold the refusals about keeping and consent.

use super::{TEXT, load, record, refusal};
use crate::set::RetainFrom;

const CONSENTS: &str = r#""consents": { "x-label": { "zh": "同意", "en": "Consents" }, "type": "array", "maxItems": 5,
  "items": { "type": "string", "enum": ["calls"], "x-enum-labels": { "calls": { "zh": "电话", "en": "Calls" } } },
  "x-merge": "set-remove-wins", "x-write": ["grid_worker"] }"#;

/// A record with a personal field `x`, a time `t`, and `more` properties.
fn personal(privacy: &str, more: &str, keywords: &str) -> String {
    let label = r#""x-label": { "zh": "甲", "en": "X" }"#;
    let x = format!(
        r#""x": {{ {label}, {TEXT}, "x-privacy": {{ "class": "personal", "purpose": "p", {privacy} }} }}"#
    );
    let t = format!(
        r#""t": {{ {label}, "type": "integer", "format": "time-ms", "x-merge": "register", "x-write": ["grid_worker"] }}"#
    );
    record(&format!("{x}, {t}{more}"), keywords)
}

#[test]
fn what_is_kept_for_a_time_counts_from_something_that_is_there() {
    let from = |from: &str| personal(&format!(r#""retain_days": 9, "retain_from": "{from}""#), "", "");
    let at = "records/foo.json#/properties/x/x-privacy/retain_from: ";
    let table = [
        ("closed", "`closed` needs `x-workflow` on the record type"),
        ("y", "neither `written`, `changed`, `closed` nor a field: `y`"),
        ("x", "field `x` is not one time"),
    ];
    for (word, reason) in table {
        assert_eq!(refusal("records/foo.json", &from(word)), format!("{at}{reason}"));
    }
    let of_type = personal(r#""retain_days": 9"#, "", r#""x-retain-from": "y","#);
    assert_eq!(
        refusal("records/foo.json", &of_type),
        "records/foo.json#/x-retain-from: neither `written`, `changed`, `closed` nor a field: `y`"
    );
    for (word, meant) in [
        ("written", RetainFrom::Written),
        ("changed", RetainFrom::Changed),
        ("t", RetainFrom::Field("t".into())),
    ] {
        let set = load("records/foo.json", &from(word)).unwrap();
        let found = set.record_type("foo").unwrap();
        assert_eq!(*found.retain_from(&found.fields["x"]), meant);
    }
    let of_type = personal(r#""retain_days": 9"#, "", r#""x-retain-from": "t","#);
    let set = load("records/foo.json", &of_type).unwrap();
    let found = set.record_type("foo").unwrap();
    assert_eq!(*found.retain_from(&found.fields["x"]), RetainFrom::Field("t".into()));
}

#[test]
fn a_consent_is_one_that_people_can_give_and_take_back() {
    let at = "records/foo.json#/properties/x/x-privacy/consent: ";
    let with = |purpose: &str, consents: &str, keywords: &str| {
        let more = if consents.is_empty() { String::new() } else { format!(", {consents}") };
        personal(&format!(r#""consent": "{purpose}""#), &more, keywords)
    };
    let none = "needs a field `consents` of codes, merge kind `set-remove-wins`";
    let adds_win = CONSENTS.replace("remove-wins", "add-wins");
    let table = [
        (with("calls", "", ""), none),
        (with("calls", &adds_win, ""), none),
        (with("visits", CONSENTS, ""), "unknown purpose `visits`: not a code of `consents`"),
        (
            with("calls", CONSENTS, r#""required": ["x"],"#),
            "what a record cannot be without does not depend on consent",
        ),
    ];
    for (file, reason) in table {
        assert_eq!(refusal("records/foo.json", &file), format!("{at}{reason}"));
    }
    let set = load("records/foo.json", &with("calls", CONSENTS, "")).unwrap();
    let found = set.record_type("foo").unwrap();
    assert_eq!(found.fields["x"].privacy.consent.as_deref(), Some("calls"));
}
