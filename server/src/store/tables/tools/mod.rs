//! The views that tools read, and their values.

pub mod export;
mod spell;

use std::collections::BTreeMap;

use gridledger_schema::ids::{RecordId, hex};
use sha2::{Digest as _, Sha256};

use super::settings::setting;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::tools::{ReaderRole, Shown, ToolLedger};
use crate::store::sql::{Connection, Optional as _, Spelling, SqlError};

/// The setting that notes the views that were made: name to hash.
const MADE: &str = "tools_views";
/// The role that reads the views.
pub const READER: &str = "gridledger_reader";

impl Store {
    /// Makes the views of these ledgers, of the codes' names in them (record type, column, code, zh, en), of areas and of what is gone,
    /// all or nothing; takes away those of before that are not among them. Whether anything changed.
    /// [`StoreError::ToolsRead`] while a tool reads one that is to change.
    pub fn put_tool_views(&self, ledgers: &[ToolLedger], codes: &[[String; 5]]) -> Result<bool, StoreError> {
        let (ledgers, codes) = (ledgers.to_vec(), codes.to_vec());
        self.engine.write_alone(move |c| put_views(c, &ledgers, &codes))
    }

    /// Up to `limit` ids of records after `after`, in order.
    pub fn records_after(&self, after: Option<RecordId>, limit: usize) -> Result<Vec<RecordId>, StoreError> {
        self.engine.read(|c| {
            let after = after.map_or(Vec::new(), |record| record.0.to_vec());
            let mut select =
                c.prepare_cached("SELECT record FROM records WHERE record > ?1 ORDER BY record LIMIT ?2")?;
            let rows = select.query_map((after, limit as i64), |row| Ok(RecordId(row.get(0)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Reads what tools may see of a record: one JSON object.
    pub fn shown(&self, record: RecordId) -> Result<Option<String>, StoreError> {
        self.engine.read(|c| shown(c, record))
    }

    /// Writes the values that tools may see of records.
    pub fn put_shown(&self, rows: Vec<Shown>) -> Result<(), StoreError> {
        self.engine.write_alone(move |c| {
            for row in &rows {
                let mut update = c.prepare_cached(
                    "UPDATE ledger SET shown = ?2 WHERE record = ?1 AND facet = 0
                     AND EXISTS (SELECT 1 FROM records r WHERE r.record = ?1 AND r.last = ?3)",
                )?;
                update.execute((row.record.0, &row.shown, row.last as i64))?;
            }
            Ok(())
        })
    }

    /// Makes the role that reads the views and nothing else, if it is not there, and lets it read them.
    pub fn make_reader(&self) -> Result<ReaderRole, StoreError> {
        self.engine.write_alone(make_reader)
    }
}

fn put_views(c: &Connection<'_>, ledgers: &[ToolLedger], codes: &[[String; 5]]) -> Result<bool, StoreError> {
    let spelling = c.spelling();
    let views = spell::views(spelling, ledgers, codes).into_iter();
    let views: BTreeMap<String, String> = views.map(|view| (view.name.clone(), view.create())).collect();
    let wanted: BTreeMap<&str, String> =
        views.iter().map(|(name, sql)| (&**name, hex(&Sha256::digest(sql)))).collect();
    let made = made(c)?;
    if made.iter().map(|(name, hash)| (&**name, hash)).eq(wanted.iter().map(|(name, hash)| (*name, hash))) {
        return Ok(false);
    }
    let patience = |c: &Connection<'_>, ms: &str| match spelling {
        Spelling::Postgres => c.execute_batch(&format!("SET LOCAL lock_timeout = {ms}")),
        Spelling::Sqlite => Ok(()),
    };
    // Every write waits while this waits for a tool.
    patience(c, "1000")?;
    for (name, _) in made.iter().filter(|(name, hash)| wanted.get(&***name) != Some(hash)) {
        let cascade = if spelling == Spelling::Postgres { " CASCADE" } else { "" };
        c.execute_batch(&format!("DROP VIEW IF EXISTS \"{name}\"{cascade}")).map_err(while_read)?;
    }
    let fresh: Vec<&str> =
        wanted.iter().filter(|(name, hash)| made.get(**name) != Some(hash)).map(|(name, _)| *name).collect();
    for name in &fresh {
        c.execute_batch(&views[*name]).map_err(while_read)?;
    }
    if has_reader(c)? {
        grant(c, &fresh)?;
    }
    patience(c, "DEFAULT")?;
    let note = serde_json::json!(wanted).to_string();
    c.execute(
        "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
        (MADE, note.into_bytes()),
    )?;
    Ok(true)
}

/// Reads what tools may see of a record.
fn shown(c: &Connection<'_>, record: RecordId) -> Result<Option<String>, StoreError> {
    let mut select = c.prepare_cached("SELECT shown FROM ledger WHERE record = ?1 AND facet = 0")?;
    Ok(select.query_row([record.0], |row| row.get(0)).optional()?.flatten())
}

fn while_read(error: SqlError) -> StoreError {
    if error.is_locked() { StoreError::ToolsRead } else { error.into() }
}

/// The views that were made, and the hash of each.
fn made(c: &Connection<'_>) -> Result<BTreeMap<String, String>, StoreError> {
    let Some(note) = setting(c, MADE)? else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_slice(&note).map_err(|_| StoreError::Damaged("settings"))
}

fn has_reader(c: &Connection<'_>) -> Result<bool, StoreError> {
    if c.spelling() == Spelling::Sqlite {
        return Ok(false);
    }
    let roles = "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = ?1";
    Ok(c.query_row(roles, [READER], |row| row.get::<_, i64>(0))? > 0)
}

fn make_reader(c: &Connection<'_>) -> Result<ReaderRole, StoreError> {
    if c.spelling() == Spelling::Sqlite {
        return Ok(ReaderRole::NoRoles);
    }
    if !has_reader(c)? {
        let may = "SELECT rolcreaterole OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user";
        if !c.query_row(may, (), |row| row.get::<_, bool>(0))? {
            return Ok(ReaderRole::MayNotMake);
        }
        // Roles are the cluster's: somebody else may make it in this moment.
        c.execute_batch(&format!(
            "DO $$ BEGIN CREATE ROLE {READER} NOLOGIN;
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ))?;
    }
    let made = made(c)?;
    grant(c, &made.keys().map(|name| &**name).collect::<Vec<_>>())?;
    Ok(ReaderRole::Reads)
}

/// Lets the role read views. They read the tables by their owner's right, not by the reader's.
fn grant(c: &Connection<'_>, views: &[&str]) -> Result<(), StoreError> {
    let schema: String = c.query_row("SELECT CAST(current_schema() AS TEXT)", (), |row| row.get(0))?;
    c.execute_batch(&format!("GRANT USAGE ON SCHEMA \"{schema}\" TO {READER}"))?;
    for view in views {
        c.execute_batch(&format!("GRANT SELECT ON \"{view}\" TO {READER}"))?;
    }
    Ok(())
}
