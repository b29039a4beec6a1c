//! One SQL for every engine: a connection, statements, rows and values that read the same over SQLite and Postgres.
//!
//! The tables' code is written once against these types. It keeps to what both engines take: numbered parameters
//! (`?1`), integers of 64 bits, texts and bytes, `ON CONFLICT`, `RETURNING`, and `greatest(a, b)`. What differs in spelling is
//! translated in [`dialect`]; what differs in kind (locks, opening, migrating) stays in the engines.

mod cell;
pub mod dialect;
pub(crate) mod error;
pub mod explaining;
mod params;
mod postgres;
mod sqlite;
pub mod wake_ups;

use std::sync::Arc;

pub use cell::{Cell, FromCell};
pub use params::{Params, ToCell};

use crate::store::sql::wake_ups::WakeUp;

pub use self::postgres::PostgresLink;
pub use self::sqlite::SqliteLink;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// A query for one row found none.
    #[error("no row")]
    NoRow,
    /// A column holds another kind of value than the code reads.
    #[error("column {0} is not {1}")]
    Column(usize, &'static str),
    /// A page of the store's file is not what was written there.
    #[error("the store's file is damaged: a part of it cannot be read; restore a backup")]
    DamagedFile,
    /// The file is no database.
    #[error("the file is not a gridledger store")]
    NotADatabase,
    /// SQLite refused or failed.
    #[error("sqlite: {0}")]
    Sqlite(rusqlite::Error),
    /// Postgres refused, failed, or is not there.
    #[error("postgres: {}", read_message(.0))]
    Postgres(#[from] ::postgres::Error),
}

/// Reads the database's message, or why it could not be asked.
fn read_message(error: &::postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    match error.as_db_error() {
        Some(refused) => refused.message().to_owned(),
        None => cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")),
    }
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::DamagedFile,
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotADatabase,
            _ => Self::Sqlite(error),
        }
    }
}

impl SqlError {
    /// Whether a row of this key was there already.
    pub fn is_taken(&self) -> bool {
        match self {
            Self::Sqlite(error) => {
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
            }
            Self::Postgres(error) => error.code() == Some(&::postgres::error::SqlState::UNIQUE_VIOLATION),
            Self::NoRow | Self::Column(..) | Self::DamagedFile | Self::NotADatabase => false,
        }
    }

    /// The error without the values of rows, for logs.
    pub fn without_values(&self) -> String {
        match self {
            Self::NoRow | Self::Column(..) | Self::DamagedFile | Self::NotADatabase => self.to_string(),
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => format!("sqlite: {error}"),
            Self::Sqlite(_) => "sqlite: a statement or a row is not as expected".into(),
            Self::Postgres(error) => match error.code() {
                Some(code) => format!("postgres: state {}", code.code()),
                None => "postgres: the connection failed".into(),
            },
        }
    }

    /// Whether the database is unreachable, rather than that it refused the statement.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Postgres(error) => error.as_db_error().is_none(),
            Self::NoRow | Self::Column(..) | Self::DamagedFile | Self::NotADatabase | Self::Sqlite(_) => {
                false
            }
        }
    }

    /// Whether somebody else held a lock for too long.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.code() == Some(&::postgres::error::SqlState::LOCK_NOT_AVAILABLE))
    }

    /// Whether the same transaction, run again, can succeed: it met another one.
    pub fn is_collision(&self) -> bool {
        use ::postgres::error::SqlState;
        let Self::Postgres(error) = self else { return false };
        matches!(error.code(), Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE))
    }
}

/// The SQL that an engine reads, where one spelling does not do for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// SQLite's.
    Sqlite,
    /// Postgres's.
    Postgres,
}

/// The connection of an engine.
pub trait Link {
    /// The SQL that it reads.
    fn spelling(&self) -> Spelling;
    /// Runs a statement; returns how many rows it changed.
    fn execute(&self, sql: &str, params: &[Cell]) -> Result<u64, SqlError>;
    /// Runs a query and gives its rows to `each`, until that says it has enough (`false`).
    fn visit(&self, sql: &str, params: &[Cell], each: &mut dyn FnMut(Row) -> bool) -> Result<(), SqlError>;
    /// Runs several statements without parameters.
    fn batch(&self, sql: &str) -> Result<(), SqlError>;
    /// Whether no other write runs beside this transaction.
    fn is_alone(&self) -> bool;
    /// The end of a query that locks the rows it finds; empty where writes follow each other anyway.
    fn for_update(&self) -> &'static str;
    /// An expression: the text at a path of members in a JSON text.
    fn member(&self, json: &str, path: &[&str]) -> String;
    /// A query: the numbers in a JSON array.
    fn numbers(&self, json: &str) -> String;
    /// Notes that this transaction overwrites what must be gone from the files as well.
    fn overwrites(&self);
    /// Notes what is to be told when this transaction is durable.
    fn note_wake_up(&self, wake_up: WakeUp);
}

/// A connection, inside a transaction.
pub struct Connection<'a> {
    link: &'a dyn Link,
}

impl<'a> Connection<'a> {
    /// The connection of an engine.
    pub fn new(link: &'a dyn Link) -> Self {
        Self { link }
    }

