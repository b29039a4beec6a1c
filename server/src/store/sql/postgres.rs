//! Statements over Postgres.

use std::cell::{self, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::postgres::fallible_iterator::FallibleIterator as _;
use ::postgres::types::private::BytesMut;
use ::postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use ::postgres::{Client, Statement};

use super::{Cell, Link, Row, Spelling, SqlError, dialect};
use crate::store::sql::wake_ups::WakeUp;

/// A Postgres connection and the statements it has prepared.
pub struct PostgresLink {
    client: RefCell<Client>,
    prepared: RefCell<HashMap<String, Statement>>,
    overwrites: cell::Cell<bool>,
    alone: cell::Cell<bool>,
    wake_ups: RefCell<BTreeSet<WakeUp>>,
    warned: Arc<AtomicBool>,
}

impl PostgresLink {
    /// Wraps a connection. `warned` is set whenever the database warns of something.
    pub fn new(client: Client, warned: Arc<AtomicBool>) -> Self {
        Self {
            warned,
            client: RefCell::new(client),
            prepared: RefCell::default(),
            overwrites: cell::Cell::default(),
            alone: cell::Cell::default(),
            wake_ups: RefCell::default(),
        }
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.client.borrow().is_closed()
    }

    /// Notes whether the transaction that began now holds the lock that keeps every other write out.
    pub fn set_alone(&self, alone: bool) {
        self.alone.set(alone);
    }

    /// Whether something was overwritten since the last call that must be gone from the files as well.
    pub fn take_overwrites(&self) -> bool {
        self.overwrites.take()
    }

    /// Takes the wake-ups noted since the last call.
    pub fn take_wake_ups(&self) -> Vec<WakeUp> {
        self.wake_ups.take().into_iter().collect()
    }

    /// Ends the transaction; whether that is sure to last. A database that gave up waiting for its standby says that it
    /// committed, and warns.
    pub fn commit(&self) -> Result<bool, SqlError> {
        self.warned.store(false, Ordering::Release);
        self.batch("COMMIT")?;
        Ok(!self.warned.load(Ordering::Acquire))
    }

    /// The messages of the channels it listens on that arrived within `patience`; empty when there were none.
    pub fn hear(&mut self, patience: Duration) -> Result<Vec<String>, SqlError> {
        let begun = Instant::now();
        let mut client = self.client.borrow_mut();
        let mut heard = Vec::new();
        let mut notifications = client.notifications();
        let first = notifications.timeout_iter(patience).next()?;
        if let Some(first) = first {
            heard.push(first.payload().to_owned());
            let mut more = notifications.iter();
            while let Some(next) = more.next()? {
                heard.push(next.payload().to_owned());
            }
        } else if begun.elapsed() < patience {
            // It said "nothing" before the time was over: it is not there any more.
            drop(notifications);
            client.batch_execute("")?;
        }
        Ok(heard)
    }

    fn prepare(&self, sql: &str) -> Result<Statement, SqlError> {
        if let Some(statement) = self.prepared.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.borrow_mut().prepare(&dialect::postgres(sql))?;
        self.prepared.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl ToSql for Cell {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => match *ty {
                Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
                Type::BOOL => (*value != 0).to_sql(ty, out),
                _ => value.to_sql(&Type::INT8, out),
            },
            Self::Real(value) => value.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn borrowed(params: &[Cell]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect()
}

impl Link for PostgresLink {
    fn spelling(&self) -> Spelling {
        Spelling::Postgres
    }

    fn execute(&self, sql: &str, params: &[Cell]) -> Result<u64, SqlError> {
        let statement = self.prepare(sql)?;
        Ok(self.client.borrow_mut().execute(&statement, &borrowed(params))?)
    }

    fn visit(&self, sql: &str, params: &[Cell], each: &mut dyn FnMut(Row) -> bool) -> Result<(), SqlError> {
        let statement = self.prepare(sql)?;
        let names: Arc<[String]> =
            statement.columns().iter().map(|column| column.name().to_owned()).collect();
        let mut client = self.client.borrow_mut();
        let mut rows = client.query_raw(&statement, params)?;
        while let Some(row) = rows.next()? {
            let cells = (0..names.len()).map(|at| read(&row, at)).collect::<Result<_, _>>()?;
            let names = names.clone();
            if !each(Row { names, cells }) {
                break;
            }
        }
        Ok(())
    }

    fn batch(&self, sql: &str) -> Result<(), SqlError> {
        Ok(self.client.borrow_mut().batch_execute(sql)?)
    }

    fn is_alone(&self) -> bool {
        self.alone.get()
    }

    fn for_update(&self) -> &'static str {
        " FOR UPDATE"
    }

    fn member(&self, json: &str, path: &[&str]) -> String {
        format!("CAST({json} AS json) #>> '{{{}}}'", path.join(","))
    }

    fn numbers(&self, json: &str) -> String {
        format!("SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST({json} AS json))")
    }

    fn overwrites(&self) {
        self.overwrites.set(true);
    }

    fn note_wake_up(&self, wake_up: WakeUp) {
        self.wake_ups.borrow_mut().insert(wake_up);
    }
}

fn read(row: &::postgres::Row, at: usize) -> Result<Cell, SqlError> {
    let kind = row.columns()[at].type_();
    Ok(match *kind {
        Type::INT8 => row.try_get::<_, Option<i64>>(at)?.map_or(Cell::Null, Cell::Int),
        Type::INT4 => row.try_get::<_, Option<i32>>(at)?.map_or(Cell::Null, |v| Cell::Int(v.into())),
        Type::BOOL => row.try_get::<_, Option<bool>>(at)?.map_or(Cell::Null, |v| Cell::Int(v.into())),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(at)?.map_or(Cell::Null, Cell::Real),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at)?.map_or(Cell::Null, Cell::Bytes),
        _ => row.try_get::<_, Option<String>>(at)?.map_or(Cell::Null, Cell::Text),
    })
}
