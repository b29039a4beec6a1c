//! Shares and exports.

use gridledger_schema::ids::AreaNo;

use crate::store::Store;
use crate::store::StoreError;
use crate::store::rows::shares::{Export, NewExport, NewShare, Share};
use crate::store::sql::{Optional as _, Row, SqlError};

const SHARE: &str = "SELECT share, login, type, fields, area, purpose, until, made_by, made_at, revoked_at, approved_by, approved_at FROM shares";
const EXPORT: &str =
    "SELECT export, asked_by, type, area, reason, asked_at, approved_by, approved_at FROM exports";

fn share(row: &Row) -> Result<Share, SqlError> {
    let fields: String = row.get(3)?;
    let (by, at): (Option<String>, Option<i64>) = (row.get(10)?, row.get(11)?);
    Ok(Share {
        approved: by.zip(at),
        no: row.get::<_, i64>(0)? as u64,
        terms: NewShare {
            to: row.get(1)?,
            record_type: row.get(2)?,
            fields: fields.split(',').map(str::to_owned).collect(),
            area: AreaNo(row.get(4)?),
            purpose: row.get(5)?,
            until: row.get(6)?,
            made_by: row.get(7)?,
            made_at: row.get(8)?,
        },
        revoked_at: row.get(9)?,
    })
}

fn export(row: &Row) -> Result<Export, SqlError> {
    let (by, at): (Option<String>, Option<i64>) = (row.get(6)?, row.get(7)?);
    Ok(Export {
        no: row.get::<_, i64>(0)? as u64,
        asked: NewExport {
            asked_by: row.get(1)?,
            record_type: row.get(2)?,
            area: AreaNo(row.get(3)?),
            reason: row.get(4)?,
            asked_at: row.get(5)?,
        },
        approved: by.zip(at),
    })
}

impl Store {
    /// Makes a share; returns its number.
    pub fn put_share(&self, share: NewShare) -> Result<u64, StoreError> {
        self.engine.write_alone(move |c| {
            let mut insert = c.prepare_cached(
                "INSERT INTO shares (login, type, fields, area, purpose, until, made_by, made_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING share",
            )?;
            let row = (
                &share.to,
                &share.record_type,
                share.fields.join(","),
                share.area.0,
                &share.purpose,
                share.until,
                &share.made_by,
                share.made_at,
            );
            Ok(insert.query_row(row, |row| row.get::<_, i64>(0))? as u64)
        })
    }

    /// A share.
    pub fn share(&self, no: u64) -> Result<Option<Share>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(&format!("{SHARE} WHERE share = ?1"))?;
            Ok(select.query_row([no as i64], share).optional()?)
        })
    }

    /// Every share, the newest first.
    pub fn shares(&self) -> Result<Vec<Share>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(&format!("{SHARE} ORDER BY share DESC"))?;
            Ok(select.query_map((), share)?.collect::<Result<_, _>>()?)
        })
    }

    /// Notes that a second person agrees to a share; `false` if it was approved before.
    pub fn approve_share(&self, no: u64, by: &str, at: i64) -> Result<bool, StoreError> {
        let by = by.to_owned();
        self.engine.write_alone(move |c| {
            let sql = "UPDATE shares SET approved_by = ?2, approved_at = ?3 WHERE share = ?1 AND approved_by IS NULL";
            Ok(c.execute(sql, (no as i64, &by, at))? == 1)
        })
    }

    /// Ends a share; one that has ended stays as it is.
    pub fn revoke_share(&self, no: u64, at: i64) -> Result<(), StoreError> {
        self.engine.write_alone(move |c| {
            let sql = "UPDATE shares SET revoked_at = ?2 WHERE share = ?1 AND revoked_at IS NULL";
            c.execute(sql, (no as i64, at))?;
            Ok(())
        })
    }

    /// Notes a request for an export; returns its number.
    pub fn put_export(&self, export: NewExport) -> Result<u64, StoreError> {
        self.engine.write_alone(move |c| {
            let mut insert = c.prepare_cached(
                "INSERT INTO exports (asked_by, type, area, reason, asked_at) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING export",
            )?;
            let row = (
                &export.asked_by,
                &export.record_type,
                export.area.0,
                &export.reason,
                export.asked_at,
            );
            Ok(insert.query_row(row, |row| row.get::<_, i64>(0))? as u64)
        })
    }

    /// An export.
    pub fn export(&self, no: u64) -> Result<Option<Export>, StoreError> {
        self.engine.read(|c| {
            let mut select = c.prepare_cached(&format!("{EXPORT} WHERE export = ?1"))?;
            Ok(select.query_row([no as i64], export).optional()?)
        })
    }

    /// Exports asked for at or after a time, the newest first.
    pub fn exports(&self, from: i64) -> Result<Vec<Export>, StoreError> {
        self.engine.read(|c| {
            let mut select =
                c.prepare_cached(&format!("{EXPORT} WHERE asked_at >= ?1 ORDER BY export DESC"))?;
            Ok(select.query_map([from], export)?.collect::<Result<_, _>>()?)
        })
    }

    /// Approves an export; `false` if it was approved before.
    pub fn approve_export(&self, no: u64, by: &str, at: i64) -> Result<bool, StoreError> {
        let by = by.to_owned();
        self.engine.write_alone(move |c| {
            let sql = "UPDATE exports SET approved_by = ?2, approved_at = ?3 WHERE export = ?1 AND approved_by IS NULL";
            Ok(c.execute(sql, (no as i64, &by, at))? == 1)
        })
    }
}
