//! A copy of the ledgers for tools, as a SQLite file of typed tables, which can be handed on where the store cannot.

use super::spell::{View, views};
use crate::store::StoreError;
use crate::store::rows::tools::{ToolKind, ToolLedger};
use crate::store::sql::{Cell, Connection, Spelling, SqlError};

/// Copies every ledger, read at one moment, into an empty file. Returns how many rows.
pub fn export(
    c: &Connection<'_>,
    ledgers: &[ToolLedger],
    codes: &[[String; 5]],
    file: &mut rusqlite::Connection,
) -> Result<usize, StoreError> {
    let copy = file.transaction()?;
    let mut rows = 0;
    for view in views(c.spelling(), ledgers, codes) {
        rows += export_one(c, &view, &copy)?;
    }
    copy.commit()?;
    Ok(rows)
}

fn export_one(c: &Connection<'_>, view: &View, copy: &rusqlite::Connection) -> Result<usize, StoreError> {
    let columns: Vec<String> = view
        .columns
        .iter()
        .map(|(name, kind)| {
            let unique = if name == "id" && view.name.starts_with("ledger_") { " PRIMARY KEY" } else { "" };
            format!("\"{name}\" {}{unique}", declared(*kind))
        })
        .collect();
    copy.execute_batch(&format!("CREATE TABLE \"{}\" ({}) STRICT", view.name, columns.join(", ")))?;
    let places: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
    let mut insert =
        copy.prepare(&format!("INSERT INTO \"{}\" VALUES ({})", view.name, places.join(", ")))?;
    let mut rows = 0;
    let mut select = c.prepare_cached(&as_sqlite(c.spelling(), view))?;
    select.visit((), |row| -> Result<bool, StoreError> {
        let cells: Vec<Cell> = (0..columns.len()).map(|at| row.cell(at)).collect::<Result<_, SqlError>>()?;
        insert.execute(rusqlite::params_from_iter(&cells))?;
        rows += 1;
        Ok(true)
    })?;
    Ok(rows)
}

fn declared(kind: ToolKind) -> &'static str {
    match kind {
        ToolKind::Text | ToolKind::Time | ToolKind::Json => "TEXT",
        ToolKind::Whole | ToolKind::YesNo => "INTEGER",
        ToolKind::Number => "REAL",
    }
}

/// The view's query, with times and JSON as the texts they are in a file.
fn as_sqlite(spelling: Spelling, view: &View) -> String {
    if spelling == Spelling::Sqlite {
        return view.select.clone();
    }
    let columns: Vec<String> = view
        .columns
        .iter()
        .map(|(name, kind)| match kind {
            ToolKind::Time => {
                format!("to_char(\"{name}\" AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
            }
            ToolKind::Json => format!("CAST(\"{name}\" AS text)"),
            _ => format!("\"{name}\""),
        })
        .collect();
    let names: Vec<String> = view.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!("SELECT {} FROM ({}) AS shown ({})", columns.join(", "), view.select, names.join(", "))
}
