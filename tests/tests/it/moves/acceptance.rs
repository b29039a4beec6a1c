//! A street splits two of its communities: four and a village become six and a village. Over real HTTP; the sums balance
//! to the unit, in the report and in what a supervisor of the street pulls at every moment.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_tests::areas::{add_areas, area};
use gridledger_tests::desk::{Answer, Desk, PASSWORD};
use gridledger_tests::json::{items, text};
use gridledger_tests::planning;
use serde_json::{Value, json};

const ROADS: [&str; 2] = ["桥东路", "桥西路"];
/// Four communities and a village.
const COMMUNITIES: [&str; 5] = ["K1", "K2", "K3", "K4", "V"];

struct Street {
    desk: Desk,
    worker: String,
    stewards: [String; 2],
    supervisor: String,
}

impl Street {
    /// Four communities and a village with two grids each; in every grid, homes on two roads.
    fn open() -> Self {
        let desk = Desk::open();
        let mut rows = vec![area("T", "D", "street")];
        for code in COMMUNITIES {
            rows.push(area(code, "T", "community"));
            rows.extend(["a", "b"].map(|grid| area(&format!("{code}{grid}"), code, "basic_grid")));
        }
        add_areas(&desk.service, &rows);
        let people = [
            ("w1", "grid_worker", "T"),
            ("w2", "grid_worker", "K1a"),
            ("s1", "data_steward", "T"),
            ("s2", "data_steward", "T"),
            ("dd", "dispatcher_street", "T"),
            ("dk", "dispatcher_community", "K1"),
        ];
        for (login, role, area) in people {
            desk.person(login, PASSWORD, role, area);
        }
        let [worker, first, second, supervisor] =
            ["w1", "s1", "s2", "dd"].map(|login| desk.sign_in(login, PASSWORD).0);
        let street = Self { desk, worker, stewards: [first, second], supervisor };
        for code in COMMUNITIES {
            for grid in ["a", "b"] {
                street.settle(&format!("{code}{grid}"));
            }
        }
        street
    }

    fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.desk.post_as(token, path, body)
    }

    fn write(&self, entries: Vec<Value>) -> Vec<String> {
        let answer = self.post(&self.worker, "/v1/entries", &entries.into());
        let verdicts = items(&answer.json()["verdicts"]).clone();
        let id = |verdict: &Value| verdict["record"].as_str().map(str::to_owned);
        let ids: Option<Vec<String>> = verdicts.iter().map(id).collect();
        ids.unwrap_or_else(|| panic!("{verdicts:?}"))
    }

    /// Six homes in a grid, three on each road, with a visit and a ticket each.
    fn settle(&self, grid: &str) {
        let put = |field: &str, value: Value| json!({ "op": "put", "field": field, "value": value });
        let make = |kind: &str, intents: Value| json!({ "create": { "type": kind, "area": grid }, "intents": intents });
        let address = |i: usize| json!({ "road": ROADS[i % 2], "number": format!("{i}号"), "room": "201" });
        let dwelling = |i| make("dwelling", json!([put("address", address(i))]));
        let dwellings = self.write((0..6).map(dwelling).collect());
        let household = |id: &String| make("household", json!([put("dwelling_id", json!(id))]));
        let households = self.write(dwellings.iter().map(household).collect());
        let visit =
            |id: &String| make("visit", json!([put("household", json!(id)), put("result", json!("met"))]));
        self.write(households.iter().map(visit).collect());
        let ticket = |id: &String| {
            let report = json!({ "op": "event", "field": "events", "verb": "report", "args": {} });
            make(
                "ticket",
                json!([
                    put("kind", json!("dispute")),
                    put("title", json!("邻里")),
                    put("dwelling_id", json!(id)),
                    put("category", json!("neighbour_dispute")),
                    report,
                ]),
            )
        };
        self.write(dwellings.iter().map(ticket).collect());
    }

    /// Every row of a type, page after page: id to area.
    fn pull(&self, token: &str, of: &str) -> BTreeMap<String, String> {
        let (mut rows, mut since) = (BTreeMap::new(), String::new());
        loop {
            let page = self.desk.get_as(token, &format!("/v1/ledgers/{of}?limit=7&since={since}"));
            let page = page.json();
            for row in items(&page["rows"]) {
                let text = |key: &str| text(&row[key]).to_owned();
                rows.insert(text("id"), text("area"));
            }
            text(&page["cursor"]).clone_into(&mut since);
            if page["more"] == false {
                return rows;
            }
        }
    }

    fn steps(&self, number: &Value, step: &str, token: &str) -> Answer {
        self.post(token, &format!("/v1/territory/plans/{number}/{step}"), &json!({}))
    }
}

