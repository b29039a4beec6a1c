//! Reading: lists, search, conflicts, status. Everything comes from the local index; no document is loaded.

use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{AreaNo, RecordId, unhex};
use gridledger_schema::wire::AreaInfo;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::Value;

use super::shadows::IS_TOLD;
use super::{Engine, db, seal};
use crate::error::ClientError;
use crate::intents::Intents;
use crate::model::{Conflict, Query, Record, Saved, SentState, Status};

/// The areas known, or only those held.
pub(super) fn areas(c: &Connection, held: bool) -> Result<Vec<AreaInfo>, ClientError> {
    let sql =
        "SELECT area, parent, code, kind, name, edges FROM areas WHERE held = 1 OR NOT ?1 ORDER BY area";
    let mut select = c.prepare_cached(sql)?;
    let rows = select.query_map([held], |row| {
        Ok(AreaInfo {
            no: AreaNo(row.get(0)?),
            parent: row.get::<_, Option<u32>>(1)?.map(AreaNo),
            code: row.get(2)?,
            kind: row.get(3)?,
            name: row.get(4)?,
            edges: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const COLUMNS: &str =
    "r.record, r.type, a.code, r.view, r.pending, r.changed_at, r.leaving IS NOT NULL, revealed(r.sealed, r.record)
  FROM records r LEFT JOIN areas a ON a.area = r.area";

/// The area of a code and all below it; `UNION` ends a cycle.
const BELOW: &str = "r.area IN (WITH RECURSIVE below (area) AS (SELECT area FROM areas WHERE code = ?
  UNION SELECT c.area FROM areas c JOIN below b ON c.parent = b.area) SELECT area FROM below)";

fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let of = |text: String| serde_json::from_str(&text).unwrap_or(Value::Null);
    let mut view = of(row.get(3)?);
    if let Some(sealed) = row.get::<_, Option<String>>(7)? {
        seal::join(&mut view, of(sealed));
    }
    Ok(Record {
        id: RecordId(row.get(0)?),
        record_type: row.get(1)?,
        area: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        view,
        pending: row.get(4)?,
        changed_at: row.get(5)?,
        moving: row.get(6)?,
        withheld: false,
    })
}

/// `LIKE` with every character of `text` taken as itself.
fn like(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

impl Engine {
    /// One record with its whole values.
    pub(super) fn plain_get(&self, record: RecordId) -> Result<Option<Record>, ClientError> {
        self.look()?;
        self.hide_due()?;
        let mut select = self.db.prepare_cached(&format!("SELECT {COLUMNS} WHERE r.record = ?1"))?;
        let found = select.query_row([record.0], read).optional()?;
        Ok(found.map(|record| self.told_withheld(record)))
    }

    /// Records whose id begins with `digits` (hexadecimal, hyphens left out, at most 32), at most `limit`, in order.
    /// Text that is no beginning of an id finds nothing.
    pub fn find_prefix(&self, digits: &str, limit: usize) -> Result<Vec<RecordId>, ClientError> {
        let fill = |with: char| {
            unhex::<16>(&format!("{digits}{}", with.to_string().repeat(32 - digits.len().min(32))))
        };
        let (Some(from), Some(to)) = (fill('0'), fill('f')) else {
            return Ok(Vec::new());
        };
        let sql = "SELECT record FROM records WHERE record BETWEEN ?1 AND ?2 ORDER BY record LIMIT ?3";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map((from, to, limit as i64), |row| Ok(RecordId(row.get(0)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records with their whole values, the last changed first.
    pub(super) fn plain_list(&self, query: &Query) -> Result<Vec<Record>, ClientError> {
        self.look()?;
        self.hide_due()?;
        let mut wheres = vec!["1".to_owned()];
        let mut values: Vec<Sql> = Vec::new();
        let mut condition = |sql: &str, value: Sql| {
            values.push(value);
            wheres.push(sql.replace('?', &format!("?{}", values.len())));
        };
        if let Some(record_type) = &query.record_type {
            condition("r.type = ?", record_type.clone().into());
        }
        if let Some(area) = &query.area {
            condition(BELOW, area.clone().into());
        }
        if let Some(text) = &query.text {
            let sql = "(r.text LIKE ? ESCAPE '\\' OR revealed_text(r.sealed, r.record) LIKE ? ESCAPE '\\')";
            condition(sql, like(text).into());
        }
        for (field, value) in &query.fields {
            let known =
                field.split('.').all(|part| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
            if !known {
                return Err(ClientError::Missing(format!("field {field}")));
            }
            let sql = if self.may_be_sealed(field) {
                // Only a value that is not in the open is looked for behind the seal.
                format!("coalesce(r.view ->> '$.{field}', revealed(r.sealed, r.record) ->> '$.{field}') = ?")
            } else {
                format!("r.view ->> '$.{field}' = ?")
            };
            condition(&sql, sql_of(value));
        }
        if query.in_conflict {
            wheres.push("r.conflicts > 0".into());
        }
        let limit = if query.limit == 0 { i64::MAX } else { query.limit as i64 };
        let sql = format!(
            "SELECT {COLUMNS} WHERE {} ORDER BY r.changed_at DESC, r.record LIMIT {limit} OFFSET {}",
            wheres.join(" AND "),
            query.offset
        );
        let mut select = self.db.prepare_cached(&sql)?;
        let found = select.query_map(rusqlite::params_from_iter(values), read)?;
        found.map(|record| Ok(self.told_withheld(record?))).collect()
    }

    fn told_withheld(&self, mut record: Record) -> Record {
        record.withheld = self.seal.is_blind(&record.record_type);
        record
    }

    /// Whether a field, or the one it lies in, is personal in some type, or unknown.
    fn may_be_sealed(&self, path: &str) -> bool {
        let name = path.split('.').next().unwrap_or(path);
        let mut fields = self.schema.types.values().filter_map(|t| t.field(name)).peekable();
        !name.starts_with("_ticket") && (fields.peek().is_none() || fields.any(seal::is_personal))
    }

    /// Every field with several values, of one record or of all; the values masked, as in lists.
    pub fn conflicts(&self, record: Option<RecordId>) -> Result<Vec<Conflict>, ClientError> {
        let records: Vec<Record> = match record {
            Some(record) => self.get(record)?.into_iter().collect(),
            None => self.list(&Query { in_conflict: true, ..Query::default() })?,
        };
        Ok(records.iter().flat_map(Record::conflicts).collect())
    }

    /// Settles a conflict: this value, by someone who has seen the others.
    pub fn settle(&mut self, record: RecordId, field: &str, value: Value) -> Result<Saved, ClientError> {
        let child = field.split('/').collect::<Vec<_>>();
        let intents = match child.as_slice() {
            [field, child, key] => {
                let value = serde_json::Map::from_iter([((*key).to_owned(), value)]);
                Intents::new().set_child(field, child, value)
            }
            _ => Intents::new().put(field, value),
        };
        self.edit(record, intents)
    }

    /// Where this phone stands.
    pub fn status(&self) -> Result<Status, ClientError> {
        let count = |sql: &str| self.db.query_row(sql, [], |row| row.get::<_, i64>(0)).map(|n| n as u64);
        let (lease_until, dark) = self.lease_stands()?;
        let trouble = trouble(&self.db)?;
        Ok(Status {
            user: Some(self.me.user.clone()).filter(|u| !u.is_empty()),
            name: db::text(&self.db, "name")?.filter(|name| !name.is_empty()),
            server: self.server()?,
            enrolled: self.me.device.is_some(),
            records: count("SELECT count(*) FROM records")?,
            unsent: count("SELECT count(*) FROM entries WHERE state = 0")?,
            sent: count("SELECT count(*) FROM entries WHERE state = 1")?,
            attention: count("SELECT count(*) FROM entries WHERE state = 3")?
                + count(&format!("SELECT count(DISTINCT record) FROM shadows WHERE {IS_TOLD}"))?,
            conflicts: count("SELECT count(*) FROM records WHERE conflicts > 0")?,
            clock_offset_ms: db::number(&self.db, "clock_offset")?,
            synced_at: db::number(&self.db, "synced_at")?,
            lease_until,
            dark,
            trouble,
            areas: areas(&self.db, true)?,
            grants: self.grants.clone(),
            endings: self.endings()?,
        })
    }

    /// Own edits and how far each has come, the last first: number, record, time, state.
    pub fn receipts(&self, limit: usize) -> Result<Vec<(u64, RecordId, i64, SentState)>, ClientError> {
        let mut select = self.db.prepare_cached(
            "SELECT n, record, at, state FROM entries WHERE feed = ?1 ORDER BY n DESC LIMIT ?2",
        )?;
        let rows = select.query_map((self.me.feed.0, limit as i64), |row| {
            Ok((
                row.get::<_, i64>(0)? as u64,
                RecordId(row.get(1)?),
                row.get::<_, Option<i64>>(2)?.unwrap_or(0),
                SentState::from_number(row.get(3)?),
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn sql_of(value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(b) => i64::from(*b).into(),
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or(0.0).into(), Into::into),
        Value::String(s) => s.clone().into(),
        other => other.to_string().into(),
    }
}

/// A refusal as kept in the store.
pub(super) fn read_refusal(text: &str) -> Option<Refusal> {
    let value: Value = serde_json::from_str(text).ok()?;
    let code = gridledger_schema::code::Code::parse(value["code"].as_str()?)?;
    let field = value["field"].as_str().map(str::to_owned);
    Some(Refusal { code, rule: value["rule"].as_str()?.to_owned(), field })
}

/// Why the server did not look at all that was sent last.
pub(super) fn trouble(c: &Connection) -> Result<Option<Refusal>, ClientError> {
    Ok(db::text(c, "trouble")?.and_then(|text| read_refusal(&text)))
}
