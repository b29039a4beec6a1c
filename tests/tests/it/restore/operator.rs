//! The drill of `docs/operations.md` on Postgres: its own tools put the database back, one command begins the generation.

use std::process::ExitCode;

use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::Code;
use gridledger_schema::set::SchemaSet;
use gridledger_server::config::Settings;
use gridledger_server::ingest;
use gridledger_server::operate::cli;
use gridledger_server::store::Store;
use gridledger_server::store::rows::restores::NewGeneration;
use gridledger_tests::cluster::Cluster;
use gridledger_tests::world::{SyncFailure, World};

fn run(words: &[&str]) -> ExitCode {
    let words = std::iter::once(&"gridledger").chain(words);
    cli::run(words.map(|word| (*word).into()))
}

#[test]
fn a_database_that_its_own_tools_put_back_becomes_another_generation() {
    let cluster = Cluster::shared();
    let (url, dir) = (cluster.database(), tempfile::tempdir().expect("a folder"));
    let open = |url: &str| Store::open_postgres(url, ingest::decider(SchemaSet::builtin())).expect("a store");
    let add = ["--kind", "district", "--name", "区", "--store", &url];
    assert_eq!(run(&[&["admin", "area", "add", "D"], &add[..]].concat()), ExitCode::SUCCESS);
    let dump = dir.path().join("a.dump");
    cluster.dump(&url, &dump);
    let before = open(&url);
    let former = before.identity().expect("its generation").epoch;
    before.close();

    let put_back = cluster.undump(&dump);
    let store = ["--store", &put_back];
    assert_eq!(run(&[&["admin", "recovery"], &store[..]].concat()), ExitCode::FAILURE);
    assert_eq!(run(&[&["admin", "restore", "--in-place"], &store[..]].concat()), ExitCode::SUCCESS);
    assert_eq!(run(&[&["admin", "verify"], &store[..]].concat()), ExitCode::SUCCESS);
    let after = open(&put_back);
    let restore = after.restored().expect("the store").expect("it was restored");
    assert_eq!((restore.former, restore.epoch), (former, after.identity().expect("its generation").epoch));
    assert_ne!(restore.former, restore.epoch);
    // Nothing had a device yet: there is nobody to wait for, and the logs go on far above.
    assert_eq!(after.awaited().expect("the store").to_offer, []);
    assert!(restore.first > 1 << 40);
    assert_eq!(after.areas().expect("areas").len(), 1);
    after.close();
    // A file is no backup of a database, and the other way round.
    let file = dump.display().to_string();
    assert_eq!(run(&[&["admin", "restore", &file], &store[..]].concat()), ExitCode::FAILURE);
}

/// Nobody has to stop the nodes of a database before its tools put it back: one that goes on notices.
#[test]
fn a_node_that_served_while_the_database_was_restored_stops() {
    let mut settings = Settings::default();
    let url = Cluster::shared().database();
    settings.take("store", &url, "test").expect("an address");
    let mut world = World::at(1, SchemaSet::builtin(), settings.store);
    world.user("w1", "grid_worker", "G1");
    let mut phone = world.enrolled_phone("w1");
    let beside = Store::open_postgres(&url, ingest::decider(SchemaSet::builtin())).expect("a store");
    let (at, day) = (world.service.now(), DAY_MS);
    let new = NewGeneration { at, until: at + day, active_ms: day };
    beside.begin_generation(new).expect("a new generation");
    beside.close();
    world.pass(2_000);
    let refused = phone.sync(&world).expect_err("its node is of the former generation");
    assert!(matches!(refused, SyncFailure::Server(error) if error.code() == Code::ServerBehind));
    let advice = world.service.set_back_advice().expect("the store");
    assert!(advice.expect("it says so").ends_with("start this node again"));
    world.restart();
    phone.syncs(&world); // it moves on
    phone.syncs(&world);
}
