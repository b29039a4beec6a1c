//! The routes, one file each.
//!
//! Reading order: [`sync`] is the phones' route; [`sessions`] signs people in; [`ledgers`], [`records`] and [`entries`]
//! serve desks; the others are short. [`health`] answers probes.

pub mod entries;
pub mod erasure;
pub mod exports;
pub mod health;
pub mod ledgers;
pub mod lost;
pub(crate) mod numbered;
pub mod plans;
pub mod read_log;
pub mod records;
pub mod refused;
pub mod sessions;
pub mod shares;
pub mod sync;

use actix_web::web;

use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;

/// Runs work with the rights of a signed-in caller, on a thread that may block.
async fn read_as<T: Send + 'static>(
    caller: Caller,
    service: web::Data<Service>,
    work: impl FnOnce(&Reader<'_>) -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ApiError> {
    caller.work(move |caller| work(&Reader::new(&service, &caller.user.login, &caller.grants))).await
}
