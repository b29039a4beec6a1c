//! These tests check deployments: folders over the built-in files, bundles, fingerprints, and the worked
//! example.
#![expect(clippy::disallowed_methods, reason = "a deployment is a folder")]

use super::{TEXT, load, one_field, refusal};
use crate::set::{Keep, Kind, Merge, SchemaSet};
use std::fs;

const GUIDE: &str = include_str!("../../../../docs/schema.md");

/// The first code block of the guide after the line that holds `marker`.
fn example(marker: &str) -> &'static str {
    let after = GUIDE.split_once(marker).expect("the guide holds the marker").1;
    after.split("```").nth(1).unwrap().strip_prefix("json\n").unwrap()
}

#[test]
fn a_folder_adds_a_type() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("records")).unwrap();
    fs::write(dir.path().join("records/well.json"), one_field(TEXT)).unwrap();
    fs::write(dir.path().join("README.md"), "ours").unwrap();
    let set = SchemaSet::load_dir(dir.path()).unwrap();
    assert_eq!(set.types.len(), SchemaSet::builtin().types.len() + 1);
    assert_eq!(set.record_type("well").unwrap().order(), ["x"]);
}

#[test]
fn an_empty_folder_is_the_built_in_set() {
    let dir = tempfile::tempdir().unwrap();
    let set = SchemaSet::load_dir(dir.path()).unwrap();
    assert_eq!(set.fingerprint(), SchemaSet::builtin().fingerprint());
}

#[test]
fn a_misplaced_file_or_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("role.json"), "{}").unwrap();
    let error = SchemaSet::load_dir(dir.path()).unwrap_err().to_string();
    assert_eq!(error, "role.json#: is not a file of a schema set");
    fs::remove_file(dir.path().join("role.json")).unwrap();
    fs::create_dir(dir.path().join("record")).unwrap();
    let error = SchemaSet::load_dir(dir.path()).unwrap_err().to_string();
    assert_eq!(error, "record#: is not a file of a schema set");
}

#[test]
fn a_missing_folder_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let error = SchemaSet::load_dir(&dir.path().join("none")).unwrap_err();
    assert!(error.reason.starts_with("cannot be read: "), "{error}");
}

#[test]
fn a_file_of_the_same_name_replaces_the_built_in_one() {
    let set = load("records/place.json", &one_field(TEXT)).unwrap();
    assert_eq!(set.record_type("place").unwrap().order(), ["x"]);
    assert_ne!(set.fingerprint(), SchemaSet::builtin().fingerprint());
}

#[test]
fn a_bundle_is_the_whole_set() {
    let set = load("records/well.json", &one_field(TEXT)).unwrap();
    let copy = SchemaSet::from_bundle(set.bundle()).unwrap();
    assert_eq!(copy.bundle(), set.bundle());
    assert_eq!(copy.fingerprint(), set.fingerprint());
    assert_eq!(copy.types, set.types);
    assert_eq!(copy.workflows, set.workflows);
    assert_eq!(copy.dictionary(), set.dictionary());
}

#[test]
fn a_fingerprint_ignores_white_space_and_nothing_else() {
    let spaced = one_field(TEXT).replace(", ", "  ,\n ");
    let set = load("records/well.json", &one_field(TEXT)).unwrap();
    assert_eq!(load("records/well.json", &spaced).unwrap().fingerprint(), set.fingerprint());
    let longer = one_field(&TEXT.replace('9', "8"));
    assert_ne!(load("records/well.json", &longer).unwrap().fingerprint(), set.fingerprint());
}

#[test]
fn a_broken_bundle_is_refused() {
    let fault = |text: &str| SchemaSet::from_bundle(text).unwrap_err().to_string();
    assert_eq!(fault("[]"), "bundle#: must be an object");
    assert_eq!(fault("{}"), "roles.json#: the file is missing");
    assert_eq!(fault(r#"{"x.json":{}}"#), "x.json#: is not a file of a schema set");
    assert_eq!(refusal("../roles.json", "{}"), "../roles.json#: is not a file of a schema set");
}

#[test]
fn the_worked_example_of_the_guide_loads() {
    let set = load("records/street_stall.json", example("`records/street_stall.json`:")).unwrap();
    let stall = set.record_type("street_stall").unwrap();
    assert_eq!(stall.order(), ["name", "goods", "keeper_phone", "warnings", "place_ref"]);
    assert_eq!(stall.field("warnings").unwrap().merge, Merge::Counter);
    assert_eq!(stall.field("place_ref").unwrap().kind, Kind::Ref("place".to_owned()));
    assert_eq!(stall.field("keeper_phone").unwrap().privacy.retain_days, Some(365));
    assert_eq!(stall.device.as_ref().unwrap().keep, Keep::Always);
}

#[test]
fn the_guide_names_every_merge_kind() {
    for (word, _) in Merge::ALL {
        assert!(GUIDE.contains(&format!("`{word}`")), "{word}");
        assert_eq!(Merge::parse(word).unwrap().as_str(), word);
    }
}

#[test]
fn what_is_not_collected_is_refused_in_a_deployments_folder_by_file_and_pointer() {
    let dir = tempfile::tempdir().unwrap();
    let records = dir.path().join("records");
    fs::create_dir(&records).unwrap();
    let text = super::record(
        r#""gate": { "x-label": { "zh": "人脸抓拍", "en": "Gate" }, "type": "string", "maxLength": 9,
            "x-merge": "register", "x-write": ["grid_worker"] }"#,
        "",
    );
    fs::write(records.join("gate_log.json"), text).unwrap();
    assert_eq!(
        SchemaSet::load_dir(dir.path()).unwrap_err().to_string(),
        "records/gate_log.json#/properties/gate/x-label: `人脸抓拍` is refused: no schema may hold faces"
    );
}
