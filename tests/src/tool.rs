//! A program of the office that reads ledgers in the database itself: a SQLite file opened for reading only, or Postgres as a login that
//! holds nothing but the reader's role.

use std::collections::BTreeMap;

use gridledger_server::config::StoreAddress;
use gridledger_server::store::rows::tools::ReaderRole;
use postgres::{Client, NoTls};
use rusqlite::OpenFlags;
use rusqlite::types::ValueRef;
use serde_json::Value;

use crate::world::World;

/// A row: column to value.
pub type Cells = BTreeMap<String, Value>;

/// The program.
pub enum Tool {
    /// It has the file.
    File(rusqlite::Connection),
    /// It is signed in at the database.
    Database(Box<Client>),
}

impl Tool {
    /// A program that reads what a world's server keeps. The views have to be there.
    pub fn of(world: &World) -> Self {
        match world.address() {
            StoreAddress::Sqlite(path) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
                Self::File(rusqlite::Connection::open_with_flags(path, flags).expect("the file"))
            }
            StoreAddress::Postgres(url) => {
                let made = world.service.store.make_reader().expect("the reader's role");
                assert_eq!(made, ReaderRole::Reads);
                let mut owner = Client::connect(url.reveal(), NoTls).expect("the database");
                let login = "DO $$ BEGIN CREATE ROLE office_tool LOGIN IN ROLE gridledger_reader;
                             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$";
                owner.batch_execute(login).expect("a login");
                let url = url.reveal().replace("//gridledger@", "//office_tool@");
                let mut client = Client::connect(&url, NoTls).expect("the database");
                client.batch_execute("SET TIME ZONE 'UTC'").expect("a zone");
                Self::Database(Box::new(client))
            }
        }
    }

    /// Runs statements without a result.
    pub fn run(&mut self, sql: &str) -> Result<(), String> {
        match self {
            Self::File(file) => file.execute_batch(sql).map_err(|error| error.to_string()),
            Self::Database(client) => client.batch_execute(sql).map_err(|error| error.to_string()),
        }
    }

    /// The rows of a query; why there are none. A name that a query uses twice is there once.
    pub fn try_rows(&mut self, sql: &str) -> Result<Vec<Cells>, String> {
        match self {
            Self::File(file) => from_file(file, sql).map_err(|error| error.to_string()),
            Self::Database(client) => {
                let sql = format!("SELECT CAST(row_to_json(asked) AS text) FROM ({sql}) asked");
                let rows = client.query(&sql, &[]).map_err(|error| error.to_string())?;
                let read = rows.iter().map(|row| serde_json::from_str(row.get(0)));
                read.collect::<Result<_, _>>().map_err(|error| error.to_string())
            }
        }
    }

    /// The rows of a query.
    pub fn rows(&mut self, sql: &str) -> Vec<Cells> {
        self.try_rows(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The single value of a query.
    pub fn value(&mut self, sql: &str) -> Value {
        let row = self.rows(sql).into_iter().next().expect("a row");
        row.into_values().next().expect("a value")
    }

    /// How the engine goes about a query.
    pub fn plan(&mut self, sql: &str) -> String {
        match self {
            Self::File(file) => {
                let mut explain = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a query");
                let lines = explain.query_map([], |row| row.get::<_, String>(3));
                let lines: Result<Vec<_>, _> = lines.expect("a plan").collect();
                lines.expect("a plan").join("\n")
            }
            Self::Database(client) => {
                let lines = client.query(&format!("EXPLAIN {sql}"), &[]).expect("a plan");
                let lines: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
                lines.join("\n")
            }
        }
    }
}

fn from_file(file: &rusqlite::Connection, sql: &str) -> rusqlite::Result<Vec<Cells>> {
    let mut statement = file.prepare(sql)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        let cell = |(at, name): (usize, &String)| Ok((name.clone(), value(row.get_ref(at)?)));
        names.iter().enumerate().map(cell).collect()
    })?;
    rows.collect()
}

fn value(cell: ValueRef<'_>) -> Value {
    match cell {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => format!("{bytes:?}").into(),
    }
}
