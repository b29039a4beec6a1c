//! The number in a path that names a share or an export.

use actix_web::{HttpResponse, web};
use gridledger_schema::code::Code;

use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;

/// The number in a path; what is none names nothing.
pub fn number(text: &str) -> Result<u64, ApiError> {
    text.parse::<u32>().map(u64::from).map_err(|_| Code::NotFound.into())
}

/// Does something to what the path names: 204.
pub async fn act(
    caller: Caller,
    service: web::Data<Service>,
    id: &str,
    act: fn(&Reader<'_>, u64) -> Result<(), ReadError>,
) -> Result<HttpResponse, ApiError> {
    let no = number(id)?;
    caller.work(move |caller| act(&Reader::new(&service, &caller.user.login, &caller.grants), no)).await?;
    Ok(HttpResponse::NoContent().finish())
}
