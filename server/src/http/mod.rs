//! The HTTP side: the application, and what every route shares.
//!
//! Reading order: [`app`] builds and runs the server and lists the routes; [`listen`] makes connections, each a [`mod@line`]
//! with or without [`tls`]; [`observe`] wraps each request with an id, a log line, counters and headers; [`rates`] says
//! how often one may ask; [`error`] is the one shape of every refusal; [`body`] reads bodies within limits.

pub mod app;
pub mod edge;
pub mod routes;
pub mod signed_in;

use actix_web::web;
use gridledger_schema::code::Code;

use crate::service::running::Service;

pub use crate::http::edge::error::ApiError;
pub use crate::http::edge::metrics::Metrics;
pub use app::{Running, start};

/// The one door from async code to the store: runs `work` on a thread that may block.
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
    if service.set_back.is_known_sound(service)
        && let Some(now) = service.clock.at_once()
    {
        return Ok(now);
    }
    let service = service.clone();
    block(move || service.trusted_now()).await
}
