//! Ledgers for tools: the views a program of the office reads in the database itself, on every engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use gridledger_core::calendar::date;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use gridledger_server::config::StoreAddress;
use gridledger_server::epochs::{self, Reason, Wanted};
use gridledger_server::tools;
use gridledger_tests::engines::postgres_address;
use gridledger_tests::office::{Clerk, put};
use gridledger_tests::random_records::fill;
use gridledger_tests::simulation::rng::Rng;
use gridledger_tests::tool::{Cells, Tool};
use gridledger_tests::world::World;
use serde_json::{Value, json};

/// A world on each engine, its views made.
fn worlds() -> [World; 2] {
    let worlds = [World::in_file(2), on_postgres(SchemaSet::builtin())];
    for world in &worlds {
        println!("{}", engine(world));
        assert!(renewed(world));
        world.user("dc", "dispatcher_community", "C");
        world.user("w1", "grid_worker", "G1");
    }
    worlds
}

fn on_postgres(schema: Arc<SchemaSet>) -> World {
    World::at(2, schema, postgres_address())
}

fn engine(world: &World) -> &'static str {
    match world.address() {
        StoreAddress::Sqlite(_) => "sqlite",
        StoreAddress::Postgres(_) => "postgres",
    }
}

fn renewed(world: &World) -> bool {
    tools::renew(&*world.service.store, &world.service.schema).expect("views")
}

/// A time as a view shows it, in ms since 1970.
fn ms(shown: &Value) -> Value {
    let Some(text) = shown.as_str() else {
        return Value::Null;
    };
    let (day, clock) = text.split_once('T').expect("day and time");
    let day = (0..).find(|days| {
        let (year, month, of_month) = date(*days);
        format!("{year:04}-{month:02}-{of_month:02}") == day
    });
    let clock = clock.trim_end_matches('Z').trim_end_matches("+00:00");
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().expect("a number")).collect();
    let of_day = ((parts[0] * 60.0 + parts[1]) * 60.0 + parts[2]) * 1000.0;
    (day.expect("a day") * 86_400_000 + of_day.round() as i64).into()
}

/// A row of a view as the ledger that people pull shows it: what has no value is not there.
fn as_pulled(row: Cells, kinds: &BTreeMap<String, String>) -> Cells {
    let read = |(name, value): (String, Value)| {
        let kind = match name.as_str() {
            "created_at" | "changed_at" => "time",
            _ => kinds.get(&name).map_or("text", |kind| kind),
        };
        let value = match (kind, value) {
            (_, Value::Null) => return None,
            ("time", value) => ms(&value),
            ("json", Value::String(text)) => serde_json::from_str(&text).expect("JSON"),
            ("yes_no", Value::Number(number)) => (number.as_i64() == Some(1)).into(),
            ("number", value) => json!(value.as_f64()),
            (_, value) => value,
        };
        Some((name, value))
    };
    row.into_iter().filter_map(read).collect()
}

/// What only tools are shown.
const TOOLS_ONLY: &[&str] = &[
    "changed_position",
    "accepted_at",
    "due_at",
    "fed_back_at",
    "closed_at",
    "rating",
];

#[test]
fn every_cell_is_that_of_the_ledger_people_pull() {
    for world in worlds() {
        let mut rng = Rng::new(7);
        let stored = fill(&world, &mut rng, 8);
        assert!(stored > 300, "{stored} entries make a world");
        let (mut tool, clerk) = (Tool::of(&world), Clerk::new(&world.service, "dc"));
        let (mut cells, mut disputed) = (0, 0);
        for record_type in world.service.schema.types.values() {
            let of = &record_type.name;
            let kinds: BTreeMap<String, String> = tool
                .rows(&format!("SELECT name, kind FROM ledgers_columns WHERE type = '{of}'"))
                .into_iter()
                .map(|row| (row["name"].as_str().unwrap().to_owned(), row["kind"].as_str().unwrap().to_owned()))
                .collect();
            let (pulled, _) = clerk.pull(of, &[], "", 1000);
            let rows = tool.rows(&format!("SELECT * FROM ledger_{of}"));
            assert_eq!(rows.len(), pulled.len(), "{of}");
            for row in rows {
                let mut row = as_pulled(row, &kinds);
                row.retain(|name, _| !TOOLS_ONLY.contains(&name.as_str()));
                let mut wanted: Cells = serde_json::from_value(pulled[row["id"].as_str().unwrap()].clone()).unwrap();
                for (name, value) in &mut wanted {
                    if kinds.get(name).is_some_and(|kind| kind == "number") {
                        *value = json!(value.as_f64());
                    }
                }
                assert_eq!(row, wanted, "{of}");
                cells += row.len();
                disputed += usize::from(row.contains_key("conflicts"));
            }
        }
        assert!(cells > 1000 && disputed > 5, "{cells} cells, {disputed} rows disputed");
    }
}

#[test]
fn the_readers_role_reads_the_views_and_nothing_else() {
    let [file, database] = worlds();
    let dwelling = json!([{"op": "put", "field": "address", "value": {"road": "滨河路"}}]);
    for world in [&file, &database] {
        Clerk::new(&world.service, "w1").made("dwelling", "G1", dwelling.clone());
        let mut tool = Tool::of(world);
        assert_eq!(tool.rows("SELECT id FROM ledger_dwelling").len(), 1);
        for write in [
            "UPDATE records SET area = 2",
            "DELETE FROM ledger",
            "CREATE TABLE mine (a INTEGER)",
            "DROP VIEW ledger_dwelling",
        ] {
            assert!(tool.run(write).is_err(), "{write}");
        }
    }
    let mut tool = Tool::of(&database);
    let tables = tool.rows(
        "SELECT tablename, has_table_privilege(quote_ident(tablename), 'SELECT') AS reads FROM pg_tables
         WHERE schemaname = 'public'",
    );
    assert!(tables.len() > 25, "{}", tables.len());
    for table in tables {
        let name = table["tablename"].as_str().unwrap();
        assert_eq!(table["reads"], false, "{name}");
        let refused = tool.try_rows(&format!("SELECT 1 FROM {name}")).unwrap_err();
        assert!(!refused.is_empty(), "{name}");
    }
}

fn erase(world: &World, record: RecordId, fields: &[&str]) {
    let wanted = Wanted {
        record,
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
        reason: Reason::Request,
        by: "po".into(),
        asked_at: world.service.now(),
    };
    epochs::erase(&world.service, &wanted).expect("an erasure");
}

#[test]
fn what_is_erased_or_moved_is_gone_and_said() {
    for world in worlds() {
        let w1 = Clerk::new(&world.service, "w1");
        let person = w1.made("person", "G1", put("name", json!("陆小明")));
        let other = w1.made("person", "G1", put("name", json!("李四")));
        let mut tool = Tool::of(&world);
        assert_eq!(tool.rows("SELECT * FROM ledger_person").len(), 2);
        world.user("po", "privacy_officer", "D");
        erase(&world, person, &[]);
        let rows = tool.rows("SELECT * FROM ledger_person");
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0]["id"], json!(other));
        let gone = tool.rows("SELECT id, type, area, why FROM ledgers_gone");
        let wanted = json!([{ "id": person, "type": "person", "area": "G1", "why": "erased" }]);
        assert_eq!(json!(gone), wanted);
    }
}
