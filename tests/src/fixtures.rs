//! Stores as released versions wrote them, kept as text: one story, played once by that version, and loaded into both engines ever
//! after.

use std::fmt::Write as _;
use std::path::Path;

use gridledger_client::Intents;
use gridledger_schema::ids::{RecordId, hex};
use gridledger_server::store::Store;
use gridledger_server::store::shared::steps::STEPS;
use gridledger_server::store::sql::dialect;
use postgres::{Client, NoTls};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::office::{Clerk, put, ticket};
use crate::world::World;

/// The first word of a fixture.
const TITLE: &str = "-- A gridledger store as version ";

/// The description of a fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The version that wrote it.
    pub version: String,
    /// The steps it had taken.
    pub steps: usize,
    /// The hash of these steps: a released one is not changed any more.
    pub hash: String,
}

/// The hash of the first steps.
pub fn hash_of_steps(count: usize) -> String {
    let mut hash = Sha256::new();
    for (name, sql) in &STEPS[..count] {
        hash.update(name);
        hash.update(sql);
    }
    hex(&hash.finalize()[..16])
}

/// Plays the story in a world of two grids: desks and phones, conflicts, a refused edit, a ticket, rights that end.
pub fn story(world: &World) {
    for (login, role, area) in [
        ("w1", "grid_worker", "G1"),
        ("w2", "grid_worker", "G2"),
        ("h1", "grid_head", "G1"),
        ("dc", "dispatcher_community", "C"),
    ] {
        world.user(login, role, area);
    }
    let desk = Clerk::new(&world.service, "w1");
    let road = json!([{"op": "put", "field": "address", "value": {"road": "滨河路", "room": "401"}}]);
    let home = desk.made("dwelling", "G1", road);
    desk.edit(home, put("use", json!("rented")));
    let (mut one, mut two) = (world.phone("w1", 0), world.phone("h1", 60_000));
    for phone in [&mut one, &mut two] {
        phone.sync(world).expect("a first sync");
    }
    let person = Intents::new().put("name", "赵某").add("consents", "phone_contact");
    one.engine().create("person", "G1", person).expect("a person");
    for (phone, area) in [(&mut one, 41.5), (&mut two, 42.5)] {
        let edit = Intents::new().put("floor_area", area);
        phone.engine().edit(home, edit).expect("an edit");
    }
    two.engine().create("ticket", "G1", reported()).expect("a ticket");
    world.pass(3_600_000);
    one.sync(world).expect("a sync");
    two.sync(world).expect("a sync");
    one.sync(world).expect("a sync");
    Clerk::new(&world.service, "w2").made("ticket", "G2", ticket("井盖松动", "lighting"));
    // Refused, and kept as evidence.
    desk.edit(home, put("use", json!("castle")));
    world.take("w1", "grid_worker", "G1");
}

fn reported() -> Intents {
    Intents::new()
        .put("kind", "incident")
        .put("title", "路灯不亮")
        .put("address_text", "滨河路1号")
        .event("report", serde_json::Map::new())
}

/// A SQLite store as a fixture of a version.
pub fn dump(file: &Path, version: &str) -> String {
    let database = Connection::open(file).expect("the store");
    let mut out = format!(
        "{TITLE}{version} wrote it.\n-- steps {}\n-- hash {}\n",
        STEPS.len(),
        hash_of_steps(STEPS.len())
    );
    let tables =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid";
    let mut tables = database.prepare(tables).expect("the tables");
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).expect("the tables");
    for table in tables.flatten() {
        dump_table(&database, &table, &mut out);
    }
    out
}

fn dump_table(database: &Connection, table: &str, out: &mut String) {
    let mut rows = database.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).or_else(|_| {
        // The table has one column.
        database.prepare(&format!("SELECT * FROM {table} ORDER BY 1"))
    });
    let rows = rows.as_mut().expect("a table");
    let columns = rows.column_count();
    let names: Vec<String> = rows.column_names().map(str::to_owned).collect();
    let names = names.join(", ");
    let mut rows = rows.query([]).expect("rows");
    while let Some(row) = rows.next().expect("a row") {
        let values: Vec<String> = (0..columns).map(|at| literal(row.get_ref(at).expect("a value"))).collect();
        let _ = writeln!(out, "INSERT INTO {table} ({names}) VALUES ({});", values.join(", "));
    }
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''")),
        ValueRef::Blob(bytes) => format!("unhex('{}')", hex(bytes)),
    }
}

/// The description of a fixture.
pub fn head(fixture: &str) -> Head {
    let word = |line: usize, before: &str| {
        let line = fixture.lines().nth(line).expect("a head");
        line.strip_prefix(before).expect("a head").to_owned()
    };
    let version = word(0, TITLE);
    let version = version.split(' ').next().expect("a version").to_owned();
    let steps = word(1, "-- steps ").parse().expect("a number");
    let hash = word(2, "-- hash ");
    Head { version, steps, hash }
}

/// The statements of a fixture, but for the store's own settings which every new store makes.
fn statements(fixture: &str) -> Vec<&str> {
    fixture.lines().filter(|line| line.starts_with("INSERT ")).collect()
}

/// The tables that steps filled themselves.
const FILLED: &str = "DELETE FROM territory; DELETE FROM turns;";

/// Loads a fixture as a SQLite file.
pub fn load_sqlite(fixture: &str, file: &Path) {
    let database = Connection::open(file).expect("a file");
    let steps = head(fixture).steps;
    for (_, sql) in &STEPS[..steps] {
        database.execute_batch(sql).expect("a step");
    }
    let mark = format!("PRAGMA application_id = {}; PRAGMA user_version = {steps}", 0x676c_6467);
    database.execute_batch(&mark).expect("the mark of a store");
    database.execute_batch(FILLED).expect("empty tables");
    for statement in statements(fixture) {
        database.execute_batch(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Loads a fixture into an empty Postgres database.
pub fn load_postgres(fixture: &str, url: &str) {
    Store::migrate_postgres(url, &STEPS[..head(fixture).steps]).expect("its steps");
    let mut database = Client::connect(url, NoTls).expect("the database");
    let unhex = "CREATE FUNCTION unhex(text) RETURNS bytea LANGUAGE sql AS $$ SELECT decode($1, 'hex') $$";
    database.batch_execute(unhex).expect("a function");
    database.batch_execute(FILLED).expect("empty tables");
    for statement in statements(fixture) {
        let spelled = dialect::postgres(statement);
        database.batch_execute(&spelled).unwrap_or_else(|error| panic!("{spelled}: {error}"));
    }
    let numbered = "SELECT table_name::text, column_name::text FROM information_schema.columns
                    WHERE is_identity = 'YES' AND table_schema = 'public'";
    for row in database.query(numbered, &[]).expect("columns") {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let next = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max(\"{column}\"), 0) + 1, false) FROM {table}"
        );
        database.batch_execute(&next).expect("the next number");
    }
}

/// The records of the story, by area.
pub fn records(world: &World) -> Vec<(RecordId, u64)> {
    let mut found = Vec::new();
    for area in ["G1", "G2"] {
        let rows = world.service.store.records_of(world.area(area)).expect("records");
        found.extend(rows.into_iter().map(|row| (row.record, row.last)));
    }
    found.sort_unstable();
    found
}
