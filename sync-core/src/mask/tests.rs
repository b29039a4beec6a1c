//! These tests check the masks.

use gridledger_schema::entry::Intent;
use gridledger_schema::set::{Mask, SchemaSet};
use serde_json::{Value, json};

use super::{apply, intents, mask_value, name, phone, rule, scrub, view};

#[test]
fn a_name_keeps_its_family_name() {
    for (plain, shown) in [
        ("陆小明", "陆某某"),
        ("陆明", "陆某某"),
        ("欧阳春", "欧阳某某"),
        ("欧阳", "欧某某"),
        ("Maria Lopez", "M***"),
        ("", ""),
        ("  王强 ", "王某某"),
    ] {
        assert_eq!(name(plain), shown, "{plain}");
    }
}

#[test]
fn a_phone_keeps_three_and_four_digits() {
    for (plain, shown) in [
        ("13800001234", "138****1234"),
        ("138 0000 1234", "138****1234"),
        ("１３８００００１２３４", "138****1234"),
        ("+8613800001234", "861****1234"),
        ("84210000", "842****"),
        ("84210", "****"),
        ("女儿", "***"),
        ("", ""),
    ] {
        assert_eq!(phone(plain), shown, "{plain}");
    }
}

#[test]
fn free_text_loses_numbers_of_phones_and_identity_cards_and_nothing_else() {
    for (plain, shown) in [
        ("请打13800001234，晚上", "请打***，晚上"),
        ("请打 138-0000-1234", "请打 ***"),
        ("号码１３８００００１２３４。", "号码***。"),
        ("证件11010119900307123X在手", "证件***在手"),
        ("证件110101199003071234", "证件***"),
        ("2026-01-05 在3栋402", "2026-01-05 在3栋402"),
        ("", ""),
        ("12345678901", "***"),
    ] {
        assert_eq!(scrub(plain), shown, "{plain}");
    }
}

#[test]
fn an_address_ends_at_the_building() {
    let parts =
        json!({"road": "滨河路", "number": "1", "building": "2", "unit": "3", "floor": "4", "room": "401"});
    assert_eq!(
        apply(Mask::Building, &parts),
        Some(json!({"road": "滨河路", "number": "1", "building": "2"}))
    );
    for (plain, shown) in [
        ("滨河路1号2栋3单元401", "滨河路1号2栋"),
        ("滨河路1号", "滨河路1号"),
        ("幸福小区三单元401", "幸福小区"),
        ("桥头", "桥头"),
        ("2号楼401室", "2号楼"),
    ] {
        assert_eq!(apply(Mask::Building, &json!(plain)), Some(json!(shown)), "{plain}");
    }
    assert_eq!(apply(Mask::Building, &json!(7)), None);
}

#[test]
fn years_become_bands_and_hidden_values_go() {
    assert_eq!(apply(Mask::AgeBand, &json!(1987)), Some(json!("1980-1989")));
    assert_eq!(apply(Mask::AgeBand, &json!("1987")), None);
    assert_eq!(apply(Mask::Hidden, &json!("anything")), None);
}

#[test]
fn masks_reach_into_lists_children_and_numbers() {
    let phones = json!({"1": {"label": "本人", "number": "13800001234"}, "2": {"number": "13900004321"}});
    assert_eq!(
        apply(Mask::Phone, &phones),
        Some(json!({"1": {"label": "***", "number": "138****1234"}, "2": {"number": "139****4321"}}))
    );
    let contact = json!({"shop": {"name": "陆小明", "phone": "84210000"}});
    assert_eq!(apply(Mask::Phone, &contact), Some(json!({"shop": {"name": "陆某某", "phone": "842****"}})));
    let notes = json!(["电话13800001234", 13_800_001_234_i64, 7, true, null]);
    assert_eq!(apply(Mask::Text, &notes), Some(json!(["电话***", "***", 7, true, null])));
}

