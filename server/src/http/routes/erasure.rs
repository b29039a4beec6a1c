//! `POST /v1/records/{id}/erase`, `POST /v1/refused/{feed}/{n}/erase` and `GET /v1/records/{id}/erasures`: what a person may
//! have taken out again, and what was.

use actix_web::{HttpResponse, web};
use gridledger_schema::code::Code;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::epochs::{Reason, Wanted, WantedEntry, erase, erase_refused};
use crate::http::edge::body::Json;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::store::rows::records::ErasureRow;

/// Fields one request may name.
const FIELDS: usize = 200;

/// The body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// None: the whole record.
    fields: Option<Vec<String>>,
    reason: String,
    /// The time of the person's request; now if absent.
    asked_at: Option<i64>,
}

/// `POST /v1/records/{id}/erase`
pub async fn erase_one(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
    Json(body): Json<Body>,
) -> Result<HttpResponse, ApiError> {
    let record: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let service = service.into_inner();
    let done = caller.write(move |caller| {
        let reader = Reader::new(&service, &caller.user.login, &caller.grants);
        may_erase(&reader, record)?;
        let wanted = wanted(&reader, record, body)?;
        let seq = erase(&service, &wanted)?;
        Ok::<_, ReadError>(json!({ "record": record, "seq": seq, "asked_at": wanted.asked_at }))
    });
    Ok(HttpResponse::Ok().json(done.await?))
}

/// `POST /v1/refused/{feed}/{n}/erase`
pub async fn erase_entry(
    caller: Caller,
    service: web::Data<Service>,
    which: web::Path<(String, String)>,
    Json(body): Json<Body>,
) -> Result<HttpResponse, ApiError> {
    let feed: FeedId = which.0.parse().map_err(|_| Code::NotFound)?;
    let n: u64 = which.1.parse().map_err(|_| Code::NotFound)?;
    let service = service.into_inner();
    let done = caller.write(move |caller| {
        let reader = Reader::new(&service, &caller.user.login, &caller.grants);
        let place = service.store.refused_place(feed, n)?;
        let (record, area) = place.ok_or_else(|| missing("no such refused entry"))?;
        may_erase_in(&reader, area)?;
        if body.fields.is_some() {
            let rule = "a refused entry goes as a whole";
            return Err(ReadError::refused(Code::BadRequest, rule));
        }
        let (reason, asked_at) = (body.reason()?, body.asked_at(&reader)?);
        let wanted = WantedEntry { entry: (feed, n), reason, by: reader.login.to_owned(), asked_at };
        erase_refused(&service, &wanted)?;
        Ok::<_, ReadError>(json!({ "feed": feed, "n": n, "record": record, "asked_at": asked_at }))
    });
    Ok(HttpResponse::Ok().json(done.await?))
}

/// `GET /v1/records/{id}/erasures`
pub async fn erasures(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let record: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let service = service.into_inner();
    let rows = caller.work(move |caller| {
        let reader = Reader::new(&service, &caller.user.login, &caller.grants);
        may_erase(&reader, record)?;
        Ok::<_, ReadError>(service.store.erasures(Some(record))?)
    });
    let rows: Vec<Value> = rows.await?.iter().map(erasure_json).collect();
    Ok(HttpResponse::Ok().json(json!({ "record": record, "erasures": rows })))
}

fn erasure_json(row: &ErasureRow) -> Value {
    json!({
        "fields": row.fields,
        "reason": row.reason,
        "by": row.by,
        "asked_at": row.asked_at,
        "done_at": row.done_at,
        "seq": row.seq,
        "entry": row.entry.map(|(feed, n)| json!({ "feed": feed, "n": n })),
    })
}

fn missing(rule: &str) -> ReadError {
    ReadError::refused(Code::NotFound, rule)
}

/// Whether the reader may have a record erased. Of a record that never came to be, the area counts that refused entries name.
fn may_erase(reader: &Reader<'_>, record: RecordId) -> Result<(), ReadError> {
    let store = &reader.service.store;
    if let Some((row, _)) = store.record(record)? {
        return may_erase_in(reader, Some(row.area));
    }
    let area = store.refused_in(record)?.ok_or_else(|| missing("no such record"))?;
    may_erase_in(reader, Some(area))
}

/// Checks the right to erase in an area. A person without a role there gets `not_found`; a person with a role but without
/// this right gets `forbidden`. A record in no existing area takes the right in a topmost area.
fn may_erase_in(reader: &Reader<'_>, area: Option<AreaNo>) -> Result<(), ReadError> {
    let rights = reader.rights();
    let erases = |area: AreaNo| rights.may_erase(area, reader.now);
    let tree = reader.tree();
    let outermost = tree.iter().filter(|info| info.parent.is_none());
    let roots: Vec<AreaNo> = outermost.map(|info| info.no).collect();
    let lies = |area: &AreaNo| roots.iter().any(|root| tree.is_within(*area, *root, reader.now));
    let allowed = match area.filter(lies) {
        Some(area) => erases(area),
        None => roots.iter().any(|root| erases(*root)),
    };
    if allowed {
        return Ok(());
    }
    if area.is_none_or(|area| reader.reach(area).scope.is_none()) {
        return Err(missing("no such record"));
    }
    Err(ReadError::refused(Code::Forbidden, "no role that erases is held there"))
}

impl Body {
    fn reason(&self) -> Result<Reason, ReadError> {
        let words = || Reason::ALL.map(Reason::as_str).join(", ");
        Reason::parse(&self.reason).ok_or_else(|| {
            let rule = format!("`reason` is one of {}", words());
            ReadError::refused(Code::BadRequest, rule)
        })
    }

    fn asked_at(&self, reader: &Reader<'_>) -> Result<i64, ReadError> {
        let asked_at = self.asked_at.unwrap_or(reader.now);
        if (0..=reader.now).contains(&asked_at) {
            return Ok(asked_at);
        }
        Err(ReadError::refused(Code::BadRequest, "`asked_at` lies ahead"))
    }
}

fn wanted(reader: &Reader<'_>, record: RecordId, body: Body) -> Result<Wanted, ReadError> {
    let (reason, asked_at) = (body.reason()?, body.asked_at(reader)?);
    let fields = body.fields.unwrap_or_default();
    if fields.len() > FIELDS {
        let rule = format!("at most {FIELDS} fields");
        return Err(ReadError::refused(Code::BadRequest, rule));
    }
    Ok(Wanted { record, fields, reason, by: reader.login.to_owned(), asked_at })
}
