//! Refused entries at a supervisor's desk: the list, masked like a ledger, and the ruling on one of them.

use gridledger_core::{canonical, mask};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{AreaNo, FeedId};
use gridledger_schema::limits;
use serde_json::{Value, json};

use crate::desk::writing::{DeskVerdict, admit};
use crate::rights::reader::{ReadError, Reader};
use crate::store::StoreError;
use crate::store::rows::people::User;
use crate::store::rows::refusals::{RefusedQuery, RefusedRow, RulingRow};

/// Entries of one answer, when nothing else is asked for, and at most.
const PAGE: usize = 100;
const PAGE_MOST: usize = 1_000;

/// The question for refused entries.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The code of an area: its records' and those of the areas below.
    pub area: Option<String>,
    /// Only those asked about that have no ruling yet.
    #[serde(default)]
    pub asked: bool,
    /// The end of the page before.
    pub before: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// `GET /v1/refused`: refused entries of the areas the reader supervises, the latest first.
pub fn list(reader: &Reader<'_>, question: &Question) -> Result<Value, ReadError> {
    let mut areas = reader.areas(question.area.as_deref())?;
    areas.retain(|area| reader.reach(*area).supervises);
    if areas.is_empty() {
        return Err(ReadError::refused(Code::Forbidden, "no role that supervises there"));
    }
    let limit = question.limit.unwrap_or(PAGE).clamp(1, PAGE_MOST);
    let before = question.before.as_deref().map(read_place).transpose()?;
    let query = RefusedQuery { areas, asked: question.asked, before, limit };
    let rows = reader.service.store.refused(&query)?;
    let next = (rows.len() == limit).then(|| rows.last().map(place)).flatten();
    let shown = rows
        .iter()
        .map(|row| is_supervised(reader, row)?.then(|| refused_json(reader, row)).transpose())
        .filter_map(Result::transpose)
        .collect::<Result<Vec<_>, ReadError>>()?;
    Ok(json!({ "refused": shown, "before": next }))
}

fn place(row: &RefusedRow) -> String {
    format!("{}.{}.{}", row.received_at, row.feed, row.n)
}

