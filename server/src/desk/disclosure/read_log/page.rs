//! `GET /v1/reads`: pages of the read log, for people who watch over it.

use gridledger_core::rights::AreaTree;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{AreaNo, RecordId, hex};
use gridledger_schema::limits;
use serde_json::{Value, json};

use crate::rights::reader::{ReadError, Reader};
use crate::store::rows::read_log::{ReadKind, ReadQuery, ReadRow};

/// Rows of a page if the question does not say.
const LIMIT: usize = 100;
/// Rows looked at for one page at most; who watches over few areas gets a short page with more to come.
const SCANNED_ROWS: usize = 50_000;
/// Characters of a login.
const LOGIN_CHARS: usize = 64;

/// A page of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The rows, in the order they were written.
    pub rows: Vec<Value>,
    /// The number to go on from.
    pub cursor: u64,
    /// Whether there is more now.
    pub more: bool,
}

/// Reads a question: `record`, `user`, `share`, `kind`, `from`, `to`, `since`, `limit`.
pub fn question(pairs: &[(String, String)]) -> Result<ReadQuery, Refusal> {
    let mut query = ReadQuery { limit: LIMIT, ..ReadQuery::default() };
    for (key, value) in pairs {
        let wrong = |rule: &str| Refusal::of_field(Code::BadRequest, key, rule);
        let number = || value.parse::<i64>().map_err(|_| wrong("a number"));
        match key.as_str() {
            "record" => {
                let record = value.parse::<RecordId>();
                query.record = Some(record.map_err(|_| wrong("the id of a record"))?);
            }
            "user" if value.chars().count() <= LOGIN_CHARS => query.user = Some(value.clone()),
            "user" => return Err(wrong("a login")),
            "share" => query.share = Some(number()?.unsigned_abs()),
            "kind" => {
                let kind = ReadKind::parse(value);
                query.kind = Some(kind.ok_or_else(|| wrong("a kind of read"))?);
            }
            "from" => query.from = Some(number()?),
            "to" => query.to = Some(number()?),
            "since" => query.after = number()?.max(0).unsigned_abs(),
            "limit" => query.limit = limit(value)?,
            _ => {
                return Err(Refusal::new(
                    Code::BadRequest,
                    "record, user, share, kind, from, to, since, limit",
                ));
            }
        }
    }
    Ok(query)
}

fn limit(value: &str) -> Result<usize, Refusal> {
    let most = limits::READ_LOG_PAGE_ROWS;
    let fits = value.parse().ok().filter(|number| (1..=most).contains(number));
    fits.ok_or_else(|| Refusal::of_field(Code::LimitExceeded, "limit", format!("from 1 to {most} rows")))
}

/// Reads a page of the rows about the areas that the reader watches over. Rows about no known area are for readers who
/// watch over a topmost area.
pub fn page(reader: &Reader<'_>, query: &ReadQuery) -> Result<Page, ReadError> {
    let rights = reader.rights();
    if !rights.areas(reader.now).iter().any(|area| rights.may_audit(*area, reader.now)) {
        return Err(ReadError::refused(Code::Forbidden, "no role held reads the read log"));
    }
    let watches_root =
        reader.tree().iter().any(|area| area.parent.is_none() && rights.may_audit(area.no, reader.now));
    let shows = |row: &ReadRow| row.read.area.map_or(watches_root, |area| rights.may_audit(area, reader.now));
    let (mut rows, mut after, mut scanned) = (Vec::new(), query.after, 0);
    loop {
        let limit = query.limit - rows.len();
        let found = reader.service.store.reads(&ReadQuery { after, limit, ..query.clone() })?;
        let (count, all) = (found.len(), found.len() < limit);
        for row in found {
            after = row.no;
            if shows(&row) {
                rows.push(to_json(reader.tree(), &row));
            }
        }
        scanned += count;
        if all || rows.len() >= query.limit || scanned >= SCANNED_ROWS {
            let cursor = after;
            return Ok(Page { rows, cursor, more: !all });
        }
    }
}

fn to_json(tree: &AreaTree, row: &ReadRow) -> Value {
    let read = &row.read;
    let code = |area: AreaNo| tree.get(area).map(|info| info.code.clone());
    json!({
        "no": row.no,
        "at": read.at,
        "received_at": read.received_at,
        "user": read.user,
        "device": read.device,
        "device_n": read.device_n,
        "kind": read.kind.as_str(),
        "subject": read.subject,
        "area": read.area.and_then(code),
        "fields": read.fields,
        "reason": read.reason,
        "records": read.records,
        "share": read.share,
        "hash": hex(&row.hash),
    })
}
