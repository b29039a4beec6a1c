//! Everyday requests cost the same, whatever the store's size: on SQLite by the plans of the statements
//! themselves, on Postgres by the pages they touch.

use gridledger_bench::size::calls;
use gridledger_bench::size::make;
use std::collections::{BTreeMap, BTreeSet};

use gridledger_schema::set::SchemaSet;
use gridledger_server::config::{Settings, StoreAddress};
use gridledger_server::operate::{cli, tools};
use gridledger_server::store::sql::explaining::Step;
use gridledger_server::store::tables::bulk::Size;
use gridledger_server::store::tables::hot::Told;
use gridledger_tests::cluster::Cluster;
use gridledger_tests::engines::postgres_address;
use gridledger_tests::random_records::fill;
use gridledger_tests::simulation::rng::Rng;
use gridledger_tests::tool::Tool;
use gridledger_tests::world::World;
use serde_json::json;

/// Tables that grow with the records, with the work, or with what is read.
const LARGE: &[&str] = &[
    "bases",
    "departures",
    "displaced",
    "documents",
    "entries",
    "events",
    "evidence",
    "handlers",
    "ledger",
    "log",
    "read_log",
    "read_records",
    "records",
    "seen_alone",
    "sent",
    "signatures",
    "stays",
];

const SMALL: Size = Size { areas: 16, records: 960, entries: 3_440 };
/// As many records a grid, and four times the grids.
const LARGER: Size = Size { areas: 64, records: 3_840, entries: 13_760 };

/// A store with so much in it.
fn filled(address: &str, size: Size) -> StoreAddress {
    let mut settings = Settings::default();
    settings.take("store", address, "test").expect("an address");
    make(&settings.store, &SchemaSet::builtin(), size).expect("a filled store");
    settings.store
}

fn in_file(dir: &tempfile::TempDir) -> StoreAddress {
    filled(&format!("sqlite:{}", dir.path().join("server.db").display()), SMALL)
}

/// Postgres reads a whole table only where there is no other way: in a store this small that would be cheapest.
fn in_database(size: Size) -> StoreAddress {
    let url = Cluster::shared().database();
    filled(&format!("{url}?options=-c%20enable_seqscan%3Doff"), size)
}

fn told(address: &StoreAddress, size: Size) -> Vec<Told> {
    calls(address, &SchemaSet::builtin(), size).expect("the calls")
}

/// The large tables that a plan of SQLite reads from end to end, or at least once for every area.
fn scanned(step: &Step) -> BTreeSet<String> {
    let found = step.plan.lines().filter_map(|line| {
        let searched = line.strip_prefix("SEARCH ");
        let searched = searched.filter(|line| line.contains("AUTOMATIC") || line.contains("ANY("));
        let name = line.strip_prefix("SCAN ").or(searched)?;
        let name = name.split_whitespace().next()?;
        let is_query = |made: &str| step.plan.lines().any(|line| line == format!("{made} {name}"));
        let is_query = is_query("CO-ROUTINE") || is_query("MATERIALIZE");
        (!is_query).then(|| tables(&step.sql).get(name).cloned().unwrap_or(name.to_owned()))
    });
    found.filter(|table| LARGE.contains(&table.as_str())).collect()
}

/// The names that a statement gives its tables.
fn tables(sql: &str) -> BTreeMap<String, String> {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let named = words.windows(3).filter(|three| matches!(three[0], "FROM" | "JOIN"));
    named.map(|three| (three[2].to_owned(), three[1].to_owned())).collect()
}

fn pages(told: &[Told]) -> BTreeMap<&'static str, u64> {
    let of = |steps: &[Step]| steps.iter().map(|step| step.buffers).sum();
    told.iter().map(|(name, _, steps)| (*name, of(steps))).collect()
}

/// The calls that touch half as many pages again, and more than a few, in the larger store.
fn grown(small: &[Told], larger: &[Told]) -> BTreeSet<&'static str> {
    let (small, larger) = (pages(small), pages(larger));
    let grows = |name: &&str| larger[name] > small[name] * 3 / 2 + 10;
    small.keys().copied().filter(grows).collect()
}

