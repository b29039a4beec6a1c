//! What no schema may collect, by name: faces, plates, probes, biometrics, faith, politics, scores.
//!
//! A name is a weak guard, but it stops the honest mistake and makes the dishonest one visible.

use super::json::At;
use super::{Label, SchemaError};

/// Words refused wherever they stand alone in a name or an English label.
const WORDS: &[(&str, &str)] = &[
    ("face", "faces"),
    ("faces", "faces"),
    ("facial", "faces"),
    ("faceid", "faces"),
    ("faceprint", "faces"),
    ("plate", "plates"),
    ("plates", "plates"),
    ("numberplate", "plates"),
    ("licenseplate", "plates"),
    ("licenceplate", "plates"),
    ("probe", "device probes"),
    ("probes", "device probes"),
    ("imei", "device probes"),
    ("imsi", "device probes"),
    ("biometric", "biometrics"),
    ("biometrics", "biometrics"),
    ("fingerprint", "biometrics"),
    ("fingerprints", "biometrics"),
    ("palmprint", "biometrics"),
    ("voiceprint", "biometrics"),
    ("iris", "biometrics"),
    ("retina", "biometrics"),
    ("gait", "biometrics"),
    ("dna", "biometrics"),
    ("religion", "religion"),
    ("religions", "religion"),
    ("religious", "religion"),
    ("faith", "religion"),
    ("political", "political views"),
    ("politics", "political views"),
    ("riskscore", "risk scores"),
];

/// Neighbouring words refused together.
const PHRASES: &[(&str, &str)] = &[
    ("mac address", "device probes"),
    ("party member", "political views"),
    ("party membership", "political views"),
    ("risk score", "risk scores"),
    ("risk scores", "risk scores"),
    ("risk scoring", "risk scores"),
    ("social score", "risk scores"),
    ("social credit", "risk scores"),
    ("credit score", "risk scores"),
    ("trust score", "risk scores"),
    ("danger score", "risk scores"),
];

/// Neighbouring words that are harmless although one of them is refused alone.
const HARMLESS: &[&str] = &[
    "face to face",
    "rock face",
    "road face",
    "door plate",
    "name plate",
    "house plate",
    "base plate",
    "gas probe",
    "smoke probe",
    "water probe",
];

/// Parts of Chinese labels that are refused.
const CHINESE: &[(&str, &str)] = &[
    ("人脸", "faces"),
    ("面容", "faces"),
    ("刷脸", "faces"),
    ("车牌", "plates"),
    ("号牌", "plates"),
    ("探针", "device probes"),
    ("生物识别", "biometrics"),
    ("生物特征", "biometrics"),
    ("指纹", "biometrics"),
    ("掌纹", "biometrics"),
    ("声纹", "biometrics"),
    ("虹膜", "biometrics"),
    ("步态", "biometrics"),
    ("宗教", "religion"),
    ("信仰", "religion"),
    ("政治面貌", "political views"),
    ("政治倾向", "political views"),
    ("政治立场", "political views"),
    ("政治观点", "political views"),
    ("风险评分", "risk scores"),
    ("风险积分", "risk scores"),
    ("社会评分", "risk scores"),
    ("社会信用分", "risk scores"),
    ("信用评分", "risk scores"),
];

/// Refuses a name that asks for what is not collected.
pub(super) fn check_name(at: &At, name: &str) -> Result<(), SchemaError> {
    report(at, name, english(name))
}

/// Refuses a label that asks for what is not collected.
pub(super) fn check_label(at: &At, label: &Label) -> Result<(), SchemaError> {
    report(at, &label.en, english(&label.en))?;
    let found = CHINESE.iter().find(|(part, _)| label.zh.contains(part));
    report(at, &label.zh, found.map(|(_, what)| *what))
}

fn report(at: &At, name: &str, what: Option<&str>) -> Result<(), SchemaError> {
    match what {
        Some(what) => at.fail(format!("`{name}` is refused: no schema may hold {what}")),
        None => Ok(()),
    }
}

/// What a name or English label asks for that is not collected.
fn english(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut line = format!(" {} ", words.join(" "));
    for phrase in HARMLESS {
        line = line.replace(&format!(" {phrase} "), " ");
    }
    WORDS
        .iter()
        .chain(PHRASES)
        .find(|(part, _)| line.contains(&format!(" {part} ")))
        .map(|(_, what)| *what)
}
