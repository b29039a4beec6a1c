//! The demo as anyone runs it first: it ends well for any seed, and its JSON says what it did.

use std::process::{Command, Output};

use serde_json::Value;

fn demo(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gridledger"))
        .arg("demo")
        .args(args)
        .env("LC_ALL", "C")
        // A proxy of the machine's has no part in a server on the same machine, nor have its certificates.
        .env("http_proxy", "http://127.0.0.1:1")
        .env("SSL_CERT_FILE", "/nonexistent")
        .env("SSL_CERT_DIR", "/nonexistent")
        .output()
        .expect("the demo runs")
}

fn played(seed: u64) -> Value {
    let seed = seed.to_string();
    let args = ["--once", "--json", "--seed", &seed, "--phones", "10", "--households", "6"];
    let output = demo(&args);
    let progress = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "seed {seed}: {progress}");
    assert!(progress.contains("a made-up town"), "{progress}");
    serde_json::from_slice(&output.stdout).expect("standard output is one JSON document")
}

fn count(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}

fn check_day(seed: u64) {
    let day = played(seed);
    assert_eq!((day["seed"].as_u64(), day["phones"].as_u64()), (Some(seed), Some(10)));
    let check = &day["check"];
    assert_eq!((check["ok"].as_bool(), count(&check["differences"])), (Some(true), 0));
    assert_eq!(check["edits"], day["saves"]);
    for compared in ["views", "edits", "counters", "items", "values"] {
        assert!(check[compared].as_u64() > Some(0), "{compared}: {check}");
    }
    for record_type in ["patrol", "visit", "ticket"] {
        assert!(day["recorded"][record_type]["created"].as_u64() > Some(0), "{record_type}");
    }
    for needed in ["first_sync", "day_push", "idle_sync"] {
        let bytes = &day[needed]["bytes"];
        assert!(bytes["min"].as_u64() <= bytes["median"].as_u64(), "{needed}: {bytes}");
        assert!(bytes["median"].as_u64() <= bytes["max"].as_u64(), "{needed}: {bytes}");
        assert!(day[needed]["requests"]["min"].as_u64() > Some(0), "{needed}");
    }
    assert!(day["broken"].as_u64() > Some(0), "lines broke");
    assert!(count(&day["conflicts"]) > 0, "some conflicts are left for a person");
    let codes = |list: &str| -> Vec<String> {
        let edits = day[list].as_array().cloned().unwrap_or_default();
        edits.iter().filter_map(|edit| edit["code"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(codes("refused_on_phone"), ["own_work_check", "field_forbidden"]);
    assert_eq!(codes("refused_by_server"), ["already_set"]);
}

#[test]
fn the_day_of_seed_1_ends_well() {
    check_day(1);
}

#[test]
fn a_seed_plays_the_same_day_again() {
    let [first, second] = [4, 4].map(|seed| {
        let mut day = played(seed);
        // The time it took.
        day.as_object_mut().expect("an object").remove("ms");
        day
    });
    assert_eq!(first, second);
}

#[test]
fn the_day_of_seed_2_ends_well() {
    check_day(2);
}

#[test]
fn the_day_of_seed_3_ends_well() {
    check_day(3);
}

#[test]
fn a_line_that_is_none_is_refused_with_2() {
    for args in [&["--phones", "3"][..], &["--seed", "x"], &["--store", "sqlite:x.db"], &["more"]] {
        assert_eq!(demo(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn the_help_lists_the_demo_beside_the_servers_commands() {
    let help = Command::new(env!("CARGO_BIN_EXE_gridledger")).arg("--help").output().expect("help");
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.status.success());
    for command in ["serve", "admin", "demo"] {
        assert!(text.contains(command), "{command}: {text}");
    }
}