/// K1 and K2 are split: a grid of each goes over whole, and of another the homes on one road.
fn two_split(street: &Street) -> Value {
    let grid = |code: &str, parent: &str| json!({ "code": code, "name": format!("{code}网格"), "kind": "basic_grid", "parent": parent, "norm": 100 });
    let community = |code: &str| json!({ "code": code, "name": format!("{code}社区"), "kind": "community", "parent": "T" });
    let part = |old: &str, new: &str| json!({ "area": old, "into": [{ "area": new, "addresses": [ROADS[0]] }, { "area": old, "rest": true }] });
    json!({
        "name": "六社区一村",
        "consultation": { "note": "居民代表会议通过", "document": "议〔2026〕3号" },
        "effective": planning::day(street.desk.service.now()),
        "new_areas": [community("X1"), community("X2"), grid("X1a", "X1"), grid("X2a", "X2")],
        "moves": [{ "area": "K1b", "parent": "X1" }, { "area": "K2b", "parent": "X2" }],
        "splits": [part("K1a", "X1a"), part("K2a", "X2a")],
        "staff": [{ "login": "w2", "role": "grid_worker", "area": "X1a" }],
    })
}

#[test]
fn four_communities_and_a_village_become_six_and_a_village() {
    let street = Street::open();
    let [first, second] = &street.stewards;
    let before = street.pull(&street.supervisor, "household");
    assert_eq!(before.len(), 60);

    let drawn = street.post(first, "/v1/territory/plans", &two_split(&street));
    assert_eq!(drawn.status, 201, "{drawn:?}");
    let number = drawn.json()["plan"].clone();
    let early = street.steps(&number, "approve", second);
    assert_eq!((early.status, early.json()["code"].clone()), (409, json!("plan_not_ready")));

    let simulated = street.steps(&number, "simulate", first).json();
    assert_eq!(simulated["state"], "simulated");
    let found = &simulated["simulation"];
    assert_eq!(found["balanced"], true, "{found}");
    let households = |code: &str, when: &str| found["areas"][code][when]["records"]["household"].clone();
    for (code, old, new) in [("K1a", 6, 3), ("K1b", 6, 6), ("K2a", 6, 3)] {
        assert_eq!((households(code, "before"), households(code, "after")), (json!(old), json!(new)));
    }
    assert_eq!((households("X1a", "after"), households("X2a", "after")), (json!(3), json!(3)));
    let problems: Vec<&Value> = items(&found["problems"]).iter().map(|p| &p["what"]).collect();
    assert_eq!(problems, ["no_worker"; 4], "K1b, K2a, K2b and X2a have nobody of their own");
    let staff: Vec<&Value> = items(&found["staff"]).iter().map(|p| &p["login"]).collect();
    assert_eq!(staff, ["w2"]);

    let alone = street.steps(&number, "approve", first);
    assert_eq!((alone.status, alone.json()["code"].clone()), (403, json!("second_person")));
    let worker = street.steps(&number, "approve", &street.worker);
    assert_eq!((worker.status, worker.json()["code"].clone()), (403, json!("forbidden")));
    assert_eq!(street.steps(&number, "approve", second).status, 200);
    let applied = street.steps(&number, "apply", first);
    assert_eq!((applied.status, applied.json()["state"].clone()), (200, json!("applied")), "{applied:?}");
    let again = street.steps(&number, "apply", first);
    assert_eq!(again.json(), applied.json());

    let report = street.desk.get_as(second, &format!("/v1/territory/plans/{number}/report")).json();
    assert_eq!((&report["balanced"], &report["made_since"]), (&json!(true), &json!({})));
    assert_eq!(
        (&report["before"]["areas"]["community"], &report["after"]["areas"]["community"]),
        (&json!(5), &json!(7))
    );
    assert_eq!(
        (&report["before"]["areas"]["basic_grid"], &report["after"]["areas"]["basic_grid"]),
        (&json!(10), &json!(12))
    );
    for sum in ["records", "open_tickets", "work"] {
        assert_eq!(report["before"][sum], report["after"][sum], "{sum}");
    }
    let sixty = json!({ "dwelling": 60, "household": 60, "ticket": 60, "visit": 60 });
    assert_eq!((&report["after"]["records"], &report["after"]["open_tickets"]), (&sixty, &json!(60)));
    assert_eq!(report["after"]["work"], json!({ "w1": { "visit": 60 } }));

    let after = street.pull(&street.supervisor, "household");
    assert!(after.keys().eq(before.keys()), "the same households, each once");
    let of = |code: &str| after.values().filter(|area| *area == code).count();
    assert_eq!((of("K1a"), of("X1a"), of("K1b"), of("V"), of("Va")), (3, 3, 6, 0, 6));
    let lineage = street.desk.get_as(&street.supervisor, "/v1/territory/lineage").json();
    let pairs: BTreeSet<(String, String)> = items(&lineage["lineage"])
        .iter()
        .map(|row| (row["from"]["code"].to_string(), row["to"]["code"].to_string()))
        .collect();
    assert_eq!(
        pairs,
        BTreeSet::from([("\"K1a\"".into(), "\"X1a\"".into()), ("\"K2a\"".into(), "\"X2a\"".into())])
    );
    street.desk.is_whole();
}

