//! Whether the process lives, and whether it can serve.

use actix_web::{HttpResponse, Responder, web};
use serde_json::json;

use super::{ApiError, block};
use crate::service::Service;

/// GET /healthz: the process answers.
pub async fn alive() -> impl Responder {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// GET /readyz: the store can be read and written.
pub async fn ready(service: web::Data<Service>) -> Result<impl Responder, ApiError> {
    block(move || service.store.ready()).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}
