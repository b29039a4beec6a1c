//! Tests that the record types accept every value that an import lets through.

use gridledger_schema::set::SchemaSet;
use serde_json::{Value, json};

use crate::office::import::areas;
use crate::office::import::cell::PHONES_MAX;
use crate::office::import::register::address::{PART_CHARS_MAX, ROAD_CHARS_MAX};
use crate::office::import::register::plan::PEOPLE_MAX;
use crate::office::import::register::read::{
    GENDERS, KINDS, LABEL_CHARS_MAX, LABEL_DEFAULT, NOTE_CHARS_MAX, RELATIONS, USES,
};
use crate::office::import::staff::PERSON_NAME_CHARS_MAX;

#[track_caller]
fn takes(record: &str, field: &str, value: &Value) {
    let set = SchemaSet::builtin();
    let record = set.record_type(record).expect("a record type");
    let field = record.field(field).expect("a field");
    assert!(field.kind.check(value).is_ok(), "{} takes {value}", field.name);
}

#[track_caller]
fn takes_all(record: &str, field: &str, codes: &[&str]) {
    for code in codes {
        takes(record, field, &json!(code));
    }
}

fn long(chars: usize) -> String {
    "字".repeat(chars)
}

#[test]
fn choices_are_those_of_the_record_types() {
    takes_all("dwelling", "use", USES);
    takes_all("person", "gender", GENDERS);
    takes_all("person", "relation_to_head", RELATIONS);
    takes_all("residency", "kind", KINDS);
    let set = SchemaSet::builtin();
    let ours: Vec<&str> = areas::KINDS.to_vec();
    for kind in &set.area_kinds {
        assert!(ours.contains(&kind.code.as_str()), "the kind {} can be imported", kind.code);
    }
    assert_eq!(ours.len(), set.area_kinds.len());
}

#[test]
fn limits_are_within_those_of_the_record_types() {
    let part = long(PART_CHARS_MAX);
    let address = json!({
        "road": long(ROAD_CHARS_MAX), "number": part, "building": part, "unit": part, "floor": part, "room": part,
    });
    takes("dwelling", "address", &address);
    takes("household", "label", &json!(long(LABEL_CHARS_MAX)));
    takes("household", "label", &json!(LABEL_DEFAULT));
    takes("household", "notes", &json!(long(NOTE_CHARS_MAX)));
    takes("person", "name", &json!(long(PERSON_NAME_CHARS_MAX)));
    for year in [1880, 2199] {
        takes("person", "birth_year", &json!(year));
    }
    assert_eq!((PHONES_MAX, PEOPLE_MAX), (10, 50), "maxItems of phones and members");
}
