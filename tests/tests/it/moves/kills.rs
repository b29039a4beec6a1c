//! A server that is killed in the middle of a big split goes on from there: every record is in one area, once.

use std::net::SocketAddr;
use std::path::Path;

use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use gridledger_server::auth::passwords;
use gridledger_server::ingest;
use gridledger_server::operate::verify::verify;
use gridledger_server::service::Service;
use gridledger_server::store::Store;
use gridledger_server::store::rows::people::NewUser;
use gridledger_tests::desk::{Answer, Door, PASSWORD};
use gridledger_tests::files::copy as copy_file;
use gridledger_tests::kept::Kept;
use gridledger_tests::planning::{Home, STEWARDS, approved, grid, stewards};
use gridledger_tests::world::World;
use serde_json::{Value, json};

use crate::kills::Node;

/// Homes of six records: more than two batches go to the new grid.
const HOMES: usize = 120;

/// A grid with many homes, and a plan that is ready to be applied.
fn ready() -> (World, u32) {
    let mut world = World::in_file(1);
    stewards(&world);
    world.user("w1", "grid_worker", "G1");
    let mut phone = world.enrolled_phone("w1");
    for number in 0..HOMES {
        let road = if number % 8 == 0 { "人民路" } else { "滨河路" };
        Home::on(&mut phone, "G1", road, &format!("{number}号"));
    }
    phone.syncs(&world);
    let split = json!({
        "new_areas": [grid("N1"), grid("N2")],
        "splits": [{ "area": "G1", "into": [{ "area": "N1", "addresses": ["滨河路"] }, { "area": "N2", "rest": true }] }],
    });
    // The servers that carry it out have the clock of the machine.
    world.pass_until_today();
    let number = approved(&world, &split);
    let steward = NewUser {
        login: STEWARDS[0].into(),
        name: "数据".into(),
        password: Some(passwords::make(PASSWORD).expect("the password is long enough")),
        grants: vec![Grant { role: "data_steward".into(), area: world.area("D"), from: 0, to: None }],
    };
    world.store().put_users(&[steward], world.service.now());
    // The nodes that go on with this store have the machine's clock.
    let now = gridledger_server::service::clock::now();
    world.store().confirm_clock(now);
    world.restart();
    world.service.store.close();
    (world, number)
}

fn post(node: &Node, token: &str, path: &str, body: &Value) -> Answer {
    let addr: SocketAddr = node.address.trim_start_matches("http://").parse().expect("the node's address");
    Door(addr).post_as(token, path, body)
}

fn apply(node: &Node, number: u32) -> Answer {
    let login = json!({ "login": STEWARDS[0], "password": PASSWORD });
    let signed = post(node, "", "/v1/login", &login);
    if signed.status != 200 {
        return signed;
    }
    let (token, _) = signed.tokens();
    post(node, &token, &format!("/v1/territory/plans/{number}/apply"), &json!({}))
}

/// Applies, dies, applies again; then everything is where it belongs.
fn survives(file: &Path, number: u32, point: &str) {
    let node = Node::start(file, Some(point));
    let broken = apply(&node, number);
    let died = node.end();
    assert!(died && broken.status == 0, "{point} was not reached: {broken:?}");
    let node = Node::start(file, None);
    let applied = apply(&node, number);
    assert_eq!((applied.status, &applied.json()["state"]), (200, &json!("applied")), "{point}");
    assert!(!node.end(), "{point}");
    let schema = SchemaSet::builtin();
    let store = Store::open_sqlite(file, ingest::decider(schema.clone())).expect("the store opens");
    let service = Service::new(std::sync::Arc::new(store), schema).expect("a service");
    let report = verify(&service).expect("the store can be read");
    assert_eq!(report.differences, 0, "{point}: {report:?}");
    let count = |code: &str| {
        let store = Kept::of(&service.store);
        store.records_of(store.area(code)).len()
    };
    let few = HOMES.div_ceil(8) * 6;
    assert_eq!((count("G1"), count("N1"), count("N2")), (0, HOMES * 6 - few, few), "{point}");
    let plan = applied.json();
    let totals = |when: &str| plan[when]["sums"].clone();
    assert_eq!((totals("after"), &plan["after"]["made"]), (totals("before"), &json!({})), "{point}");
    service.store.close();
}

#[test]
fn a_split_that_is_killed_anywhere_goes_on_from_there() {
    let (world, number) = ready();
    let points = [
        "plan.after_begin:1",
        "plan.after_batch:1",
        "plan.after_batch:2",
        "plan.after_batch:3",
        "plan.before_finish:1",
        "server.before_commit:2",
        "server.after_commit:3",
        "server.before_commit:4",
        "server.before_commit:6",
        "server.after_commit:5",
    ];
    std::thread::scope(|scope| {
        for part in points.chunks(points.len().div_ceil(3)) {
            let (file, world) = (world.server_file(), &world);
            scope.spawn(move || {
                for point in part {
                    let copy = world.server_file().with_file_name(format!("{}.db", point.replace(':', "-")));
                    copy_file(&file, &copy);
                    survives(&copy, number, point);
                }
            });
        }
    });
}
