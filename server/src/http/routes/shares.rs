//! `/v1/shares`: fields shared with departments, and their feeds.

use actix_web::{HttpResponse, web};
use gridledger_schema::code::{Code, Refusal};
use serde_json::json;

use super::numbered::{act, number};
use super::read_as;
use crate::desk::shares;
use crate::desk::shares::Terms;
use crate::http::edge::body::Json;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::service::Service;

/// `POST /v1/shares`
pub async fn make(
    caller: Caller,
    service: web::Data<Service>,
    Json(terms): Json<Terms>,
) -> Result<HttpResponse, ApiError> {
    let no = read_as(caller, service, move |reader| shares::make(reader, terms)).await?;
    Ok(HttpResponse::Created().json(json!({ "id": no })))
}

/// `GET /v1/shares`
pub async fn list(caller: Caller, service: web::Data<Service>) -> Result<HttpResponse, ApiError> {
    let shares = read_as(caller, service, shares::list).await?;
    Ok(HttpResponse::Ok().json(json!({ "shares": shares })))
}

/// `POST /v1/shares/{id}/approve`
pub async fn approve(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    act(caller, service, &id, shares::approve).await
}

/// `DELETE /v1/shares/{id}`
pub async fn revoke(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    act(caller, service, &id, shares::revoke).await
}

/// `GET /v1/shares/{id}/feed`
pub async fn feed(
    caller: Caller,
    service: web::Data<Service>,
    id: web::Path<String>,
    pairs: web::Query<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let no = number(&id)?;
    let (mut since, mut limit) = (None, None);
    for (key, value) in pairs.into_inner() {
        match key.as_str() {
            "since" => since = Some(value),
            "limit" => {
                let wrong = |_| Refusal::of_field(Code::BadRequest, "limit", "a number");
                limit = Some(value.parse().map_err(wrong)?);
            }
            _ => return Err(ApiError::new(Code::BadRequest, "a feed takes since and limit")),
        }
    }
    let page =
        read_as(caller, service, move |reader| shares::feed(reader, no, since.as_deref(), limit)).await?;
    Ok(HttpResponse::Ok().json(json!({ "rows": page.rows, "cursor": page.cursor, "more": page.more })))
}
