//! Shares: certain fields of the records of one type and area, for one department's login, for a purpose, until a day.
//!
//! A second person approves a share. Pulled rows are in the read log before they leave. Each pull checks the share's last
//! day, its revocation, and the right of the person who made it.

use gridledger_core::calendar::DAY_MS;
use gridledger_core::reason;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{AreaNo, RecordId, hex};
use gridledger_schema::limits;
use gridledger_schema::set::{PrivacyClass, RecordType};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::desk::disclosure::read_log;
use crate::desk::disclosure::unmask;
use crate::desk::ledger::cursor::{Cursor, binding};
use crate::desk::ledger::not_a_cursor;
use crate::rights::reader::{ReadError, Reader};
use crate::store::rows::read_log::ReadKind;
use crate::store::rows::records::{LedgerQuery, LedgerRow};
use crate::store::rows::shares::{NewShare, Share};

/// Days a share lasts at most; then somebody looks again whether it is still needed.
const MOST_DAYS: i64 = 366;
/// Rows of a page if the question does not say.
const LIMIT: usize = 1_000;

/// A share as it is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    to: String,
    #[serde(rename = "type")]
    record_type: String,
    fields: Vec<String>,
    area: String,
    purpose: String,
    until: i64,
}

/// A page of a share's feed.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The rows, by area and the order of their last change.
    pub rows: Vec<Value>,
    /// The cursor of the next pull.
    pub cursor: String,
    /// Whether there is more now.
    pub more: bool,
}

/// Makes a share; its number.
pub fn make(reader: &Reader<'_>, terms: Terms) -> Result<u64, ReadError> {
    let wrong = |field: &str, rule: &str| Err(Refusal::of_field(Code::BadRequest, field, rule).into());
    let Some(area) = may_share(reader, &terms.area) else {
        let rule = "sharing needs a role that shares, in the area or above it";
        return Err(ReadError::refused(Code::Forbidden, rule));
    };
    let schema = &reader.service.schema;
    let Some(record_type) = schema.record_type(&terms.record_type) else {
        return Err(ReadError::refused(Code::TypeUnknown, "no such record type"));
    };
    may_be_shared(record_type, &terms.fields)?;
    let purpose = reason::checked(Some(&terms.purpose))
        .map_err(|refusal| Refusal::of_field(Code::BadRequest, "purpose", refusal.rule))?;
    if terms.to == reader.login {
        return Err(
            Refusal::of_field(Code::SecondPersonRequired, "to", "somebody else than who makes it").into()
        );
    }
    let known = reader.service.store.user_by_login(&terms.to)?;
    if known.is_none_or(|user| user.revoked) {
        return wrong("to", "nobody with this login");
    }
    if !(reader.now + 1..=reader.now + MOST_DAYS * DAY_MS).contains(&terms.until) {
        return wrong("until", &format!("later than now, and at most {MOST_DAYS} days"));
    }
    Ok(reader.service.store.put_share(NewShare {
        to: terms.to,
        record_type: terms.record_type,
        fields: terms.fields,
        area,
        purpose,
        until: terms.until,
        made_by: reader.login.to_owned(),
        made_at: reader.now,
    })?)
}

fn may_share(reader: &Reader<'_>, code: &str) -> Option<AreaNo> {
    let area = reader.tree().by_code(code)?.no;
    reader.rights().may_share(area, reader.now).then_some(area)
}

/// Each field once, of the ordinary read class, none sensitive: care tags and their like are in no share.
fn may_be_shared(record_type: &RecordType, fields: &[String]) -> Result<(), Refusal> {
    if fields.is_empty() {
        return Err(Refusal::of_field(Code::BadRequest, "fields", "at least one"));
    }
    for (at, name) in fields.iter().enumerate() {
        let Some(field) = record_type.field(name).filter(|_| !fields[..at].contains(name)) else {
            let rule = format!("not a field of {}, or there twice", record_type.name);
            return Err(Refusal::of_field(Code::FieldUnknown, "fields", rule));
        };
        if field.facet != 0 || field.privacy.class == PrivacyClass::Sensitive {
            return Err(Refusal::of_field(Code::Forbidden, name, "a sensitive field is in no share"));
        }
    }
    Ok(())
}

/// Whether the reader answers for what leaves an area: who shares there, or watches over its read log.
fn answers_for(reader: &Reader<'_>, area: AreaNo) -> bool {
    let rights = reader.rights();
    rights.may_share(area, reader.now) || rights.may_audit(area, reader.now)
}

/// A second person agrees. Neither who made the share does so, nor who gets it.
pub fn approve(reader: &Reader<'_>, no: u64) -> Result<(), ReadError> {
    let share = reader.service.store.share(no)?;
    let share = share.filter(|share| answers_for(reader, share.terms.area));
    let share = share.ok_or_else(no_such_share)?;
    if share.terms.made_by == reader.login || share.terms.to == reader.login {
        let rule = "somebody else than who made the share and who gets it";
        return Err(ReadError::refused(Code::SecondPersonRequired, rule));
    }
    goes_on(reader, &share)?;
    reader.service.store.approve_share(no, reader.login, reader.now)?;
    Ok(())
}

/// Whether a share is valid: its last day is ahead, it is not revoked, and its maker could make it now.
fn goes_on(reader: &Reader<'_>, share: &Share) -> Result<(), ReadError> {
    let ended = |rule: &str| Err(ReadError::refused(Code::ShareEnded, rule));
    if !share.is_good(reader.now) {
        return ended("it has ended or was revoked");
    }
    let maker = reader.service.store.user_by_login(&share.terms.made_by)?;
    let Some(maker) = maker.filter(|user| !user.revoked) else {
        return ended("the account that made it was revoked");
    };
    let grants = reader.service.store.grants(maker.no)?;
    let maker = Reader::new(reader.service, &maker.login, &grants);
    if !maker.rights().may_share(share.terms.area, reader.now) {
        return ended("who made it shares nothing there any more");
    }
    Ok(())
}

