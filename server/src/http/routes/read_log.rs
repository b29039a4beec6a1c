//! `GET /v1/reads`: the read log.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::read_as;
use crate::desk::disclosure::read_log::page;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::service::Service;

/// `GET /v1/reads`
pub async fn log(
    caller: Caller,
    service: web::Data<Service>,
    pairs: web::Query<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let query = page::question(&pairs)?;
    let page = read_as(caller, service, move |reader| page::page(reader, &query)).await?;
    Ok(HttpResponse::Ok().json(json!({ "rows": page.rows, "cursor": page.cursor, "more": page.more })))
}
