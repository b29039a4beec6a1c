//! Paths, ids and queries of every kind at every route: a code in the one shape, never a failure of the server.

use ed25519_dalek::SigningKey;
use gridledger_client::Options;
use gridledger_core::wire::envelope::seal;
use gridledger_core::wire::squeeze::{Packer, Packing};
use gridledger_schema::code::Code;
use gridledger_schema::ids::DeviceNo;
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_tests::desk::{Answer, Desk};
use proptest::prelude::*;

use super::{Handset, PASSWORD};

/// Bad values in the place of an id, a number, a code or a word.
fn odd() -> Vec<String> {
    let texts = [
        "",
        "..",
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/x",
        "%2e%2e%2f",
        "....//",
        "%00",
        "x%00.csv",
        "%ff%fe",
        "%c0%ae%c0%ae",
        "%0d%0aset-cookie:%20a=b",
        "%",
        "%2",
        "%zz",
        "-1",
        "+1",
        "0",
        "00",
        "1e3",
        "0x10",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "%D9%A1%D9%A2",
        "%EF%BC%91%EF%BC%92",
        "%E2%81%BD",
        "NaN",
        "null",
        "true",
        "[]",
        "%7B%7D",
        "%27%20OR%201=1%20--",
        "%F0%9F%92%A1",
        "%E2%80%AE",
        "$(id)",
        "00000000-0000-0000-0000-000000000000",
        "g0000000-0000-0000-0000-000000000000",
        "00000000-0000-0000-0000-0000000000000",
        "ffffffffffffffffffffffffffffffff",
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
        "{00000000-0000-0000-0000-000000000000}",
    ];
    let long = ["a".repeat(300), "9".repeat(300), "%E7%BD%91".repeat(300), "f".repeat(64)];
    texts.into_iter().map(str::to_owned).chain(long).collect()
}

/// A code in the one shape, for what the caller did.
#[track_caller]
fn refused(answer: &Answer, asked: &str) {
    let code = answer.json()["code"].as_str().and_then(Code::parse);
    let code = code.unwrap_or_else(|| panic!("{asked}: {answer:?}"));
    assert_eq!(answer.status, code.http_status(), "{asked}: {answer:?}");
    assert!((400..500).contains(&answer.status), "{asked}: {answer:?}");
}

/// Either an answer or a refusal: never a failure, never silence.
#[track_caller]
fn sound(answer: &Answer, asked: &str) {
    if answer.status != 200 {
        refused(answer, asked);
    }
}

struct Curious {
    desk: Desk,
    token: String,
}

impl Curious {
    fn new() -> Self {
        let most = "1000000";
        let desk = Desk::with(&[
            ("peer_rate", most),
            ("peer_burst", most),
            ("user_rate", most),
            ("user_burst", most),
        ]);
        desk.person("d1", PASSWORD, "dispatcher_community", "C");
        let (token, _) = desk.sign_in("d1", PASSWORD);
        Self { desk, token }
    }

    fn get(&self, path: &str) -> Answer {
        self.desk.get_as(&self.token, path)
    }
}

#[test]
fn what_is_no_name_in_a_path_names_nothing() {
    let curious = Curious::new();
    for part in odd() {
        for path in [
            format!("/v1/records/{part}"),
            format!("/v1/records/{part}/history"),
            format!("/v1/ledgers/{part}"),
            format!("/{part}"),
            format!("/v1/{part}"),
            format!("/v1/me/{part}"),
            format!("/v1/areas/{part}"),
            format!("/healthz/{part}"),
        ] {
            refused(&curious.get(&path), &path);
        }
    }
    assert_eq!(curious.desk.ask("GET", "/readyz", "").status, 200);
}

#[test]
fn every_parameter_of_a_ledger_takes_any_text_without_failing() {
    let curious = Curious::new();
    let keys = [
        "area",
        "since",
        "limit",
        "q",
        "format",
        "lang",
        "unmask",
        "reason",
        "status",
        "started",
        "field.started",
        "field.",
        "nothing",
    ];
    for part in odd() {
        for key in keys {
            let asked = format!("/v1/ledgers/patrol?{key}={part}");
            sound(&curious.get(&asked), &asked);
            let asked = format!("/v1/ledgers/patrol?{part}={key}&{key}={part}&{key}={part}");
            sound(&curious.get(&asked), &asked);
        }
        let asked = format!("/v1/me?{part}");
        sound(&curious.get(&asked), &asked);
    }
    for limit in ["-1", "0", "10001", "9223372036854775808", "%D9%A1", "%EF%BC%91", "1e3", "0x10", "%201"] {
        let asked = format!("/v1/ledgers/patrol?limit={limit}");
        refused(&curious.get(&asked), &asked);
    }
}