fn read_place(text: &str) -> Result<(i64, FeedId, u64), ReadError> {
    let mut parts = text.splitn(3, '.');
    let read = || -> Option<(i64, FeedId, u64)> {
        let at = parts.next()?.parse().ok()?;
        Some((at, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    let mut read = read;
    read().ok_or_else(|| ReadError::refused(Code::BadRequest, "before: not of an answer"))
}

/// Describes a refused entry: author, intents, times, refusal, request and ruling. Personal values are masked, and facets
/// that the reader may not read are left out.
fn refused_json(reader: &Reader<'_>, row: &RefusedRow) -> Result<Value, ReadError> {
    let area = reader.tree().get(row.area).map(|info| info.code.clone());
    let Refusal { code, rule, field } = &row.refusal;
    let mut shown = json!({
        "feed": row.feed, "n": row.n, "author": row.author, "record": row.record, "area": area,
        "received_at": row.received_at,
        "refusal": { "code": code, "rule": rule, "field": field, "message": { "zh": code.zh(), "en": code.en() } },
        "asked": row.asked.as_ref().map(|(at, note)| json!({ "at": at, "note": mask::scrub(note) })),
        "ruling": row.ruling.as_ref().map(ruling_json),
    });
    // An erased entry has no bytes left, only its row.
    if let Ok(entry) = canonical::decode(&row.body) {
        let record_type = type_of(reader, row, &entry)?;
        let found = record_type.as_deref().and_then(|of| reader.service.schema.record_type(of));
        let reach = reader.reach(row.area);
        let intents = entry.intents.iter().filter(|intent| reach.reads(intent.facet));
        let intents = mask::intents(found, intents);
        shown["type"] = json!(record_type);
        shown["at"] = json!(entry.at);
        shown["role"] = json!(entry.role);
        shown["creates"] = json!(matches!(entry.target, Target::Create { .. }));
        shown["intents"] = json!(intents);
    }
    Ok(shown)
}

fn type_of(reader: &Reader<'_>, row: &RefusedRow, entry: &Entry) -> Result<Option<String>, StoreError> {
    match &entry.target {
        Target::Create { record_type, .. } => Ok(Some(record_type.clone())),
        Target::Edit { .. } => {
            let found = reader.service.store.record(row.record)?;
            Ok(found.map(|(row, _)| row.record_type))
        }
    }
}

/// A ruling as it is shown.
pub fn ruling_json(ruling: &RulingRow) -> Value {
    let admitted_as = ruling.admitted_as.map(|(feed, n)| json!({ "feed": feed, "n": n }));
    json!({
        "admitted": ruling.admitted_as.is_some(), "by": ruling.by, "at": ruling.at, "note": ruling.note,
        "admitted_as": admitted_as,
    })
}

/// The outcome of a ruling.
#[derive(Clone, Debug)]
pub enum Ruled {
    /// This ruling stands; the same one given before stands too.
    Stands(RulingRow),
    /// The supervisor may not do it either.
    Refused(Refusal),
}

/// Admits a refused entry under the supervisor's own name.
pub fn admit_one(
    reader: &Reader<'_>,
    user: &User,
    (feed, n): (FeedId, u64),
    note: &str,
) -> Result<Ruled, ReadError> {
    let row = supervised(reader, (feed, n), note)?;
    if let Some(ruling) = row.ruling {
        return same(ruling, true);
    }
    if row.body.is_empty() {
        return Err(ReadError::refused(Code::NotFound, "its content was erased"));
    }
    let entry = canonical::decode(&row.body).map_err(|_| StoreError::Damaged("entries"))?;
    let reach = reader.reach(row.area);
    if entry.facets() & !reach.facets != 0 {
        return Err(ReadError::refused(Code::Forbidden, "it writes what the role may not read"));
    }
    let DeskVerdict { refused, .. } = match admit(reader.service, user, &row, note) {
        Err(ReadError::Refused(refusal)) if refusal.code == Code::AlreadyRuled => {
            return standing(reader, (feed, n), true);
        }
        other => other?,
    };
    match refused {
        Some(refusal) => Ok(Ruled::Refused(refusal)),
        None => standing(reader, (feed, n), true),
    }
}

/// Declines a refused entry.
pub fn decline_one(
    reader: &Reader<'_>,
    user: &User,
    (feed, n): (FeedId, u64),
    note: &str,
) -> Result<Ruled, ReadError> {
    let row = supervised(reader, (feed, n), note)?;
    if let Some(ruling) = row.ruling {
        return same(ruling, false);
    }
    let ruling = RulingRow {
        feed,
        n,
        by: user.login.clone(),
        at: reader.now,
        note: note.to_owned(),
        admitted_as: None,
    };
    match reader.service.store.decline(&ruling) {
        Ok(()) => Ok(Ruled::Stands(ruling)),
        Err(StoreError::Taken(_)) => standing(reader, (feed, n), false),
        Err(error) => Err(error.into()),
    }
}

/// Finds a refused entry, if the reader supervises its record's area. Other readers get `not_found`.
fn supervised(reader: &Reader<'_>, (feed, n): (FeedId, u64), note: &str) -> Result<RefusedRow, ReadError> {
    if note.chars().count() > limits::REASON_CHARS {
        let rule = format!("at most {} characters", limits::REASON_CHARS);
        return Err(Refusal::of_field(Code::LimitExceeded, "note", rule).into());
    }
    let row = reader.service.store.refused_entry(feed, n)?;
    let missing = || ReadError::refused(Code::NotFound, "no such refused entry");
    let row = row.filter(|row| row.area != AreaNo(0)).ok_or_else(missing)?;
    if is_supervised(reader, &row)? { Ok(row) } else { Err(missing()) }
}

/// Whether the reader supervises the area in which the record is now; where there is no record, the one it was to be in.
fn is_supervised(reader: &Reader<'_>, row: &RefusedRow) -> Result<bool, StoreError> {
    let found = reader.service.store.record_area(row.record)?;
    Ok(reader.reach(found.unwrap_or(row.area)).supervises)
}

fn standing(reader: &Reader<'_>, (feed, n): (FeedId, u64), admits: bool) -> Result<Ruled, ReadError> {
    let row = reader.service.store.refused_entry(feed, n)?;
    let ruling = row.and_then(|row| row.ruling);
    same(ruling.ok_or(StoreError::Damaged("rulings"))?, admits)
}

/// A ruling given before, if it says the same.
fn same(ruling: RulingRow, admits: bool) -> Result<Ruled, ReadError> {
    if ruling.admitted_as.is_some() == admits {
        Ok(Ruled::Stands(ruling))
    } else {
        let rule = format!("by {}, the other way", ruling.by);
        Err(ReadError::refused(Code::AlreadyRuled, rule))
    }
}
