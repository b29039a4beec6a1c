//! `GET /v1/lost`: what a restored server did not get back.

use actix_web::{HttpResponse, web};

use super::read_as;
use crate::desk::lost;
use crate::desk::lost::Question;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::service::Service;

/// `GET /v1/lost`
pub async fn list(
    caller: Caller,
    service: web::Data<Service>,
    question: web::Query<Question>,
) -> Result<HttpResponse, ApiError> {
    let shown = read_as(caller, service, move |reader| lost::list(reader, &question)).await?;
    Ok(HttpResponse::Ok().json(shown))
}
