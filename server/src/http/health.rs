//! Whether the process lives, and whether it can serve.

use actix_web::{HttpResponse, Responder, web};
use gridledger_schema::code::Code;
use serde_json::json;

use super::{ApiError, block};
use crate::service::Service;
use crate::store::StoreError;

/// GET /healthz: the process answers.
pub async fn alive() -> impl Responder {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// GET /readyz: the store can be read and written, it is the one that phones know, and the clock is right.
pub async fn ready(service: web::Data<Service>) -> Result<impl Responder, ApiError> {
    let found = block(move || {
        service.store.ready()?;
        Ok::<_, StoreError>((service.set_back.why(&service)?, service.clock_doubt()?))
    });
    let (set_back, doubt) = found.await?;
    if let Some(why) = set_back {
        let detail = format!("{why}: stop the server and run `gridledger admin restore --in-place`");
        return Err(ApiError::new(Code::ServerBehind, detail));
    }
    if let Some(doubt) = doubt {
        return Err(ApiError::new(Code::ClockUnsure, doubt.sentences().1));
    }
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}
