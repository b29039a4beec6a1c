//! These tests check that no name, label or hidden part can ask for banned data.

use super::{TEXT, one_field, record, refusal};

const W: &str = r#""x-merge": "register", "x-write": ["grid_worker"]"#;

#[test]
fn what_is_not_collected_cannot_be_named() {
    let named = |name: &str| refusal("records/foo.json", &record(&format!(r#""{name}": {{}}"#), ""));
    let about = |name: &str| {
        let message = named(name);
        message.split_once("no schema may hold ").map(|(_, what)| what.to_owned()).unwrap_or(message)
    };
    assert_eq!(
        named("face_image"),
        "records/foo.json#/properties/face_image: `face_image` is refused: no schema may hold faces"
    );
    for (name, what) in [
        ("faces", "faces"),
        ("licence_plate", "plates"),
        ("plate", "plates"),
        ("wifi_probe", "device probes"),
        ("mac_address", "device probes"),
        ("fingerprint", "biometrics"),
        ("face2", "faces"),
        ("renlian_photo", "faces"),
        ("voice_print", "voices"),
        ("voiceprint", "voices"),
        ("gps_track", "tracks of people"),
        ("trajectory", "tracks of people"),
        ("location_history", "tracks of people"),
        ("gait_model", "biometrics"),
        ("religion", "religion"),
        ("political_view", "political views"),
        ("risk_score", "risk scores"),
        ("social_credit", "risk scores"),
    ] {
        assert_eq!(about(name), what, "{name}");
    }
    for name in [
        "surface",
        "door_plate",
        "template",
        "interface",
        "met_face_to_face",
        "risk_level",
        "gas_probe",
        "track_no",
        "running_track",
        "voice_call_made",
        "location",
    ] {
        assert_eq!(about(name), format!("records/foo.json#/properties/{name}: `x-label` is missing"));
    }
}

#[test]
fn what_is_not_collected_cannot_hide_in_labels_codes_or_parts() {
    let labelled = one_field(TEXT).replace("甲", "车牌号");
    assert_eq!(
        refusal("records/foo.json", &labelled),
        "records/foo.json#/properties/x/x-label: `车牌号` is refused: no schema may hold plates"
    );
    let english = one_field(TEXT).replace("\"X\"", "\"Religious belief\"");
    assert_eq!(
        refusal("records/foo.json", &english),
        "records/foo.json#/properties/x/x-label: `Religious belief` is refused: no schema may hold religion"
    );
    let part = format!(r#""type": "object", "properties": {{ "iris": {{ "type": "boolean" }} }}, {W}"#);
    assert_eq!(
        refusal("records/foo.json", &one_field(&part)),
        "records/foo.json#/properties/x/properties/iris: `iris` is refused: no schema may hold biometrics"
    );
    let code = format!(
        r#""type": "string", "enum": ["faith"], "x-enum-labels": {{ "faith": {{ "zh": "甲", "en": "A" }} }}, {W}"#
    );
    assert_eq!(
        refusal("records/foo.json", &one_field(&code)),
        "records/foo.json#/properties/x/enum/0: `faith` is refused: no schema may hold religion"
    );
    assert_eq!(
        refusal("records/face_log.json", &one_field(TEXT)),
        "records/face_log.json#: `face_log` is refused: no schema may hold faces"
    );
}

#[test]
fn what_is_not_collected_is_known_in_either_language_and_however_it_is_spaced() {
    for (zh, what) in [
        ("人脸照片", "faces"),
        ("人 脸", "faces"),
        ("人·脸", "faces"),
        ("面部图像", "faces"),
        ("Face照片", "faces"),
        ("通话录音", "voices"),
        ("声纹", "voices"),
        ("車牌", "plates"),
        ("WiFi 探针", "device probes"),
        ("MAC 地址", "device probes"),
        ("IMEI 号", "device probes"),
        ("活动轨迹", "tracks of people"),
        ("实时定位", "tracks of people"),
        ("电子围栏", "tracks of people"),
    ] {
        let told =
            format!("records/foo.json#/properties/x/x-label: `{zh}` is refused: no schema may hold {what}");
        assert_eq!(refusal("records/foo.json", &one_field(TEXT).replace("甲", zh)), told);
    }
    let english = one_field(TEXT).replace("\"X\"", "\"人脸\"");
    assert!(refusal("records/foo.json", &english).ends_with("no schema may hold faces"));
}

#[test]
fn a_series_of_coordinates_is_a_track_whatever_it_is_called() {
    let point = r#""type": "object", "properties": {
        "lat": { "type": "number", "minimum": -90, "maximum": 90 },
        "lon": { "type": "number", "minimum": -180, "maximum": 180 } }"#;
    let log = format!(
        r#""type": "array", "maxItems": 9, "items": {{ {point} }}, "x-merge": "log", "x-write": ["grid_worker"]"#
    );
    let list = format!(r#""type": "array", "maxItems": 9, "items": {{ {point} }}, {W}"#);
    let map = format!(
        r#""type": "object", "maxProperties": 9, "additionalProperties": {{ {point} }}, "x-merge": "map",
        "x-write": ["grid_worker"]"#
    );
    for series in [&log, &list, &map] {
        assert_eq!(
            refusal("records/foo.json", &one_field(series)),
            "records/foo.json#/properties/x: a series of coordinates is refused: no schema may hold tracks of people",
            "{series}"
        );
    }
    super::load("records/foo.json", &one_field(&format!("{point}, {W}"))).unwrap();
}
