//! `GET /v1/records/{id}` and its history.

use actix_web::{HttpResponse, web};
use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use serde_json::Value;

use super::read_as;
use crate::desk::disclosure::unmask::Unmask;
use crate::desk::record as view;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;

/// `GET /v1/records/{id}`
pub async fn record(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
    pairs: web::Query<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    answer(caller, service, &id, &pairs, view::record).await
}

/// `GET /v1/records/{id}/history`
pub async fn history(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
    pairs: web::Query<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    answer(caller, service, &id, &pairs, view::history).await
}

/// A way of showing a record.
type Look = fn(&Reader<'_>, RecordId, Option<&Unmask>) -> Result<Value, ReadError>;

async fn answer(
    caller: Caller,
    service: web::Data<Service>,
    id: &str,
    pairs: &[(String, String)],
    look: Look,
) -> Result<HttpResponse, ApiError> {
    // A text that is no id names nothing.
    let record: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let plain = Unmask::read(pairs)?;
    let shown = read_as(caller, service, move |reader| look(reader, record, plain.as_ref())).await?;
    Ok(HttpResponse::Ok().json(shown))
}
