//! This file refuses what no schema may collect. By name: faces, voices, plates, probes, tracks, biometrics,
//! faith, politics, scores. By shape: a series of coordinates.
//!
//! A name is a weak guard. It stops an honest mistake and makes a dishonest one visible.

use super::json::At;
use super::{Kind, Label, SchemaError};

/// Words that are refused wherever they stand alone in a name or an English label.
const WORDS: &[(&str, &str)] = &[
    ("face", "faces"),
    ("faces", "faces"),
    ("facial", "faces"),
    ("faceid", "faces"),
    ("faceprint", "faces"),
    ("faceimage", "faces"),
    ("facephoto", "faces"),
    ("facerecognition", "faces"),
    ("renlian", "faces"),
    ("voiceprint", "voices"),
    ("voiceprints", "voices"),
    ("voiceid", "voices"),
    ("chepai", "plates"),
    ("tanzhen", "device probes"),
    ("macaddr", "device probes"),
    ("macaddress", "device probes"),
    ("wifiprobe", "device probes"),
    ("trajectory", "tracks of people"),
    ("trajectories", "tracks of people"),
    ("whereabouts", "tracks of people"),
    ("gpstrack", "tracks of people"),
    ("gpstrace", "tracks of people"),
    ("guiji", "tracks of people"),
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
    ("zhiwen", "biometrics"),
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

/// Neighbouring words that are refused together.
const PHRASES: &[(&str, &str)] = &[
    ("mac address", "device probes"),
    ("mac addresses", "device probes"),
    ("device fingerprint", "device probes"),
    ("voice print", "voices"),
    ("voice prints", "voices"),
    ("voice id", "voices"),
    ("voice recognition", "voices"),
    ("voice recording", "voices"),
    ("voice recordings", "voices"),
    ("voice sample", "voices"),
    ("voice samples", "voices"),
    ("gps track", "tracks of people"),
    ("gps tracks", "tracks of people"),
    ("gps trace", "tracks of people"),
    ("location track", "tracks of people"),
    ("location trace", "tracks of people"),
    ("location history", "tracks of people"),
    ("movement track", "tracks of people"),
    ("movement history", "tracks of people"),
    ("track points", "tracks of people"),
    ("live location", "tracks of people"),
    ("continuous location", "tracks of people"),
    ("background location", "tracks of people"),
    ("electronic fence", "tracks of people"),
    ("e fence", "tracks of people"),
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
    ("脸部", "faces"),
    ("面部", "faces"),
    ("人像", "faces"),
    ("人臉", "faces"),
    ("车辆号码", "plates"),
    ("車牌", "plates"),
    ("嗅探", "device probes"),
    ("mac地址", "device probes"),
    ("蓝牙地址", "device probes"),
    ("手机串号", "device probes"),
    ("设备指纹", "device probes"),
    ("语音识别", "voices"),
    ("声音样本", "voices"),
    ("声音特征", "voices"),
    ("录音", "voices"),
    ("轨迹", "tracks of people"),
    ("行踪", "tracks of people"),
    ("实时定位", "tracks of people"),
    ("持续定位", "tracks of people"),
    ("后台定位", "tracks of people"),
    ("历史位置", "tracks of people"),
    ("位置历史", "tracks of people"),
    ("电子围栏", "tracks of people"),
    ("车牌", "plates"),
    ("号牌", "plates"),
    ("探针", "device probes"),
    ("生物识别", "biometrics"),
    ("生物特征", "biometrics"),
    ("指纹", "biometrics"),
    ("掌纹", "biometrics"),
    ("声纹", "voices"),
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

/// Names of a coordinate's first half.
const LATITUDE: &[&str] = &["lat", "latitude", "y"];
/// Names of a coordinate's second half.
const LONGITUDE: &[&str] = &["lon", "lng", "long", "longitude", "x"];

/// Refuses a name that asks for something no schema may collect.
pub(super) fn check_name(at: &At, name: &str) -> Result<(), SchemaError> {
    refuse_if_banned(at, name, find_banned_english(name))
}

/// Refuses a label that asks, in either language, for something no schema may collect.
pub(super) fn check_label(at: &At, label: &Label) -> Result<(), SchemaError> {
    for text in [&label.en, &label.zh] {
        refuse_if_banned(at, text, find_banned_english(text).or_else(|| find_banned_chinese(text)))?;
    }
    Ok(())
}

/// Refuses a field that gathers point after point. Under any name it is a track.
pub(super) fn check_series(at: &At, gathers: bool, kind: &Kind) -> Result<(), SchemaError> {
    if has_series(gathers, kind) {
        return at.fail("a series of coordinates is refused: no schema may hold tracks of people");
    }
    Ok(())
}

fn has_series(gathers: bool, kind: &Kind) -> bool {
    match kind {
        Kind::List { item, .. } => has_series(true, item),
        Kind::Object { fields, .. } => {
            let any = |names: &[&str]| names.iter().any(|name| fields.contains_key(*name));
            gathers && any(LATITUDE) && any(LONGITUDE) || fields.values().any(|one| has_series(gathers, one))
        }
        _ => false,
    }
}

fn refuse_if_banned(at: &At, name: &str, what: Option<&str>) -> Result<(), SchemaError> {
    match what {
        Some(what) => at.fail(format!("`{name}` is refused: no schema may hold {what}")),
        None => Ok(()),
    }
}

/// Finds the banned subject of a Chinese label. Characters that are no letters or digits are skipped.
fn find_banned_chinese(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let line: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    CHINESE.iter().find(|(part, _)| line.contains(part)).map(|(_, what)| *what)
}

/// Finds the banned subject of a name or an English label.
fn find_banned_english(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        // `face2` counts as `face`.
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .collect();
    let mut line = format!(" {} ", words.join(" "));
    for phrase in HARMLESS {
        line = line.replace(&format!(" {phrase} "), " ");
    }
    WORDS.iter().chain(PHRASES).find(|(part, _)| line.contains(&format!(" {part} "))).map(|(_, what)| *what)
}
