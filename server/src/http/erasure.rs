//! `POST /v1/records/{id}/erase` and `GET /v1/records/{id}/erasures`: what a person may have taken out again, and what was.

use actix_web::{HttpResponse, web};
use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Json;
use super::{ApiError, block};
use crate::auth::Caller;
use crate::epochs::{Reason, Wanted, erase};
use crate::reading::{ReadError, Reader};
use crate::service::Service;
use crate::store::records::ErasureRow;

/// Fields one request may name.
const FIELDS: usize = 200;

/// The body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// None: the whole record.
    fields: Option<Vec<String>>,
    reason: String,
    /// When the person concerned asked; now, if it is not said.
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
    let done = block(move || {
        let reader = Reader::new(&service, &caller.user.login, &caller.grants);
        may_erase(&reader, record)?;
        let wanted = wanted(&reader, record, body)?;
        let seq = erase(&service, &wanted)?;
        Ok::<_, ReadError>(json!({ "record": record, "seq": seq, "asked_at": wanted.asked_at }))
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
    let rows = block(move || {
        let reader = Reader::new(&service, &caller.user.login, &caller.grants);
        may_erase(&reader, record)?;
        Ok::<_, ReadError>(service.store.erasures(Some(record))?)
    });
    let rows: Vec<Value> = rows.await?.iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(json!({ "record": record, "erasures": rows })))
}

fn shown(row: &ErasureRow) -> Value {
    json!({
        "fields": row.fields,
        "reason": row.reason,
        "by": row.by,
        "asked_at": row.asked_at,
        "done_at": row.done_at,
        "seq": row.seq,
    })
}

/// Who has no role where the record is learns nothing of it; who has one, but not this right, is told so.
fn may_erase(reader: &Reader<'_>, record: RecordId) -> Result<(), ReadError> {
    let found = reader.service.store.record(record)?;
    let area = found.map(|(row, _)| row.area);
    let Some(area) = area.filter(|area| reader.reach(*area).scope.is_some()) else {
        return Err(ReadError::refused(Code::NotFound, "no such record"));
    };
    if reader.rights().may_erase(area, reader.now) {
        return Ok(());
    }
    Err(ReadError::refused(
        Code::Forbidden,
        "no role that erases is held there",
    ))
}

fn wanted(reader: &Reader<'_>, record: RecordId, body: Body) -> Result<Wanted, ReadError> {
    let refused = |rule: String| Err(ReadError::refused(Code::BadRequest, rule));
    let fields = body.fields.unwrap_or_default();
    if fields.len() > FIELDS {
        return refused(format!("at most {FIELDS} fields"));
    }
    let Some(reason) = Reason::parse(&body.reason) else {
        let words: Vec<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        return refused(format!("`reason` is one of {}", words.join(", ")));
    };
    let asked_at = body.asked_at.unwrap_or(reader.now);
    if !(0..=reader.now).contains(&asked_at) {
        return refused("`asked_at` lies ahead".into());
    }
    Ok(Wanted {
        record,
        fields,
        reason,
        by: reader.login.to_owned(),
        asked_at,
    })
}
