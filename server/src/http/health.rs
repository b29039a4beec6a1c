//! Whether the process lives, and whether it can serve.

use actix_web::{HttpResponse, Responder, web};
use gridledger_schema::code::Code;
use serde_json::json;

use super::{ApiError, block};
use crate::service::Service;

/// GET /healthz: the process answers.
pub async fn alive() -> impl Responder {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// GET /readyz: the store can be read and written, and is the one that phones know.
pub async fn ready(service: web::Data<Service>) -> Result<impl Responder, ApiError> {
    let set_back = block(move || {
        service.store.ready()?;
        service.set_back.why(&service)
    });
    if let Some(why) = set_back.await? {
        let detail = format!("{why}: stop the server and run `gridledger admin restore --in-place`");
        return Err(ApiError::new(Code::ServerBehind, detail));
    }
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}