    /// A statement; the engine keeps it prepared.
    pub fn prepare_cached(&self, sql: &str) -> Result<Statement<'a>, SqlError> {
        let (link, sql) = (self.link, sql.to_owned());
        Ok(Statement { link, sql })
    }

    /// Runs a statement once.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize, SqlError> {
        Ok(self.link.execute(sql, &params.cells())? as usize)
    }

    /// Runs a query for one row once.
    pub fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        self.prepare_cached(sql)?.query_row(params, read)
    }

    /// The SQL that it reads, for the few places where engines differ.
    pub fn spelling(&self) -> Spelling {
        self.link.spelling()
    }

    /// Whether no other write runs beside this transaction.
    pub fn is_alone(&self) -> bool {
        self.link.is_alone()
    }

    /// The end of a query that locks the rows it finds until the transaction ends.
    pub fn for_update(&self) -> &'static str {
        self.link.for_update()
    }

    /// An expression: the text at a path of members in a JSON text.
    pub fn member(&self, json: &str, path: &[&str]) -> String {
        self.link.member(json, path)
    }

    /// A query: the numbers in a JSON array.
    pub fn numbers(&self, json: &str) -> String {
        self.link.numbers(json)
    }

    /// Notes that this transaction overwrites what must be gone from the files as well.
    pub fn overwrites(&self) {
        self.link.overwrites();
    }

    /// Notes what is to be told when this transaction is durable.
    pub fn note_wake_up(&self, wake_up: WakeUp) {
        self.link.note_wake_up(wake_up);
    }

    /// Runs several statements without parameters.
    pub fn execute_batch(&self, sql: &str) -> Result<(), SqlError> {
        self.link.batch(sql)
    }
}

/// A statement to be run with parameters.
pub struct Statement<'c> {
    link: &'c dyn Link,
    sql: String,
}

impl Statement<'_> {
    /// Runs it; returns how many rows it changed.
    pub fn execute(&mut self, params: impl Params) -> Result<usize, SqlError> {
        Ok(self.link.execute(&self.sql, &params.cells())? as usize)
    }

    /// The first row.
    pub fn query_row<T>(
        &mut self,
        params: impl Params,
        read: impl FnOnce(&Row) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let mut found = None;
        self.link.visit(&self.sql, &params.cells(), &mut |row| {
            found = Some(row);
            false
        })?;
        read(&found.ok_or(SqlError::NoRow)?)
    }

    /// Every row, read as it is asked for.
    pub fn query_map<T, F: FnMut(&Row) -> Result<T, SqlError>>(
        &mut self,
        params: impl Params,
        read: F,
    ) -> Result<Mapped<F>, SqlError> {
        let mut rows = Vec::new();
        self.link.visit(&self.sql, &params.cells(), &mut |row| {
            rows.push(row);
            true
        })?;
        let rows = rows.into_iter();
        Ok(Mapped { rows, read })
    }

    /// Gives each row to `each` as it comes, until that says it has enough (`false`) or fails. For results of which only
    /// the beginning may be needed.
    pub fn visit<E: From<SqlError>>(
        &mut self,
        params: impl Params,
        mut each: impl FnMut(&Row) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut failed = None;
        self.link.visit(&self.sql, &params.cells(), &mut |row| match each(&row) {
            Ok(more) => more,
            Err(error) => {
                failed = Some(error);
                false
            }
        })?;
        failed.map_or(Ok(()), Err)
    }
}

/// Rows being read.
pub struct Mapped<F> {
    rows: std::vec::IntoIter<Row>,
    read: F,
}

impl<T, F: FnMut(&Row) -> Result<T, SqlError>> Iterator for Mapped<F> {
    type Item = Result<T, SqlError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next().map(|row| (self.read)(&row))
    }
}

/// A row that was read.
#[derive(Clone, Debug)]
pub struct Row {
    names: Arc<[String]>,
    cells: Vec<Cell>,
}

impl Row {
    /// The value of a column, by place (from 0) or name.
    pub fn get<I: Column, T: FromCell>(&self, column: I) -> Result<T, SqlError> {
        let at = column.place(&self.names);
        let cell = self.cells.get(at).ok_or(SqlError::Column(at, "there"))?;
        T::from_cell(cell).ok_or(SqlError::Column(at, T::KIND))
    }
}

impl Row {
    /// The value at a place, whatever it is.
    pub fn cell(&self, at: usize) -> Result<Cell, SqlError> {
        self.cells.get(at).cloned().ok_or(SqlError::Column(at, "there"))
    }
}

/// A column's place or name.
pub trait Column {
    /// The place among these names.
    fn place(&self, names: &[String]) -> usize;
}

impl Column for usize {
    fn place(&self, _: &[String]) -> usize {
        *self
    }
}

impl Column for &str {
    fn place(&self, names: &[String]) -> usize {
        names.iter().position(|name| name == self).unwrap_or(usize::MAX)
    }
}

/// A row that may not be there.
pub trait Optional<T> {
    /// `None` where no row was found.
    fn optional(self) -> Result<Option<T>, SqlError>;
}

impl<T> Optional<T> for Result<T, SqlError> {
    fn optional(self) -> Result<Option<T>, SqlError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(SqlError::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
