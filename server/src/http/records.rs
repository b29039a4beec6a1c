//! `GET /v1/records/{id}` and its history.

use actix_web::{HttpResponse, web};
use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use serde_json::Value;

use super::{ApiError, block};
use crate::auth::Caller;
use crate::reading::{ReadError, Reader};
use crate::service::Service;
use crate::view;

/// `GET /v1/records/{id}`
pub async fn record(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    answer(caller, service, &id, view::record).await
}

/// `GET /v1/records/{id}/history`
pub async fn history(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    answer(caller, service, &id, view::history).await
}

async fn answer(
    caller: Caller,
    service: web::Data<Service>,
    id: &str,
    look: fn(&Reader<'_>, RecordId) -> Result<Value, ReadError>,
) -> Result<HttpResponse, ApiError> {
    // What is no id names nothing.
    let record: RecordId = id.parse().map_err(|_| Code::NotFound)?;
    let service = service.into_inner();
    let shown =
        block(move || look(&Reader::new(&service, &caller.user.login, &caller.grants), record)).await?;
    Ok(HttpResponse::Ok().json(shown))
}
