//! A plan drawn up, approved and applied at three nodes, one of which dies of it, while phones sync at all of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gridledger_client::{Client, Intents, Query, RecordId};
use gridledger_tests::planning;
use serde_json::{Value, json};

use super::{Farm, PASSWORD, goes_on, post, sync};
use crate::kills::each;

const HOMES: usize = 12;

fn dwellings(phone: &Client) -> BTreeSet<RecordId> {
    let found = phone.list(&Query::of_type("dwelling")).expect("a list");
    found.into_iter().map(|record| record.id).collect()
}

/// A step of the plan at some node.
fn step(farm: &Farm, node: usize, token: &str, path: &str, body: &Value) -> Value {
    let answer = post(farm.door(node), token, &format!("/v1/territory/plans{path}"), body);
    assert!((200..300).contains(&answer.status), "{path}: {answer:?}");
    answer.json()
}

fn story(point: &str) {
    let mut farm = Farm::dying(&[Some(point), None, None]);
    farm.proxy.leave_out(0);
    for (login, role, area) in [
        ("w1", "grid_worker", "G1"),
        ("h1", "grid_head", "C"),
        ("s1", "data_steward", "D"),
        ("s2", "data_steward", "D"),
    ] {
        farm.person(login, role, area);
    }
    let [one, two] = ["s1", "s2"].map(|login| farm.front().sign_in(login, PASSWORD).0);
    let (worker, head) = (farm.phone("w1", 0), farm.phone("h1", 0));
    sync(&worker);
    for at in 0..HOMES {
        let road = ["滨河路", "人民路"][at % 2];
        let home = Intents::new().put("address", json!({ "road": road, "number": format!("{at}号") }));
        worker.create("dwelling", "G1", home).expect("a dwelling");
    }
    sync(&worker);
    sync(&head);
    let homes = dwellings(&head);
    assert_eq!(homes.len(), HOMES, "{point}");
    let changes = json!({
        "new_areas": [planning::grid("N1")],
        "splits": [{ "area": "G1", "into": [
            { "area": "N1", "addresses": ["人民路"] }, { "area": "G1", "rest": true }
        ] }],
        "staff": [{ "login": "w1", "role": "grid_worker", "area": "N1" }],
    });
    let plan = planning::plan(farm.office.now(), &changes);
    let number = step(&farm, 1, &one, "", &plan)["plan"].clone();
    step(&farm, 2, &one, &format!("/{number}/simulate"), &json!({}));
    step(&farm, 1, &two, &format!("/{number}/approve"), &json!({}));
    let apply = format!("/{number}/apply");
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let (farm, done) = (&farm, &done);
        let phones = [&worker, &head].map(|phone| {
            let homes = &homes;
            scope.spawn(move || {
                let mut round = 0;
                while goes_on(done, begun) {
                    round += 1;
                    for home in homes {
                        let edit = Intents::new().put("floor_area", 40.0 + f64::from(round));
                        phone.edit(*home, edit).expect("an edit");
                    }
                    assert_eq!(sync(phone).refused, 0, "{point}");
                }
            })
        });
        let cut_off = post(farm.door(0), &one, &format!("/v1/territory/plans{apply}"), &json!({}));
        assert_eq!(cut_off.status, 0, "{point}: it dies of it");
        step(farm, 1, &one, &apply, &json!({}));
        done.store(true, Ordering::Release);
        for phone in phones {
            phone.join().expect("a phone");
        }
    });
    assert!(farm.take(0).end(), "{point}");
    for _ in 0..2 {
        assert_eq!(sync(&worker).refused + sync(&head).refused, 0, "{point}");
    }
    assert_eq!((dwellings(&worker), dwellings(&head)), (homes.clone(), homes), "{point}");
    farm.office.territory().expect("the territory");
    let halves = ["G1", "N1"].map(|area| farm.records(area).len());
    assert_eq!(halves, [HOMES / 2, HOMES / 2], "{point}");
    assert_eq!(worker.attention().expect("a list"), Vec::new(), "{point}");
    farm.is_sound();
}

#[test]
fn a_plan_goes_on_at_another_node_while_phones_work() {
    each(&[("plan.after_begin", 1), ("plan.after_batch", 1), ("plan.before_finish", 1)], story);
}
