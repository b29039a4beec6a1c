//! Ledgers for tools: the views a program of the office reads in the database itself, on every engine.

use gridledger_core::calendar::DAY_MS;
use std::collections::BTreeMap;
use std::sync::Arc;

use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use gridledger_server::config::StoreAddress;
use gridledger_server::epochs::{self, Reason, Wanted};
use gridledger_server::operate::tools;
use gridledger_server::operate::tools::export::to_file;
use gridledger_server::service::Service;
use gridledger_server::store::StoreError;
use gridledger_server::store::rows::tools::Shown;
use gridledger_tests::engines::postgres_address;
use gridledger_tests::json::text;
use gridledger_tests::office::{Clerk, editing, put};
use gridledger_tests::random_records::fill;
use gridledger_tests::simulation::rng::Rng;
use gridledger_tests::tool::{Cells, Tool};
use gridledger_tests::world::{MORNING, World};
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
    tools::renew(&world.service.store, &world.service.schema).expect("views")
}

/// Days since 1970, as a calendar counts them.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// A time as a view shows it, in ms since 1970.
fn ms(shown: &Value) -> Value {
    let Some(text) = shown.as_str() else {
        return Value::Null;
    };
    let (day, clock) = text.split_once('T').expect("day and time");
    let day: Vec<i64> = day.split('-').map(|part| part.parse().expect("a number")).collect();
    let day = days(day[0], day[1], day[2]);
    let clock = clock.trim_end_matches('Z').trim_end_matches("+00:00");
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().expect("a number")).collect();
    let of_day = ((parts[0] * 60.0 + parts[1]) * 60.0 + parts[2]) * 1000.0;
    (day * DAY_MS + of_day.round() as i64).into()
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

/// The kinds of the columns of a type.
fn kinds(tool: &mut Tool, record_type: &str) -> BTreeMap<String, String> {
    let rows = tool.rows(&format!("SELECT name, kind FROM ledgers_columns WHERE type = '{record_type}'"));
    let text = |value: &Value| text(value).to_owned();
    rows.iter().map(|row| (text(&row["name"]), text(&row["kind"]))).collect()
}

/// The columns that only tools are shown.
const TOOLS_ONLY: &[&str] =
    &["changed_position", "accepted_at", "due_at", "fed_back_at", "closed_at", "rating"];

