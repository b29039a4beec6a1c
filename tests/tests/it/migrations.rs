//! Stores of released versions are opened, verified and worked on; a migration that is cut off loses nothing; nodes of the version
//! before go on serving.

use gridledger_schema::set::SchemaSet;
use gridledger_server::config::COMMIT_GROUP;
use gridledger_server::config::{Settings, StoreAddress};
use gridledger_server::ingest;
use gridledger_server::operate::cli;
use gridledger_server::store::Store;
use gridledger_server::store::StoreError;
use gridledger_server::store::shared::steps::STEPS;
use gridledger_tests::cluster::{self, Cluster};
use gridledger_tests::fixtures;
use gridledger_tests::world::World;
use serde_json::json;

use crate::kills::{Node, each};
use crate::nodes::{Farm, made, post};

/// Every fixture, the oldest first.
const FIXTURES: &[&str] = &[include_str!("../../fixtures/store-0.1.sql")];

#[test]
fn a_released_step_is_not_changed() {
    for fixture in FIXTURES {
        let head = fixtures::head(fixture);
        assert_eq!(
            fixtures::hash_of_steps(head.steps),
            head.hash,
            "a step of version {} is another one now: make a new step instead",
            head.version
        );
    }
}

#[test]
fn a_store_of_every_released_version_is_opened_verified_and_worked_on() {
    for fixture in FIXTURES {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("server.db");
        fixtures::load_sqlite(fixture, &file);
        serves(StoreAddress::Sqlite(file));
        let url = Cluster::shared().database();
        fixtures::load_postgres(fixture, &url);
        serves(address(&url));
    }
}

fn address(url: &str) -> StoreAddress {
    let mut settings = Settings::default();
    settings.take("store", url, "test").expect("an address");
    settings.store
}

/// The story's store serves: everything in it is sound, phones and desks go on with it.
fn serves(address: StoreAddress) {
    let world = World::found(address);
    world.is_whole();
    let before = fixtures::records(&world);
    assert_eq!(before.len(), 4, "{before:?}");
    world.user("nw", "grid_head", "G1");
    let mut phone = world.enrolled_phone("nw");
    let home = phone.masked_records(&gridledger_client::Query::of_type("dwelling"));
    assert_eq!(home.len(), 1);
    assert_eq!(home[0].view["use"], "rented", "{home:?}");
    assert_eq!(home[0].conflicts().len(), 1, "two had measured it: {home:?}");
    phone.puts(home[0].id, "floor_area", 43.0);
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused, report.healed), (1, 0, 0), "{report:?}");
    let rows = world.clerk("dc").pull("dwelling", &[], "", 10).0;
    assert_eq!(rows[&home[0].id.to_string()]["floor_area"], json!(43.0));
    assert_eq!(fixtures::records(&world).len(), 4);
    world.is_whole();
}

/// A first start that dies inside a step, and the next one.
fn survives(store: &str, point: &str) {
    let node = Node::serving(store, &[], Some(point));
    assert!(node.end(), "{point} was not reached");
    let node = Node::serving(store, &[], None);
    assert!(!node.end(), "{point}: it does not start any more");
    let store = cli::open_store(&address(store), &SchemaSet::builtin(), COMMIT_GROUP).expect("a store");
    assert!(store.areas().expect("areas").is_empty());
    store.ready().expect("it can be written");
}

#[test]
fn a_migration_that_is_cut_off_goes_on_at_the_next_start() {
    let points = [("server.before_step", 8), ("server.after_step", 8)];
    assert!(STEPS.len() >= 8);
    each(&points, |point| {
        let dir = tempfile::tempdir().expect("a folder");
        survives(&format!("sqlite:{}", dir.path().join("server.db").display()), point);
    });
    each(&[("server.before_step", 3), ("server.after_step", 2)], |point| {
        survives(&Cluster::shared().database(), point);
    });
}

/// Steps of a version that is not there yet.
fn and<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [STEPS, more].concat()
}

#[test]
fn nodes_of_the_version_before_serve_while_a_newer_one_expands() {
    let mut farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    let (token, _) = farm.front().sign_in("w1", crate::nodes::PASSWORD);
    let more = and(&[(
        "9001_more",
        "ALTER TABLE devices ADD COLUMN colour TEXT;
         ALTER TABLE entries ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;
         CREATE TABLE more (one INTEGER PRIMARY KEY, two TEXT NOT NULL) STRICT;",
    )]);
    std::thread::scope(|scope| {
        let migrating = scope.spawn(|| Store::migrate_postgres(&farm.url, &more));
        for at in 0..30 {
            let written = post(farm.front(), &token, "/v1/entries", &made("G1", &format!("{at}")));
            assert_eq!(written.status, 200, "{written:?}");
            assert_eq!(written.json()["verdicts"][0]["stored"], true);
        }
        migrating.join().expect("a thread").expect("it expands");
    });
    farm.take(0).end();
    farm.start(0);
    for node in 0..3 {
        assert_eq!(farm.door(node).ask("GET", "/readyz", "").status, 200, "node {node}");
    }
    assert_eq!(farm.records("G1").len(), 30);
    farm.is_sound();
}

#[test]
fn nodes_that_do_not_know_a_contraction_do_not_start_and_are_not_ready() {
    let farm = Farm::open();
    let less = and(&[
        ("9001_more", "ALTER TABLE devices ADD COLUMN colour TEXT"),
        ("9002_less_contract", "ALTER TABLE users ADD COLUMN motto TEXT"),
    ]);
    Store::migrate_postgres(&farm.url, &less).expect("it contracts");
    for node in 0..3 {
        assert_eq!(farm.door(node).ask("GET", "/readyz", "").status, 503, "node {node}");
    }
    let refused = Store::open_postgres(&farm.url, ingest::decider(SchemaSet::builtin()));
    let Err(StoreError::NotAStore(why)) = refused.map(|_| ()) else {
        panic!("it opened");
    };
    assert!(why.contains("newer version (step 10)") || why.contains("newer version"), "{why}");
    // The newer version takes nothing twice.
    Store::migrate_postgres(&farm.url, &less).expect("it is there");
}

#[test]
fn a_step_gives_way_to_who_works_on_its_table() {
    let farm = Farm::open();
    let more = and(&[("9001_more", "ALTER TABLE devices ADD COLUMN colour TEXT")]);
    let mut database = cluster::client(&farm.url);
    let mut work = database.transaction().expect("a transaction");
    work.batch_execute("LOCK TABLE devices IN ACCESS SHARE MODE").expect("a reader");
    let mut looking = cluster::client(&farm.url);
    std::thread::scope(|scope| {
        let migrating = scope.spawn(|| Store::migrate_postgres(&farm.url, &more));
        let waits = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND NOT granted";
        cluster::until(&mut looking, waits);
        // It gives up its place: who comes later does not wait for who was there before.
        looking.query("SELECT count(*) FROM devices", &[]).expect("a look at the table");
        work.rollback().expect("the work ends");
        migrating.join().expect("a thread").expect("it expands");
    });
}
