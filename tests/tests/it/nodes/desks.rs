//! One person who writes at several nodes at once.

use gridledger_tests::json::{number, text};
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Farm, PASSWORD, made, post};

#[test]
fn one_person_writes_at_three_nodes_at_once() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    let (token, _) = farm.front().sign_in("w1", PASSWORD);
    let numbers: Vec<u64> = std::thread::scope(|scope| {
        let (farm, token) = (&farm, &token);
        let desks = (0..3).map(|node| {
            scope.spawn(move || {
                let write = |at| {
                    let entry = made("G1", &format!("{node}-{at}"));
                    let answer = post(farm.door(node), token, "/v1/entries", &json!([entry]));
                    assert_eq!(answer.status, 200, "{answer:?}");
                    let verdict = answer.json()["verdicts"][0].clone();
                    assert_eq!(verdict["stored"], true, "{verdict}");
                    number(&verdict["n"])
                };
                (0..20).map(write).collect::<Vec<u64>>()
            })
        });
        let desks: Vec<_> = desks.collect();
        desks.into_iter().flat_map(|desk| desk.join().expect("a desk")).collect()
    });
    let different: BTreeSet<u64> = numbers.into_iter().collect();
    assert!(different.into_iter().eq(1..=60), "one feed, each number once");
    assert_eq!(farm.records("G1").len(), 60);
    farm.is_sound();
}

#[test]
fn a_request_that_comes_to_two_nodes_at_once_is_carried_out_once() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    let (token, _) = farm.front().sign_in("w1", PASSWORD);
    for round in 0..10 {
        let mut entry = made("G1", &format!("{round}"));
        entry["request_id"] = json!(format!("request-{round}"));
        let verdicts: Vec<Value> = std::thread::scope(|scope| {
            let (farm, token, entry) = (&farm, &token, &entry);
            let ask = |node| scope.spawn(move || post(farm.door(node), token, "/v1/entries", entry));
            let asked: Vec<_> = (0..3).map(ask).collect();
            let answers = asked.into_iter().map(|asked| asked.join().expect("a desk"));
            answers.map(|answer| answer.json()["verdicts"][0].clone()).collect()
        });
        assert_eq!(verdicts[0]["stored"], true, "{verdicts:?}");
        assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
    }
    assert_eq!(farm.records("G1").len(), 10);
    farm.is_sound();
}

#[test]
fn three_nodes_write_one_chain_of_reads() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    let (token, _) = farm.front().sign_in("w1", PASSWORD);
    let home = json!({
        "create": { "type": "dwelling", "area": "G1" },
        "intents": [{ "op": "put", "field": "address", "value": { "road": "滨河路", "room": "401" } }],
    });
    let record = post(farm.front(), &token, "/v1/entries", &home).json()["verdicts"][0]["record"].clone();
    let record = text(&record);
    std::thread::scope(|scope| {
        for node in 0..3 {
            let (farm, token) = (&farm, &token);
            scope.spawn(move || {
                for at in 0..12 {
                    let path = format!("/v1/records/{record}?unmask=1&reason=visit%20{at}");
                    assert_eq!(farm.door(node).get_as(token, &path).status, 200);
                }
            });
        }
    });
    let report = gridledger_server::operate::verify::verify(&farm.office).expect("it can be read");
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.reads, 36, "{report:?}");
}
