//! Statements over SQLite.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Statement, ToSql, params_from_iter};

use super::{Cell, Link, Row, Spelling, SqlError};
use crate::store::sql::wake_ups::WakeUp;

/// A SQLite connection.
pub struct SqliteLink<'a> {
    connection: &'a rusqlite::Connection,
    overwrites: std::cell::Cell<bool>,
    wake_ups: RefCell<BTreeSet<WakeUp>>,
}

impl<'a> SqliteLink<'a> {
    /// Wraps a connection.
    pub fn new(connection: &'a rusqlite::Connection) -> Self {
        let overwrites = false.into();
        Self { connection, overwrites, wake_ups: RefCell::default() }
    }

    /// Whether something was overwritten that must be gone from the file as well.
    pub fn has_overwritten(&self) -> bool {
        self.overwrites.get()
    }

    /// Takes the wake-ups noted since the last call.
    pub fn take_wake_ups(&self) -> BTreeSet<WakeUp> {
        self.wake_ups.take()
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Real(value) => ToSqlOutput::Owned(Value::Real(*value)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

impl Link for SqliteLink<'_> {
    fn spelling(&self) -> Spelling {
        Spelling::Sqlite
    }

    fn execute(&self, sql: &str, params: &[Cell]) -> Result<u64, SqlError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.execute(params_from_iter(params))? as u64)
    }

    fn visit(&self, sql: &str, params: &[Cell], each: &mut dyn FnMut(Row) -> bool) -> Result<(), SqlError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let names = names(&statement);
        let mut rows = statement.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            let cells = (0..names.len()).map(|at| row.get_ref(at).map(cell)).collect::<Result<_, _>>()?;
            let names = names.clone();
            if !each(Row { names, cells }) {
                break;
            }
        }
        Ok(())
    }

    fn batch(&self, sql: &str) -> Result<(), SqlError> {
        Ok(self.connection.execute_batch(sql)?)
    }

    fn is_alone(&self) -> bool {
        true
    }

    fn for_update(&self) -> &'static str {
        ""
    }

    fn member(&self, json: &str, path: &[&str]) -> String {
        format!("{json} ->> '$.{}'", path.join("."))
    }

    fn numbers(&self, json: &str) -> String {
        format!("SELECT value FROM json_each({json})")
    }

    fn overwrites(&self) {
        self.overwrites.set(true);
    }

    fn note_wake_up(&self, wake_up: WakeUp) {
        self.wake_ups.borrow_mut().insert(wake_up);
    }
}

fn names(statement: &Statement<'_>) -> Arc<[String]> {
    statement.column_names().map(str::to_owned).collect()
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}