#[test]
fn every_sensitive_field_of_the_built_in_types_has_a_rule() {
    let schema = SchemaSet::builtin();
    let person = schema.record_type("person").unwrap();
    for field in ["name", "birth_year", "phones", "care_tags"] {
        assert!(rule(person.field(field).unwrap()).is_some(), "{field}");
    }
    // The id of a dwelling is as good as an address.
    let ticket = schema.record_type("ticket").unwrap();
    let home: Value = json!("0198a0c0-0000-8000-8000-000000000001");
    assert_eq!(mask_value(ticket.field("dwelling_id").unwrap(), &home), None);
}

#[test]
fn a_whole_view_is_masked_conflicts_and_ids_of_children_included() {
    let schema = SchemaSet::builtin();
    let person = schema.record_type("person").unwrap();
    let whole = json!({
        "name": "陆小明", "gender": "male", "birth_year": 1943, "care_tags": ["hardship"], "nickname": "小陆",
        "phones": { "18613572468": { "label": "本人", "number": "18613572468" } },
        "_conflicts": {
            "name": [{ "value": "陆小明", "feed": "a", "at": 1 }, { "value": "陆晓明", "feed": "b", "at": 2 }],
            "care_tags": [{ "value": ["hardship"], "feed": "a", "at": 1 }],
            "phones/18613572468/number": [{ "value": "18613572468", "feed": "a", "at": 1 }],
        },
    });
    assert_eq!(
        Value::Object(view(person, whole.as_object().unwrap())),
        json!({
            "name": "陆某某", "gender": "male", "birth_year": "1940-1949",
            "phones": { "***": { "label": "***", "number": "186****2468" } },
            "_conflicts": {
                "name": [{ "value": "陆某某", "feed": "a", "at": 1 }, { "value": "陆某某", "feed": "b", "at": 2 }],
                "care_tags": [{ "feed": "a", "at": 1 }],
                "phones/***/number": [{ "value": "186****2468", "feed": "a", "at": 1 }],
            },
        })
    );
}

#[test]
fn what_was_meant_shows_which_field_and_how_but_not_the_value() {
    let schema = SchemaSet::builtin();
    let masked = |of: &str, intent: Value| {
        let intent: Intent = serde_json::from_value(intent).unwrap();
        serde_json::to_value(&intents(schema.record_type(of), [&intent])[0]).unwrap()
    };
    for (of, meant, shown) in [
        (
            "person",
            json!({ "field": "name", "op": "put", "value": "陆小明" }),
            json!({ "field": "name", "op": "put", "value": "陆某某" }),
        ),
        (
            "person",
            json!({ "field": "name", "op": "put", "value": null }),
            json!({ "field": "name", "op": "put", "value": null }),
        ),
        (
            "person",
            json!({ "field": "care_tags", "op": "add", "item": "hardship" }),
            json!({ "field": "care_tags", "op": "add", "item": "***" }),
        ),
        (
            "ticket",
            json!({ "field": "description", "op": "splice", "pos": 4, "delete": 0, "insert": "18613" }),
            json!({ "field": "description", "op": "splice", "pos": 4, "delete": 0, "insert": "***" }),
        ),
        (
            "ticket",
            json!({ "field": "events", "op": "event", "verb": "assign", "args": { "who": "w1", "note": "打18613572468" } }),
            json!({ "field": "events", "op": "event", "verb": "assign", "args": { "who": "w1", "note": "打***" } }),
        ),
        (
            "ticket",
            json!({ "field": "category", "op": "put", "value": { "18613572468": 1 } }),
            json!({ "field": "category", "op": "put", "value": "***" }),
        ),
        (
            "ticket",
            json!({ "field": "陆小明", "op": "event", "verb": "18613572468", "args": { "note": "陆小明" } }),
            json!({ "field": "???", "op": "event", "verb": "***", "args": {} }),
        ),
        (
            "ticket",
            json!({ "field": "gone", "op": "put", "value": "陆小明" }),
            json!({ "field": "gone", "op": "put", "value": "***" }),
        ),
        (
            "ticket",
            json!({ "field": "urgency", "op": "raise", "value": 3 }),
            json!({ "field": "urgency", "op": "raise", "value": 3 }),
        ),
    ] {
        assert_eq!(masked(of, meant), shown);
    }
}