#[test]
fn no_call_of_every_day_reads_a_large_table_from_end_to_end() {
    let dir = tempfile::tempdir().expect("a folder");
    let told = told(&in_file(&dir), SMALL);
    let rows: Vec<_> = told.iter().map(|(name, rows, _)| (*name, *rows)).collect();
    assert_eq!(
        rows,
        [
            ("pull, nothing new", 0),
            ("pull of a day", 60),
            ("first sync", 60),
            ("ledger page", 40),
            ("a record by its short name", 1),
            ("push of a day", 60),
        ]
    );
    let mut statements = BTreeSet::new();
    for (name, _, steps) in &told {
        for step in steps {
            let scanned = scanned(step);
            assert!(scanned.is_empty(), "{name}: {scanned:?}\n{}\n{}", step.sql, step.plan);
            statements.insert(&step.sql);
        }
    }
    assert!(statements.len() >= 18, "{}", statements.len());
}

#[test]
fn no_call_of_every_day_touches_more_pages_of_a_larger_store() {
    let (small, larger) = (told(&in_database(SMALL), SMALL), told(&in_database(LARGER), LARGER));
    assert!(pages(&small)["push of a day"] > 500, "{:?}", pages(&small));
    assert_eq!(grown(&small, &larger), BTreeSet::new(), "{:?}\n{:?}", pages(&small), pages(&larger));
}

#[test]
fn an_index_that_is_missing_is_seen() {
    let dir = tempfile::tempdir().expect("a folder");
    let drop = "DROP INDEX log_record";
    let StoreAddress::Sqlite(path) = in_file(&dir) else { panic!("a file was asked for") };
    let file = rusqlite::Connection::open(&path).expect("the file");
    file.execute_batch(drop).expect("no index");
    let steps = told(&StoreAddress::Sqlite(path), SMALL);
    let scanned: BTreeSet<String> = steps.iter().flat_map(|(_, _, steps)| steps).flat_map(scanned).collect();
    assert_eq!(scanned, BTreeSet::from(["log".to_owned()]));

    let [small, larger] = [SMALL, LARGER].map(|size| {
        let address = in_database(size);
        let StoreAddress::Postgres(url) = &address else { panic!("a database was asked for") };
        let mut database = postgres::Client::connect(url.reveal(), postgres::NoTls).expect("the database");
        database.batch_execute(drop).expect("no index");
        told(&address, size)
    });
    assert!(grown(&small, &larger).contains("pull of a day"));
}

/// A piece of SQL out of a page of the documentation.
fn documented(page: &str, mark: &str) -> String {
    let begin = page.find(&format!("```sql {mark}\n")).expect("the piece");
    let rest = &page[begin..];
    let body = &rest[rest.find('\n').expect("its first line") + 1..];
    body[..body.find("```").expect("its end")].to_owned()
}

#[test]
fn a_store_whose_tables_are_split_keeps_its_promises() {
    let address = postgres_address();
    let StoreAddress::Postgres(url) = &address else { panic!("a database was asked for") };
    cli::open_store(&address, &SchemaSet::builtin(), 1).expect("the tables").close();
    let split = documented(include_str!("../../../docs/operations.md"), "split");
    let mut database = postgres::Client::connect(url.reveal(), postgres::NoTls).expect("the database");
    database.batch_execute(&split).expect("split tables");
    let indexes =
        "SELECT count(*) FROM pg_indexes WHERE indexname IN ('log_record', 'records_type', 'records_pkey')";
    assert_eq!(database.query_one(indexes, &[]).expect("a count").get::<_, i64>(0), 3);

    let world = World::at(2, SchemaSet::builtin(), address.clone());
    tools::renew(&world.service.store, &world.service.schema).expect("views");
    fill(&world, &mut Rng::new(5), 2);
    let address = json!([{ "op": "put", "field": "address", "value": { "road": "滨河路" } }]);
    let home = world.clerk("grid_worker").made("dwelling", "G1", address);
    let mut phone = world.enrolled_phone("grid_worker");
    phone.puts(home, "use", "rented");
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused, report.healed), (1, 0, 0), "{report:?}");
    let rented = "SELECT count(*) AS n FROM ledger_dwelling WHERE use = 'rented'";
    assert!(Tool::of(&world).value(rented).as_i64() >= Some(1));
    world.is_whole();
}
