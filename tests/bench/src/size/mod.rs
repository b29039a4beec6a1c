//! Measures the daily calls as a store grows: pages and milliseconds of each, and ledgers pulled whole and by changes.

mod edits;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::{AreaCursor, Grant};

use crate::BenchError;
use edits::{DAY, TYPES, day, patterns};
use gridledger_server::config::{Settings, StoreAddress};
use gridledger_server::desk::ledger;
use gridledger_server::desk::ledger::cursor::Cursor;
use gridledger_server::desk::ledger::question::Question;
use gridledger_server::ingest;
use gridledger_server::operate::{cli, tools};
use gridledger_server::rights::reader::Reader;
use gridledger_server::service::Service;
use gridledger_server::store::rows::people::{NewArea, NewUser};
use gridledger_server::store::rows::records::LedgerQuery;
use gridledger_server::store::sql::{Connection, Spelling};
use gridledger_server::store::tables::bulk::{self, Size};
use gridledger_server::store::tables::hot::{self, Hot, Told};
use gridledger_server::store::{StoreError, postgres, sqlite};

/// Measure what a store's size costs
#[derive(Clone, Debug, clap::Args)]
pub struct BenchSize {
    /// An empty store, or one that this command made: sqlite:PATH or postgres://…
    #[arg(long)]
    store: String,
    /// Grids
    #[arg(long, default_value_t = 3_000)]
    areas: u64,
    /// Records; a multiple of the grids. A third of them are households
    #[arg(long, default_value_t = 840_000)]
    records: u64,
    /// Entries
    #[arg(long, default_value_t = 2_520_000)]
    entries: u64,
    /// Print the plans, too
    #[arg(long)]
    plans: bool,
}

/// Bytes of one answer to a phone.
const ANSWER_BYTES: usize = 1 << 20;

/// Fills the store if it is empty, and measures.
pub fn run(args: &BenchSize) -> Result<(), BenchError> {
    let size = Size { areas: args.areas, records: args.records, entries: args.entries };
    if size.areas == 0 || !size.records.is_multiple_of(size.areas) || size.entries < size.records {
        return Err("records are a multiple of the grids, and have an entry each".into());
    }
    let mut settings = Settings::default();
    settings.take("store", &args.store, "--store")?;
    let schema = SchemaSet::builtin();
    make(&settings.store, &schema, size)?;
    gridledger_server::put_line!("{} grids, {} records, {} entries", size.areas, size.records, size.entries);
    print(&calls(&settings.store, &schema, size)?, args.plans);
    ledgers(&settings.store, &schema, size)?;
    views(&settings.store, size)
}

fn open(address: &StoreAddress, schema: &Arc<SchemaSet>) -> Result<Service, BenchError> {
    let store = cli::open_store(address, schema, Settings::default().commit_group)?;
    let service = Service::new(store, schema.clone())?;
    // It may have been filled long ago; nothing in it is anybody's.
    service.confirm_clock()?;
    Ok(service)
}

