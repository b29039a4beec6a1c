//! The number in a path that names a share or an export.

use actix_web::{HttpResponse, web};
use gridledger_schema::code::Code;

use super::read_as;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;

/// Reads the number in a path. A text that is no number names nothing.
pub fn number(text: &str) -> Result<u64, ApiError> {
    text.parse::<u32>().map(u64::from).map_err(|_| Code::NotFound.into())
}

/// Acts on the share or export that the path names, and answers 204.
pub async fn act(
    caller: Caller,
    service: web::Data<Service>,
    id: &str,
    act: fn(&Reader<'_>, u64) -> Result<(), ReadError>,
) -> Result<HttpResponse, ApiError> {
    let no = number(id)?;
    read_as(caller, service, move |reader| act(reader, no)).await?;
    Ok(HttpResponse::NoContent().finish())
}
