//! Lists, search and single records with whole values. All come from the local index; no document is loaded.

use gridledger_schema::ids::{RecordId, unhex};
use rusqlite::types::Value as Sql;
use rusqlite::{OptionalExtension as _, Row};
use serde_json::Value;

use crate::engine::file::seal;
use crate::engine::phone::engine::Engine;
use crate::engine::records::views;
use crate::error::ClientError;
use crate::model::{Query, Record};

/// The columns of a record, as [`read`] reads them.
const COLUMNS: &str =
    "r.record, r.type, a.code, r.view, r.pending, r.changed_at, r.leaving IS NOT NULL, view_if_held(r.sealed, r.record)
  FROM records r LEFT JOIN areas a ON a.area = r.area";

/// SQL: the record lies in the area with a code or below it. `UNION` ends a cycle.
const BELOW: &str = "r.area IN (WITH RECURSIVE below (area) AS (SELECT area FROM areas WHERE code = ?
  UNION SELECT c.area FROM areas c JOIN below b ON c.parent = b.area) SELECT area FROM below)";

/// Reads a record with its whole values.
fn read(row: &Row<'_>) -> rusqlite::Result<Record> {
    let parse = |text: String| serde_json::from_str(&text).unwrap_or(Value::Null);
    let mut view = parse(row.get(3)?);
    if let Some(sealed) = row.get::<_, Option<String>>(7)? {
        views::join(&mut view, parse(sealed));
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

/// Makes a pattern for `LIKE` that finds `text` anywhere, every character taken as itself.
fn make_pattern(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

impl Engine {
    /// Reads one record with its whole values.
    pub(crate) fn get_whole(&self, record: RecordId) -> Result<Option<Record>, ClientError> {
        self.check_lease()?;
        self.hide_due()?;
        let mut select = self.db.prepare_cached(&format!("SELECT {COLUMNS} WHERE r.record = ?1"))?;
        let found = select.query_row([record.0], read).optional()?;
        Ok(found.map(|record| self.mark_withheld(record)))
    }

    /// Finds records whose id begins with `digits` (hexadecimal, without hyphens, at most 32), in order, at most `limit`.
    /// Other text finds nothing.
    ///
    /// # Errors
    ///
    /// The store's.
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

    /// Lists records with their whole values, the last changed first.
    pub(crate) fn list_whole(&self, query: &Query) -> Result<Vec<Record>, ClientError> {
        self.check_lease()?;
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
            let sql = "(r.text LIKE ? ESCAPE '\\' OR text_if_held(r.sealed, r.record) LIKE ? ESCAPE '\\')";
            condition(sql, make_pattern(text).into());
        }
        for (field, value) in &query.fields {
            let known =
                field.split('.').all(|part| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
            if !known {
                return Err(ClientError::Missing(format!("field {field}")));
            }
            let sql = if self.may_be_sealed(field) {
                // The sealed part is opened only if the open part has no value.
                format!(
                    "coalesce(r.view ->> '$.{field}', view_if_held(r.sealed, r.record) ->> '$.{field}') = ?"
                )
            } else {
                format!("r.view ->> '$.{field}' = ?")
            };
            condition(&sql, to_sql(value));
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
        found.map(|record| Ok(self.mark_withheld(record?))).collect()
    }

    fn mark_withheld(&self, mut record: Record) -> Record {
        record.withheld = self.seal.is_blind(&record.record_type);
        record
    }

    /// Whether a field, or the field around it, is unknown or personal in some type.
    fn may_be_sealed(&self, path: &str) -> bool {
        let name = path.split('.').next().unwrap_or(path);
        let mut fields = self.schema.types.values().filter_map(|t| t.field(name)).peekable();
        !name.starts_with("_ticket") && (fields.peek().is_none() || fields.any(seal::is_personal))
    }
}

fn to_sql(value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(b) => i64::from(*b).into(),
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or(0.0).into(), Into::into),
        Value::String(s) => s.clone().into(),
        other => other.to_string().into(),
    }
}