/// Fills the store, unless that was done.
pub fn make(address: &StoreAddress, schema: &Arc<SchemaSet>, size: Size) -> Result<(), BenchError> {
    let begin = Instant::now();
    let service = open(address, schema)?;
    if service.tree().by_code("bench").is_some() {
        service.store.close();
        return Ok(());
    }
    tools::renew(&service.store, schema)?;
    let (above, own) = settle(&service)?;
    let user = service.store.user_by_login("w1")?.ok_or("the user is missing")?;
    let patterns = patterns(&service, &user, own, size.entries.div_ceil(size.records))?;
    service.store.close();
    drop(service);
    let fill = |c: &Connection<'_>| bulk::fill(c, size, &patterns, (user.no.0, above));
    match address {
        StoreAddress::Sqlite(path) => sqlite::alone(path, true, fill)?,
        StoreAddress::Postgres(url) => {
            postgres::alone(url.reveal(), true, fill)?;
            postgres::vacuum(url.reveal(), bulk::FILLED)?;
        }
    }
    gridledger_server::put_line!("made in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

/// The area all grids lie in, and one for the records that are repeated; a worker and a dispatcher of all of it.
fn settle(service: &Service) -> Result<(AreaNo, AreaNo), BenchError> {
    let area = |code: &str, parent: Option<&str>, kind: &str| NewArea {
        code: code.to_owned(),
        parent: parent.map(str::to_owned),
        kind: kind.to_owned(),
        name: code.to_owned(),
        from: None,
        to: None,
    };
    let areas = [area("bench", None, "community"), area("own", Some("bench"), "basic_grid")];
    service.store.put_areas(&areas)?;
    service.reload_tree()?;
    let tree = service.tree();
    let no = |code| tree.by_code(code).map(|area| area.no).ok_or("an area is missing");
    let (above, own) = (no("bench")?, no("own")?);
    let user = |login: &str, role: &str| NewUser {
        login: login.to_owned(),
        name: login.to_owned(),
        password: None,
        grants: vec![Grant { role: role.to_owned(), area: above, from: 0, to: None }],
    };
    let users = [user("w1", "grid_worker"), user("d1", "dispatcher_community")];
    service.store.put_users(&users, 0)?;
    Ok((above, own))
}

/// Makes each call of every day twice, and tells of the second time. Nothing of it is kept.
pub fn calls(address: &StoreAddress, schema: &Arc<SchemaSet>, size: Size) -> Result<Vec<Told>, BenchError> {
    let service = open(address, schema)?;
    let user = service.store.user_by_login("w1")?.ok_or("the user is missing")?;
    let head = service.store.head(bulk::first_area())?.seq;
    service.store.close();
    drop(service);
    let decide = ingest::decider(schema.clone());
    let cursor = |reached: u64| AreaCursor { area: bulk::first_area(), floor: reached, reached };
    let measure = |c: &Connection<'_>| {
        let hot = Hot {
            held: cursor(head),
            behind: cursor(head.saturating_sub(DAY)),
            bytes: ANSWER_BYTES,
            day: day(&user, size),
            page: LedgerQuery {
                record_type: TYPES[0].to_owned(),
                areas: vec![(bulk::first_area(), 0), (AreaNo(bulk::FIRST_AREA + 1), 0)],
                limit: 200,
            },
            decide: &*decide,
        };
        hot::calls(c, hot)
    };
    let mut told = Vec::new();
    for _ in 0..2 {
        told = match address {
            StoreAddress::Sqlite(path) => sqlite::alone(path, false, measure)?,
            StoreAddress::Postgres(url) => postgres::alone(url.reveal(), false, measure)?,
        };
    }
    Ok(told)
}

fn print(told: &[Told], plans: bool) {
    gridledger_server::put_line!("| call | rows | statements | pages | ms |\n|---|---|---|---|---|");
    for (name, rows, steps) in told {
        let pages: u64 = steps.iter().map(|step| step.buffers).sum();
        let ms: f64 = steps.iter().map(|step| step.ms).sum();
        gridledger_server::put_line!("| {name} | {rows} | {} | {pages} | {ms:.2} |", steps.len());
    }
    for (name, _, steps) in told.iter().filter(|_| plans) {
        let mut seen = BTreeSet::new();
        for step in steps.iter().filter(|step| seen.insert(&step.sql)) {
            gridledger_server::put_line!("-- {name}\n{}\n{}\n", step.sql, step.plan);
        }
    }
}

/// The ledger of households as a desk pulls it: whole, and what changed of it.
fn ledgers(address: &StoreAddress, schema: &Arc<SchemaSet>, size: Size) -> Result<(), BenchError> {
    let service = open(address, schema)?;
    let user = service.store.user_by_login("d1")?.ok_or("the user is missing")?;
    let grants = service.store.grants(user.no)?;
    let reader = Reader::new(&service, &user.login, &grants);
    gridledger_server::put_line!("| household ledger | rows | MB | s |\n|---|---|---|---|");
    let parts = [("whole", None), ("1 % changed", Some(1)), ("5 % changed", Some(5))];
    for (name, percent) in parts {
        let since = percent.map(|percent| since(size, percent, &reader, schema)).transpose()?;
        let begin = Instant::now();
        let (rows, bytes) = pull(&reader, schema, since)?;
        let took = begin.elapsed().as_secs_f64();
        gridledger_server::put_line!("| pulled, {name} | {rows} | {:.1} | {took:.2} |", bytes as f64 / 1e6);
    }
    service.store.close();
    Ok(())
}

/// Positions a part of an area's records changed after.
fn back(size: Size, percent: u64) -> u64 {
    (size.records / size.areas * percent).div_ceil(100)
}

fn question(schema: &SchemaSet, since: Option<String>) -> Result<Question<'_>, BenchError> {
    let mut pairs = vec![("limit".to_owned(), "10000".to_owned())];
    pairs.extend(since.map(|since| ("since".to_owned(), since)));
    Ok(Question::read(schema, TYPES[0], &pairs).map_err(|refusal| refusal.to_string())?)
}

fn since(size: Size, percent: u64, reader: &Reader<'_>, schema: &SchemaSet) -> Result<String, BenchError> {
    let mut cursor = Cursor::default();
    for area in reader.tree().iter() {
        let head = reader.service.store.head(area.no)?.seq;
        cursor.positions.insert(area.no, head.saturating_sub(back(size, percent)));
    }
    Ok(cursor.encode(reader.service.identity.epoch, question(schema, None)?.binding()))
}

fn pull(
    reader: &Reader<'_>,
    schema: &SchemaSet,
    since: Option<String>,
) -> Result<(usize, usize), BenchError> {
    let (mut since, mut rows, mut bytes) = (since, 0, 0);
    loop {
        let question = question(schema, since)?;
        let page = ledger::page(reader, &question).map_err(|error| error.to_string())?;
        rows += page.rows.len();
        bytes += page.to_ndjson().len();
        if !page.more {
            return Ok((rows, bytes));
        }
        since = Some(page.cursor);
    }
}

/// The same through the view, as a tool reads it.
fn views(address: &StoreAddress, size: Size) -> Result<(), BenchError> {
    let read = |c: &Connection<'_>| {
        for (name, percent) in [("whole", 100), ("1 % changed", 1), ("5 % changed", 5)] {
            let changed = format!(
                "ledgers_areas h JOIN ledger_household l ON l.area = h.area AND l.changed_position > h.changed_position - {}",
                back(size, percent)
            );
            let from = if percent == 100 { "ledger_household l".to_owned() } else { changed };
            let sql = match c.spelling() {
                Spelling::Sqlite => format!("SELECT l.* FROM {from}"),
                Spelling::Postgres => format!("SELECT CAST(row_to_json(l) AS text) FROM {from}"),
            };
            let (begin, mut rows) = (Instant::now(), 0);
            c.prepare_cached(&sql)?.visit((), |_| -> Result<bool, StoreError> {
                rows += 1;
                Ok(true)
            })?;
            let took = begin.elapsed().as_secs_f64();
            gridledger_server::put_line!("| view, {name} | {rows} | | {took:.2} |");
        }
        Ok(())
    };
    match address {
        StoreAddress::Sqlite(path) => sqlite::look(path, read)?,
        StoreAddress::Postgres(url) => postgres::look(url.reveal(), read)?,
    }
    Ok(())
}
