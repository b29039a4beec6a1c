//! Reads a request's body: bounded in bytes and in time, never inflated.

use std::future::Future;
use std::net::IpAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::StreamExt as _;
use gridledger_schema::code::Code;
use gridledger_schema::limits::{BODY_SECONDS, JSON_BODY_BYTES, STRANGER_JSON_BYTES};
use serde::de::DeserializeOwned;

use super::peer;
use super::rates::{self, Rates};
use super::room::Room;
use crate::auth::network::network;
use crate::http::edge::error::ApiError;

/// The time that a body may take, if the application sets another than [`BODY_SECONDS`].
#[derive(Clone, Copy, Debug)]
pub struct BodyTime(pub Duration);

/// A body that was received, and the room it takes among all that are.
pub struct Body {
    bytes: Vec<u8>,
    _room: Option<Room>,
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body of at most `limit` bytes.
pub async fn read(request: &HttpRequest, payload: web::Payload, limit: usize) -> Result<Body, ApiError> {
    read_within(request, payload, |_| limit).await
}

/// Reads a body. Its limit may depend on how it begins; it is asked for again with each piece.
pub async fn read_within(
    request: &HttpRequest,
    payload: web::Payload,
    limit: impl Fn(&[u8]) -> usize,
) -> Result<Body, ApiError> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Code::EncodingUnsupported.into());
    }
    let said = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let said = said.and_then(|value| value.parse::<u64>().ok());
    if said.is_some_and(|bytes| bytes > limit(&[]) as u64) {
        return Err(Code::BodyTooLarge.into());
    }
    let time =
        request.app_data::<web::Data<BodyTime>>().map_or(Duration::from_secs(BODY_SECONDS), |time| time.0);
    match tokio::time::timeout(time, receive(request, payload, limit)).await {
        Err(_) => Err(Code::BodyTooSlow.into()),
        Ok(received) => received,
    }
}

async fn receive(
    request: &HttpRequest,
    mut payload: web::Payload,
    limit: impl Fn(&[u8]) -> usize,
) -> Result<Body, ApiError> {
    let rates = request.app_data::<web::Data<Rates>>();
    let (mut bytes, mut room, mut has) = (Vec::new(), None, STRANGER_JSON_BYTES);
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| ApiError::new(Code::BadRequest, "the body broke off"))?;
        bytes.extend_from_slice(&piece);
        if bytes.len() > limit(&bytes) {
            return Err(Code::BodyTooLarge.into());
        }
        if bytes.len() > has
            && let Some(rates) = rates
        {
            let room = room.get_or_insert_with(|| rates.rooms.begin(payer(request)));
            room.grow(bytes.len() - has)?;
            has = bytes.len();
        }
    }
    Ok(Body { bytes, _room: room })
}

/// The network that a body's room is counted for. A sync proves itself only once it is whole.
fn payer(request: &HttpRequest) -> Option<IpAddr> {
    let is_proven = rates::has_good_token(request);
    peer::address_of(request).map(network).filter(|_| !is_proven)
}

/// A JSON body.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), web::Payload::from_request(request, payload));
        Box::pin(async move {
            let payload = payload.await.map_err(|_| Code::BadRequest)?;
            json(&request, payload).await.map(Self)
        })
    }
}

async fn json<T: DeserializeOwned>(request: &HttpRequest, payload: web::Payload) -> Result<T, ApiError> {
    if !is_json(request) {
        return Err(ApiError::new(Code::BadRequest, "the content type must be application/json"));
    }
    // Whoever is not signed in has a login to send, or a token.
    let limit = if rates::has_good_token(request) { JSON_BODY_BYTES } else { STRANGER_JSON_BYTES };
    let bytes = read(request, payload, limit).await?;
    // serde_json stops at 128 levels.
    serde_json::from_slice(&bytes).map_err(|error| ApiError::new(Code::BadRequest, explain(&error)))
}

fn is_json(request: &HttpRequest) -> bool {
    let Some(kind) = request.headers().get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// Describes the place of an error in JSON, without the text there: it may be a password.
fn explain(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "does not have the expected fields",
        serde_json::error::Category::Eof => "ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            "is not well formed or too deep"
        }
    };
    format!("the JSON {what} (line {}, column {})", error.line(), error.column())
}
