//! The HTTP side: the application, and what every route shares.
//!
//! Reading order: [`app`] builds and runs the server and lists the routes; [`listen`] makes connections, each a [`mod@line`]
//! with or without [`tls`]; [`observe`] wraps each request with an id, a log line, counters and headers; [`rates`] says
//! how often one may ask; [`error`] is the one shape of every refusal; [`body`] reads bodies within limits.

pub mod app;
mod bare;
pub mod body;
pub mod entries;
pub mod erasure;
pub mod error;
pub mod exports;
pub mod health;
pub mod ledgers;
pub mod line;
pub mod listen;
pub mod lost;
pub mod metrics;
mod numbered;
pub mod observe;
pub mod peer;
pub mod pieces;
pub mod plans;
pub mod rates;
pub mod reads;
pub mod records;
pub mod refused;
pub mod request_id;
pub mod room;
pub mod seats;
pub mod sessions;
pub mod shares;
pub mod sync;
pub mod tls;

use actix_web::web;
use gridledger_schema::code::Code;

use crate::service::Service;

pub use app::{Running, start};
pub use error::ApiError;
pub use metrics::Metrics;

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
