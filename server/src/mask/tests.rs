//! Tests of the masks.

use gridledger_schema::set::{Mask, SchemaSet};
use serde_json::{Value, json};

use super::{apply, masked, name, phone, rule, scrub};

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
        ("女儿", "女儿"),
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
        assert_eq!(
            apply(Mask::Building, &json!(plain)),
            Some(json!(shown)),
            "{plain}"
        );
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
        Some(json!({"1": {"label": "本人", "number": "138****1234"}, "2": {"number": "139****4321"}}))
    );
    let notes = json!(["电话13800001234", 13_800_001_234_i64, 7, true, null]);
    assert_eq!(
        apply(Mask::Text, &notes),
        Some(json!(["电话***", "***", 7, true, null]))
    );
}

#[test]
fn every_sensitive_field_of_the_built_in_types_has_a_rule() {
    let schema = SchemaSet::builtin();
    let person = schema.record_type("person").unwrap();
    for field in ["name", "birth_year", "phones", "care_tags"] {
        assert!(rule(person.field(field).unwrap()).is_some(), "{field}");
    }
    // The id of a dwelling is an address.
    let ticket = schema.record_type("ticket").unwrap();
    let home: Value = json!("0198a0c0-0000-8000-8000-000000000001");
    assert_eq!(masked(ticket.field("dwelling_id").unwrap(), &home), None);
}
