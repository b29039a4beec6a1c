//! Runs blocking work for async code: the only way from a route to the store.

use actix_web::web;
use gridledger_schema::code::Code;

use super::error::ApiError;
use crate::service::Service;

/// Runs `work` on a thread that may block.
pub async fn block<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    match web::block(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(Code::Internal.into()),
    }
}

/// The server's clock, if it is to be trusted, ms since 1970.
pub async fn trusted_now(service: &web::Data<Service>) -> Result<i64, ApiError> {
    if service.is_known_sound()
        && let Some(now) = service.clock.at_once()
    {
        return Ok(now);
    }
    let service = service.clone();
    block(move || service.trusted_now()).await
}
