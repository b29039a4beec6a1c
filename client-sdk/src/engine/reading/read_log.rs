//! Whole values for a purpose. Each reading leaves a row with the record, the fields, the reason and the time. The row is
//! durable before the values are returned, and it goes out first at the next sync.

use gridledger_core::handlers::handlers;
use gridledger_core::{mask, reason};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::RecordId;
use gridledger_schema::limits;
use gridledger_schema::set::{Scope, Unmasks};
use gridledger_schema::wire::Read;
use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::engine::file::settings::LAST_READ;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::engine::records::entries;
use crate::error::{ClientError, lease_ended};
use crate::model::{Purpose, Record};

/// Milliseconds for which a record whose whole values were seen counts.
const DAY_MS: i64 = limits::EXPORT_HOURS * 3_600_000;

impl Engine {
    /// Opens a record for a purpose: gives all of it unmasked, `_conflicts` included; `None` if it is not here.
    ///
    /// # Errors
    ///
    /// `forbidden` without a role that sees unmasked values there, `second_person_required` beyond the limit of a day, and the
    /// store's.
    pub fn open_record(
        &mut self,
        record: RecordId,
        purpose: &Purpose,
    ) -> Result<Option<Record>, ClientError> {
        let Some(found) = self.get_whole(record)? else {
            return Ok(None);
        };
        let fields = self.list_masked_fields(&found);
        self.note_read(&found, &fields, purpose.reason())?;
        Ok(Some(self.show_withheld(found)))
    }

    /// Gives some fields of a record unmasked, for a reason of 4 to 200 characters. Fields without a value are left out.
    ///
    /// # Errors
    ///
    /// Those of [`open_record`](Self::open_record); `lease_ended` in the dark; `Missing` if the record is not here.
    pub fn reveal(
        &mut self,
        record: RecordId,
        fields: &[&str],
        reason: &str,
    ) -> Result<Map<String, Value>, ClientError> {
        let found = self.get_whole(record)?;
        let found = found.ok_or_else(|| ClientError::Missing(format!("record {record}")))?;
        if found.withheld {
            return Err(lease_ended().into());
        }
        let wanted = fields.iter().take(limits::READ_FIELDS);
        let shown: Map<String, Value> =
            wanted.filter_map(|name| Some(((*name).to_owned(), found.view.get(*name)?.clone()))).collect();
        let names: Vec<String> = shown.keys().cloned().collect();
        self.note_read(&found, &names, reason)?;
        Ok(shown)
    }

    /// Lists the fields of a record that lists show masked; for an unknown type, all fields.
    fn list_masked_fields(&self, record: &Record) -> Vec<String> {
        let known = self.schema.record_type(&record.record_type);
        let names = record.view.as_object().into_iter().flat_map(Map::keys);
        let masked = |name: &&String| match known.and_then(|known| known.field(name)) {
            Some(field) => mask::rule(field).is_some(),
            None => !name.starts_with('_'),
        };
        names.filter(masked).take(limits::READ_FIELDS).cloned().collect()
    }

    /// Keeps a row of the read log.
    fn note_read(&mut self, record: &Record, fields: &[String], given: &str) -> Result<(), ClientError> {
        let why = reason::checked(Some(given))?;
        self.write(Points::NONE, |engine, c| {
            if !engine.sees_whole(record)? {
                let rule =
                    "unmasked values need a role that sees them: in the area, or as who handles the record";
                return Err(Refusal::new(Code::Forbidden, rule).into());
            }
            let at = engine.now()?;
            check_day_limit(c, record.id, at)?;
            let n = LAST_READ.get(c)? + 1;
            LAST_READ.set(c, &n)?;
            let fields = serde_json::json!(fields).to_string();
            c.prepare_cached("INSERT INTO reads VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute((n, at, record.id.0, fields, why))
                .map_err(ClientError::of_store)?;
            Ok(())
        })
    }

    /// Whether the user may see a record's values unmasked now: the server's rule, applied to what this phone knows.
    fn sees_whole(&self, record: &Record) -> Result<bool, ClientError> {
        let Some(area) = self.tree.by_code(&record.area).map(|area| area.no) else {
            return Ok(false);
        };
        let (rights, now) = (self.rights(), self.rights_time(self.now()?)?);
        Ok(match rights.unmasks(area, now) {
            None => false,
            Some(Unmasks::Area) => true,
            // To a role with a narrower scope the server sends only what its holder handles.
            Some(Unmasks::Handled) => {
                rights.scope(area, now) != Some(Scope::Area) || self.is_handled(record)?
            }
        })
    }

    /// Whether the user handles a record or has created it.
    fn is_handled(&self, record: &Record) -> Result<bool, ClientError> {
        let me = &self.me.user;
        if handlers(&record.view).any(|handler| handler == me) {
            return Ok(true);
        }
        entries::has_created(&self.db, record.id)
    }

    /// Lists the rows that the server does not have yet, as many as one request carries.
    pub(crate) fn list_reads_to_send(&self) -> Result<Vec<Read>, ClientError> {
        let sql = "SELECT n, at, record, fields, reason FROM reads ORDER BY n LIMIT ?1";
        let mut select = self.db.prepare_cached(sql)?;
        let rows = select.query_map([limits::REQUEST_NOTES as i64], |row| {
            Ok(Read {
                n: row.get::<_, i64>(0)? as u64,
                at: row.get(1)?,
                record: RecordId(row.get(2)?),
                fields: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
                reason: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Counts the rows of the read log that the server does not have yet.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn unsent_reads(&self) -> Result<u64, ClientError> {
        let count = self.db.query_row("SELECT count(*) FROM reads", [], |row| row.get::<_, i64>(0))?;
        Ok(count as u64)
    }
}

/// Counts a record among those whose whole values were seen within a day, and refuses too many. The server has the same
/// limit; here it holds with no signal, too.
fn check_day_limit(tx: &Connection, record: RecordId, at: i64) -> Result<(), ClientError> {
    let count = count_seen_with(tx, record, at).map_err(ClientError::of_store)?;
    if count as usize <= limits::BULK_RECORDS {
        return Ok(());
    }
    let (most, hours) = (limits::BULK_RECORDS, limits::EXPORT_HOURS);
    let rule = format!("at most {most} records in {hours} hours alone");
    Err(Refusal::new(Code::SecondPersonRequired, rule).into())
}

/// Counts the records whose whole values were seen within a day, this one included.
fn count_seen_with(tx: &Connection, record: RecordId, at: i64) -> rusqlite::Result<i64> {
    tx.prepare_cached("DELETE FROM seen_whole WHERE at <= ?1")?.execute([at.saturating_sub(DAY_MS)])?;
    // A clock that was ahead and was corrected must not make the day longer.
    tx.prepare_cached("UPDATE seen_whole SET at = ?1 WHERE at > ?1")?.execute([at])?;
    tx.prepare_cached("INSERT INTO seen_whole VALUES (?1, ?2) ON CONFLICT (record) DO UPDATE SET at = ?2")?
        .execute((record.0, at))?;
    tx.prepare_cached("SELECT count(*) FROM seen_whole")?.query_row([], |row| row.get(0))
}

/// Removes the rows up to a number: the server has them.
pub(crate) fn remove_reads(c: &Connection, upto: u64) -> Result<(), ClientError> {
    let n = i64::try_from(upto).unwrap_or(i64::MAX);
    c.execute("DELETE FROM reads WHERE n <= ?1", [n])?;
    Ok(())
}
