//! `/v1/exports`: one asks to see many records unmasked, another says yes.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::numbered::act;
use crate::desk::disclosure::exports;
use crate::desk::disclosure::exports::Asked;
use crate::http::edge::body::Json;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::rights::reader::Reader;
use crate::service::Service;

/// `POST /v1/exports`
pub async fn ask(
    caller: Caller,
    service: web::Data<Service>,
    Json(asked): Json<Asked>,
) -> Result<HttpResponse, ApiError> {
    let no = caller
        .work(move |caller| {
            let reader = Reader::new(&service, &caller.user.login, &caller.grants);
            exports::ask(&reader, asked)
        })
        .await?;
    Ok(HttpResponse::Created().json(json!({ "id": no })))
}

/// `GET /v1/exports`
pub async fn list(caller: Caller, service: web::Data<Service>) -> Result<HttpResponse, ApiError> {
    let exports = caller
        .work(move |caller| exports::list(&Reader::new(&service, &caller.user.login, &caller.grants)))
        .await?;
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