#[test]
fn whatever_bytes_a_path_and_a_query_have_they_are_answered() {
    let curious = Curious::new();
    let byte = any::<u8>().prop_map(|byte| format!("%{byte:02x}"));
    let plain = "[a-zA-Z0-9._~!$&'()*+,;=:@/-]{1,8}";
    let part = prop::collection::vec(prop_oneof![byte, plain], 0..24).prop_map(|parts| parts.concat());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&(part.clone(), part), |(path, query)| {
        for asked in [
            format!("/v1/records/{path}?{query}"),
            format!("/v1/ledgers/{path}?{query}"),
            format!("/v1/ledgers/patrol?{query}"),
            format!("/v1/ledgers/patrol?since={path}&area={query}"),
        ] {
            sound(&curious.get(&asked), &asked);
        }
        Ok(())
    });
    outcome.expect("every request is answered");
}

#[test]
fn odd_ids_in_bodies_are_refused_by_name() {
    let curious = Curious::new();
    let bearer = format!("Bearer {}", curious.token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let numbers = ["-1", "9223372036854775808", "18446744073709551616", "1.5", "1e400", "\"1\"", "[]"];
    let texts = odd().into_iter().map(|part| format!("{part:?}"));
    let bodies = texts
        .flat_map(|part| {
            [
                format!("{{\"record\":{part},\"intents\":[]}}"),
                format!("{{\"create\":{{\"type\":{part},\"area\":\"G1\"}},\"intents\":[]}}"),
                format!("{{\"create\":{{\"type\":\"patrol\",\"area\":{part}}},\"intents\":[]}}"),
                format!("{{\"create\":{{\"type\":\"patrol\",\"area\":\"G1\"}},\"intents\":[],\"role\":{part}}}"),
                format!("{{\"create\":{{\"type\":\"patrol\",\"area\":\"G1\"}},\"intents\":[],\"request_id\":{part}}}"),
            ]
        })
        .chain(numbers.map(|n| {
            format!("{{\"record\":\"00000000-0000-0000-0000-000000000000\",\"seen\":{n},\"intents\":[]}}")
        }));
    for body in bodies {
        let answer = curious.desk.ask_with("POST", "/v1/entries", &headers, body.as_bytes());
        if answer.status == 200 {
            let verdict = &answer.json()["verdicts"][0];
            assert_eq!(verdict["stored"], false, "{body}: {answer:?}");
            let code = verdict["refused"]["code"].as_str().and_then(Code::parse);
            assert!(code.is_some_and(|code| code.http_status() < 500), "{body}: {answer:?}");
        } else {
            refused(&answer, &body);
        }
    }
}

#[test]
fn a_request_that_its_device_did_not_seal_is_not_unpacked() {
    let desk = Desk::open();
    let phone = Handset::of(&desk, "w1", Options::default());
    phone.syncs(); // it enrols as the first device
    let schema = desk.service.schema.fingerprint();
    let mut packer = Packer::new(Packing::Zstd, &[], 1);
    let mut bomb = packer.push(&vec![0; limits::SYNC_INFLATED_BYTES + 1]);
    bomb.extend(packer.finish());
    let key = SigningKey::from_bytes(&[7; 32]);
    let sealed =
        |device| seal(Suite::default(), &key, DeviceNo(device), u64::MAX, Packing::Zstd, schema, &bomb);
    let code = |body: &[u8]| {
        let answer = desk.ask_with("POST", "/v1/sync", &[], body);
        Code::parse(answer.json()["code"].as_str().unwrap_or_default())
    };
    for device in [1, 2, u32::MAX] {
        assert_eq!(code(&sealed(device)), Some(Code::SignatureInvalid));
    }
    // A stranger's is, up to the limit: its key is inside.
    assert_eq!(code(&sealed(0)), Some(Code::BodyTooLarge));
    phone.syncs(); // nobody took its counter
}