#[test]
fn every_cell_is_that_of_the_ledger_people_pull() {
    for world in worlds() {
        let mut rng = Rng::new(7);
        let stored = fill(&world, &mut rng, 4);
        assert!(stored > 150, "{stored} entries make a world");
        let (mut tool, clerk) = (Tool::of(&world), world.clerk("dc"));
        let (mut cells, mut disputed) = (0, 0);
        for record_type in world.service.schema.types.values() {
            let of = &record_type.name;
            let kinds = kinds(&mut tool, of);
            let (pulled, _) = clerk.pull(of, &[], "", 1000);
            let rows = tool.rows(&format!("SELECT * FROM ledger_{of}"));
            assert_eq!(rows.len(), pulled.len(), "{of}");
            for row in rows {
                let mut row = as_pulled(row, &kinds);
                row.retain(|name, _| !TOOLS_ONLY.contains(&name.as_str()));
                let mut wanted: Cells =
                    serde_json::from_value(pulled[text(&row["id"])].clone()).expect("a row");
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
        assert!(cells > 400 && disputed > 2, "{cells} cells, {disputed} rows disputed");
    }
}

#[test]
fn the_readers_role_reads_the_views_and_nothing_else() {
    let [file, database] = worlds();
    let dwelling = json!([{"op": "put", "field": "address", "value": {"road": "滨河路"}}]);
    for world in [&file, &database] {
        world.clerk("w1").made("dwelling", "G1", dwelling.clone());
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
        let name = text(&table["tablename"]);
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
        let w1 = world.clerk("w1");
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

/// A record type, and what becomes of its fields.
type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));

/// The built-in schema set with some record types changed.
fn changed_schema(changes: &[Change<'_>]) -> Arc<SchemaSet> {
    let files: BTreeMap<String, Value> =
        serde_json::from_str(SchemaSet::builtin().bundle()).expect("a bundle");
    let overlay = changes.iter().map(|(record_type, change)| {
        let path = format!("records/{record_type}.json");
        let mut file = files[&path].clone();
        change(&mut file["properties"]);
        (path, file.to_string())
    });
    Arc::new(SchemaSet::from_files(&overlay.collect::<Vec<_>>()).expect("a valid set"))
}

/// Without a ledger's column.
fn without_use(fields: &mut Value) {
    fields["use"].as_object_mut().expect("a field").remove("x-ledger");
}

#[test]
fn another_schema_set_replaces_the_views_while_nodes_serve() {
    for world in worlds() {
        let w1 = world.clerk("w1");
        world.user("ds", "data_steward", "C");
        let steward = world.clerk("ds");
        let site = json!([
            { "op": "put", "field": "kind", "value": "service_station" },
            { "op": "put", "field": "name", "value": "桥东驿站" },
        ]);
        let site = steward.made("place", "G1", site);
        w1.made("dwelling", "G1", put("address", json!({ "road": "滨河路" })));
        assert!(!renewed(&world), "made once");
        let schema = changed_schema(&[
            ("place", &|fields| {
                fields["name"]["x-privacy"] =
                    json!({ "class": "personal", "mask": "name", "purpose": "find it" });
            }),
            ("dwelling", &|fields| {
                without_use(fields);
                fields["floors"] = json!({
                    "x-label": { "zh": "层数", "en": "Floors" }, "type": "integer", "minimum": 1, "maximum": 200,
                    "x-merge": "register", "x-write": ["@register"], "x-ledger": true,
                });
            }),
        ]);
        let mut tool = Tool::of(&world);
        assert_eq!(tool.value("SELECT name FROM ledger_place"), json!("桥东驿站"));
        assert_eq!(tool.rows("SELECT use FROM ledger_dwelling").len(), 1);
        let next = Service::new(world.service.store.clone(), schema).expect("a service");
        assert!(tools::renew(&next.store, &next.schema).expect("views"));
        // A value stored before the mask is no longer shown, although nobody has written it anew.
        assert_eq!(tool.value("SELECT name FROM ledger_place"), Value::Null);
        assert!(tool.try_rows("SELECT use FROM ledger_dwelling").is_err());
        assert_eq!(tool.value("SELECT floors FROM ledger_dwelling"), Value::Null);
        assert_eq!(tools::rewrite(&next).expect("rows"), 2);
        assert_eq!(tools::rewrite(&next).expect("rows"), 0);
        assert_eq!(tool.value("SELECT name FROM ledger_place"), json!("桥某某"));
        // The node of before still takes entries.
        steward.writes(site, put("name", json!("桥西驿站")));
    }
}

#[test]
fn a_tool_that_reads_keeps_nobody_from_writing() {
    let world = on_postgres(SchemaSet::builtin());
    assert!(renewed(&world));
    world.user("w1", "grid_worker", "G1");
    let mut tool = Tool::of(&world);
    tool.run("BEGIN; SELECT count(*) FROM ledger_dwelling").expect("a look");
    let schema = changed_schema(&[("dwelling", &without_use)]);
    let refused = tools::renew(&world.service.store, &schema);
    assert!(matches!(refused, Err(StoreError::ToolsRead)), "{refused:?}");
    let w1 = world.clerk("w1");
    w1.made("dwelling", "G1", put("address", json!({ "road": "滨河路" })));
    tool.run("ROLLBACK").expect("the end of the look");
    assert!(tools::renew(&world.service.store, &schema).expect("views"));
    assert_eq!(tool.rows("SELECT * FROM ledger_dwelling").len(), 1);
}

#[test]
fn a_tool_reads_whole_entries_while_people_write() {
    const WRITES: i64 = 60;
    for world in worlds() {
        let w1 = world.clerk("w1");
        let firm = w1.made("enterprise", "G1", put("name", json!("河畔商店")));
        let both = |n: i64| {
            json!([
                { "op": "put", "field": "headcount", "value": n },
                { "op": "put", "field": "guards", "value": n },
            ])
        };
        w1.edit(firm, both(0));
        let mut tool = Tool::of(&world);
        std::thread::scope(|scope| {
            let service = &world.service;
            let writer = scope.spawn(move || {
                let w1 = Clerk::new(service, "w1");
                for n in 1..=WRITES {
                    w1.writes(firm, both(n));
                }
            });
            let (mut reads, mut last) = (0, 0);
            while !writer.is_finished() {
                let row =
                    tool.rows("SELECT headcount, guards, changed_position FROM ledger_enterprise").remove(0);
                assert_eq!(row["headcount"], row["guards"]);
                let position = row["changed_position"].as_i64().expect("a position");
                assert!(position >= last, "{position} after {last}");
                last = position;
                reads += 1;
            }
            writer.join().expect("every edit stored");
            assert!(reads > 0);
        });
        assert_eq!(tool.value("SELECT headcount FROM ledger_enterprise"), json!(WRITES));
    }
}

#[test]
fn a_position_finds_what_changed_by_an_index() {
    for world in worlds() {
        let w1 = world.clerk("w1");
        let mut homes = Vec::new();
        for n in 0..20 {
            homes.push(w1.made(
                "dwelling",
                "G1",
                put("address", json!({ "road": "滨河路", "number": n.to_string() })),
            ));
        }
        let mut tool = Tool::of(&world);
        let position = tool.value("SELECT changed_position FROM ledgers_areas WHERE area = 'G1'");
        assert_eq!(position, 20);
        w1.edit(homes[3], put("use", json!("rented")));
        let changed =
            format!("SELECT id FROM ledger_dwelling WHERE area = 'G1' AND changed_position > {position}");
        assert_eq!(tool.rows(&changed), tool.rows("SELECT id FROM ledger_dwelling WHERE use = 'rented'"));
        let everywhere = "WITH held (area, position) AS (VALUES ('G1', 20), ('G2', 0))
             SELECT l.id FROM held JOIN ledger_dwelling l ON l.area = held.area AND l.changed_position > held.position";
        assert_eq!(tool.rows(everywhere), tool.rows(&changed));
        if engine(&world) == "postgres" {
            // Where nearly nothing is stored, reading all of it is cheapest.
            tool.run("SET enable_seqscan = off").expect("a setting");
        }
        for sql in [&*changed, everywhere] {
            let plan = tool.plan(sql);
            assert!(plan.contains("records_type") || plan.contains("records_last"), "{plan}");
            assert!(!plan.contains("Seq Scan on records") && !plan.contains("SCAN r"), "{plan}");
        }
    }
}

#[test]
fn a_copy_for_tools_holds_what_the_views_show() {
    for world in worlds() {
        fill(&world, &mut Rng::new(11), 1);
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("ledgers.db");
        let rows = to_file(world.address(), &world.service.schema, &file).expect("a copy");
        assert!(rows > 100, "{rows}");
        assert!(to_file(world.address(), &world.service.schema, &file).is_err(), "never over another file");
        let mut copy = Tool::File(rusqlite::Connection::open(&file).expect("the copy"));
        let mut tool = Tool::of(&world);
        for record_type in world.service.schema.types.keys() {
            let all = format!("SELECT * FROM ledger_{record_type} ORDER BY id");
            let kinds = kinds(&mut tool, record_type);
            let read =
                |rows: Vec<Cells>| rows.into_iter().map(|row| as_pulled(row, &kinds)).collect::<Vec<_>>();
            assert_eq!(read(copy.rows(&all)), read(tool.rows(&all)), "{record_type}");
        }
        let tables = copy.rows("SELECT name FROM sqlite_schema WHERE type = 'table'");
        let of_ledgers = |row: &Cells| text(&row["name"]).starts_with("ledger");
        assert!(tables.iter().all(of_ledgers), "{tables:?}");
    }
}

#[test]
fn what_tools_are_shown_is_proven() {
    for world in worlds() {
        fill(&world, &mut Rng::new(3), 1);
        tools::rewrite(&world.service).expect("rows");
        world.is_whole();
        let record = world.service.store.records_after(None, 1).expect("the store lists its records")[0];
        let row = world.row(record);
        let shown = Shown { record, last: row.last, shown: "{}".into() };
        world.service.store.put_shown(vec![shown]).expect("the store takes the row");
        assert_eq!(world.verifies().differences, 1);
    }
}

/// The queries of the documentation that an engine runs.
fn documented(engine: &str) -> Vec<String> {
    let page = include_str!("../../../docs/ledgers-for-tools.md");
    let pieces = page.split("```sql").skip(1).filter_map(|piece| {
        let (mark, rest) = piece.split_once('\n')?;
        let mark = mark.trim();
        (mark.is_empty() || mark == engine).then(|| rest.split("```").next().unwrap_or_default().to_owned())
    });
    pieces.collect()
}

/// The records of a grid's first days: a household that two people wrote at once, a visit, a patrol, a closed ticket.
fn first_days(world: &World) {
    world.user("walker", "grid_worker", "G1");
    world.user("head", "grid_head", "G1");
    let (walker, head) = (world.clerk("walker"), world.clerk("head"));
    let dwelling = walker.made("dwelling", "G1", put("address", json!({ "road": "滨河路" })));
    let household = walker.made("household", "G1", put("dwelling_id", json!(dwelling.to_string())));
    walker.edit(household, put("status", json!("active")));
    let read = Some(walker.last(household));
    for (clerk, label) in [(&walker, "东户"), (&head, "西户")] {
        clerk.submit(vec![editing(household, read, put("label", json!(label)))]);
    }
    let met = [("household", json!(household.to_string())), ("result", json!("met"))];
    let met = met.map(|(field, value)| json!({ "op": "put", "field": field, "value": value }));
    walker.made("visit", "G1", json!(met));
    let patrol = walker.made("patrol", "G1", put("started", json!(MORNING)));
    walker.edit(patrol, put("finished", json!(MORNING + 30 * 60_000)));
    let ticket = walker.reports("G1", "路灯不亮");
    for (clerk, verb, args) in [
        (&head, "accept", json!({})),
        (&head, "assign", json!({ "who": "walker" })),
        (&walker, "start", json!({})),
        (&walker, "feedback", json!({ "note": "已更换", "media": ["m1"] })),
        (&head, "close", json!({})),
    ] {
        clerk.steps(ticket, verb, args);
    }
}

#[test]
fn the_documented_reports_run() {
    for world in worlds() {
        fill(&world, &mut Rng::new(9), 1);
        first_days(&world);
        let queries = documented(engine(&world));
        assert!(queries.len() >= 12, "{}", queries.len());
        let mut tool = Tool::of(&world);
        tool.run("CREATE TEMP TABLE held (area TEXT, position BIGINT); INSERT INTO held VALUES ('G1', 0), ('G2', 2)")
            .expect("a table of the tool's own");
        let empty: Vec<_> = queries.iter().filter(|sql| tool.rows(sql).is_empty()).collect();
        // Nothing has moved, nothing was erased.
        assert!(empty.len() == 1 && empty[0].contains("ledgers_gone"), "these find nothing: {empty:#?}");
    }
}