/// The shares that the reader may make or audit, and those made for him or her, the newest first.
pub fn list(reader: &Reader<'_>) -> Result<Vec<Value>, ReadError> {
    let shows = |share: &Share| share.terms.to == reader.login || answers_for(reader, share.terms.area);
    let shares = reader.service.store.shares()?;
    Ok(shares.iter().filter(|share| shows(share)).map(|share| to_json(reader, share)).collect())
}

fn to_json(reader: &Reader<'_>, share: &Share) -> Value {
    let terms = &share.terms;
    json!({
        "id": share.no,
        "to": terms.to,
        "type": terms.record_type,
        "fields": terms.fields,
        "area": reader.tree().get(terms.area).map(|area| &area.code),
        "purpose": terms.purpose,
        "until": terms.until,
        "made_by": terms.made_by,
        "made_at": terms.made_at,
        "approved_by": share.approved.as_ref().map(|(by, _)| by),
        "approved_at": share.approved.as_ref().map(|(_, at)| at),
        "revoked_at": share.revoked_at,
    })
}

/// Ends a share, at once.
pub fn revoke(reader: &Reader<'_>, no: u64) -> Result<(), ReadError> {
    let share = reader.service.store.share(no)?;
    if !share.is_some_and(|share| reader.rights().may_share(share.terms.area, reader.now)) {
        return Err(no_such_share());
    }
    Ok(reader.service.store.revoke_share(no, reader.now)?)
}

fn no_such_share() -> ReadError {
    ReadError::refused(Code::NotFound, "no such share")
}

/// Answers one pull of the login that a share was made for.
pub fn feed(
    reader: &Reader<'_>,
    no: u64,
    since: Option<&str>,
    limit: Option<usize>,
) -> Result<Page, ReadError> {
    let store = &reader.service.store;
    let share = store.share(no)?.filter(|share| share.terms.to == reader.login).ok_or_else(no_such_share)?;
    goes_on(reader, &share)?;
    if share.approved.is_none() {
        let rule = "nobody has approved this share";
        return Err(ReadError::refused(Code::SecondPersonRequired, rule));
    }
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=limits::LEDGER_PAGE_ROWS).contains(&limit) {
        let rule = format!("from 1 to {} rows", limits::LEDGER_PAGE_ROWS);
        return Err(Refusal::of_field(Code::LimitExceeded, "limit", rule).into());
    }
    let (bound, epoch) = (binding(["share", &no.to_string()]), reader.service.identity.epoch);
    let since = since.filter(|text| !text.is_empty());
    let mut cursor = match since {
        Some(text) => Cursor::decode(text, epoch, bound).map_err(not_a_cursor)?,
        None => Cursor::default(),
    };
    let areas = reader.tree().below(share.terms.area, reader.now);
    let found = store.ledger(&LedgerQuery {
        record_type: share.terms.record_type.clone(),
        areas: areas.iter().map(|area| (*area, cursor.positions.get(area).copied().unwrap_or(0))).collect(),
        limit,
    })?;
    for row in &found.rows {
        let (area, position) = row.position();
        cursor.positions.insert(area, position);
    }
    cursor.positions.extend(found.read);
    let found = found.rows;
    let next = cursor.encode(epoch, bound);
    let (mut rows, mut seen) = (Vec::new(), Vec::new());
    for row in &found {
        let within = areas.binary_search(&row.record.area).is_ok();
        match (row.left, row.record.erased) {
            // It is among the rows of the area where it is now.
            (Some(_), _) if within => {}
            (Some(_), _) => rows.push(json!({ "id": row.record.record, "left": true })),
            // A first pull was shown nothing that could be gone.
            (None, true) if since.is_none() => {}
            (None, true) => rows.push(json!({ "id": row.record.record, "erased": true })),
            (None, false) => {
                rows.push(granted(reader, &share, row));
                seen.push((row.record.record, row.record.area));
            }
        }
    }
    note_share(reader, &share, (since, &next), &seen)?;
    Ok(Page { more: found.len() == limit, rows, cursor: next })
}

/// The pull's row in the read log: how many, of whom, from which cursor to which (by their fingerprints).
fn note_share(
    reader: &Reader<'_>,
    share: &Share,
    (from, to): (Option<&str>, &str),
    seen: &[(RecordId, AreaNo)],
) -> Result<(), ReadError> {
    let print = |cursor: &str| hex(&Sha256::digest(cursor.as_bytes())[..8]);
    let from = from.map_or_else(|| "start".to_owned(), print);
    let terms = &share.terms;
    let subject = format!("{} share={} from={from} to={}", terms.record_type, share.no, print(to));
    let mut read =
        read_log::note(reader, (ReadKind::Share, subject), terms.fields.clone(), &terms.purpose, seen);
    (read.area, read.share) = (Some(terms.area), Some(share.no));
    unmask::note(reader, read)
}

/// A row with the granted fields and nothing else.
fn granted(reader: &Reader<'_>, share: &Share, row: &LedgerRow) -> Value {
    let view = row.views.iter().find(|(facet, _)| *facet == 0).map(|(_, view)| view);
    let fields: Map<String, Value> =
        share.terms.fields.iter().filter_map(|name| Some((name.clone(), view?.get(name)?.clone()))).collect();
    json!({
        "id": row.record.record,
        "area": reader.tree().get(row.record.area).map(|area| &area.code),
        "changed_at": row.record.changed_at,
        "fields": fields,
    })
}