#[test]
fn a_dispatcher_is_told_what_left_when_the_hand_over_is_short() {
    let street = Street::open();
    let dispatcher = street.desk.sign_in("dk", PASSWORD).0;
    let page =
        |since: &str| street.desk.get_as(&dispatcher, &format!("/v1/ledgers/household?since={since}")).json();
    let first = page("");
    assert_eq!((items(&first["rows"]).len(), &first["left"]), (12, &json!([])));
    let mut plan = two_split(&street);
    plan["hand_over_days"] = json!(0);
    let number = street.post(&street.stewards[0], "/v1/territory/plans", &plan).json()["plan"].clone();
    for (step, who) in [("simulate", 0), ("approve", 1), ("apply", 0)] {
        assert_eq!(street.steps(&number, step, &street.stewards[who]).status, 200);
    }
    // Records that went to the other community are named. A grid that went whole sends nothing any more.
    let next = page(text(&first["cursor"]));
    assert_eq!((items(&next["rows"]).len(), items(&next["left"]).len()), (0, 3));
    let last = page(text(&next["cursor"]));
    assert_eq!((&last["rows"], &last["left"]), (&json!([]), &json!([])));
}

/// A change that makes a good plan a bad one.
type Spoil<'a> = &'a dyn Fn(&mut Value);

#[test]
fn what_is_wrong_with_a_plan_is_said_by_name() {
    let street = Street::open();
    let [first, _] = &street.stewards;
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut plan = two_split(&street);
        change(&mut plan);
        let answer = street.post(first, "/v1/territory/plans", &plan).json();
        format!("{}: {}", text(&answer["code"]), answer["detail"].as_str().unwrap_or_default())
    };
    let cases: [(&str, Spoil<'_>); 13] = [
        ("effective", &|plan| plan["effective"] = json!("soon")),
        ("effective", &|plan| plan["effective"] = json!("2001-01-01")),
        ("name", &|plan| plan["name"] = json!(" ")),
        ("hand_over_days", &|plan| plan["hand_over_days"] = json!(1_000)),
        ("new_areas", &|plan| plan["new_areas"][0]["code"] = json!("K1")),
        ("new_areas", &|plan| plan["new_areas"][2]["parent"] = json!("T")),
        ("moves", &|plan| plan["moves"][0]["parent"] = json!("nowhere")),
        ("moves", &|plan| plan["moves"][1]["area"] = json!("K1b")),
        ("moves", &|plan| plan["moves"][0]["parent"] = json!("K1")),
        ("splits", &|plan| plan["splits"][1]["area"] = json!("K1a")),
        ("splits", &|plan| {
            plan["splits"][0]["into"][0]["addresses"] = json!([]);
        }),
        ("merges", &|plan| {
            plan["merges"] = json!([{ "areas": ["K3a", "K3a"], "into": "K3a" }]);
        }),
        ("closures", &|plan| plan["closures"] = json!(["K3"])),
    ];
    for (place, change) in cases {
        let said = refused(change);
        assert!(said.starts_with(&format!("plan_invalid: {place}")), "{place}: {said}");
    }
    assert!(refused(&|plan| plan["unknown"] = json!(1)).starts_with("bad_request"));
    assert_eq!(street.desk.get_as(first, "/v1/territory/plans").json(), json!({ "plans": [] }));
    assert_eq!(street.desk.get_as(first, "/v1/territory/plans/7").status, 404);
    assert_eq!(street.post(first, "/v1/territory/plans/7/explode", &json!({})).status, 404);
    // A rule that leaves homes out cannot be approved.
    let mut open = two_split(&street);
    open["splits"][0]["into"] =
        json!([{ "area": "X1a", "addresses": [ROADS[0]] }, { "area": "K1b", "addresses": ["槐树巷"] }]);
    let number = street.post(first, "/v1/territory/plans", &open).json()["plan"].clone();
    let found = street.steps(&number, "simulate", first).json();
    let no_rule = items(&found["simulation"]["problems"]).iter().find(|p| p["what"] == "no_rule").cloned();
    assert_eq!(no_rule.map(|p| (p["area"].clone(), p["count"].clone())), Some((json!("K1a"), json!(3))));
    assert_eq!(street.steps(&number, "approve", &street.stewards[1]).json()["code"], "plan_not_ready");
}
