//! `/v1/exports`: a person asks to see many records unmasked, and a second person approves.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::numbered::act;
use super::read_as;
use crate::desk::disclosure::exports;
use crate::desk::disclosure::exports::Asked;
use crate::http::edge::body::Json;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::service::Service;

/// `POST /v1/exports`
pub async fn ask(
    caller: Caller,
    service: web::Data<Service>,
    Json(asked): Json<Asked>,
) -> Result<HttpResponse, ApiError> {
    let no = read_as(caller, service, move |reader| exports::ask(reader, asked)).await?;
    Ok(HttpResponse::Created().json(json!({ "id": no })))
}

/// `GET /v1/exports`
pub async fn list(caller: Caller, service: web::Data<Service>) -> Result<HttpResponse, ApiError> {
    let exports = read_as(caller, service, exports::list).await?;
    Ok(HttpResponse::Ok().json(json!({ "exports": exports })))
}

/// `POST /v1/exports/{id}/approve`
pub async fn approve(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    act(caller, service, &id, exports::approve).await
}
