//! Reads a request's body: bounded in bytes and in time, never inflated.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, web};
use gridledger_schema::code::Code;
use gridledger_schema::limits::{BODY_SECONDS, JSON_BODY_BYTES};
use serde::de::DeserializeOwned;

use super::ApiError;

/// How long a body may take, when the application says otherwise than [`BODY_SECONDS`].
#[derive(Clone, Copy, Debug)]
pub struct BodyTime(pub Duration);

/// Reads a body of at most `limit` bytes.
pub async fn read(request: &HttpRequest, payload: web::Payload, limit: usize) -> Result<Bytes, ApiError> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Code::EncodingUnsupported.into());
    }
    let said = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if said
        .and_then(|value| value.parse::<u64>().ok())
        .is_some_and(|bytes| bytes > limit as u64)
    {
        return Err(Code::BodyTooLarge.into());
    }
    let time = request
        .app_data::<web::Data<BodyTime>>()
        .map_or(Duration::from_secs(BODY_SECONDS), |time| time.0);
    match tokio::time::timeout(time, payload.to_bytes_limited(limit)).await {
        Err(_) => Err(Code::BodyTooSlow.into()),
        Ok(Err(_)) => Err(Code::BodyTooLarge.into()),
        Ok(Ok(Err(_))) => Err(ApiError::new(Code::BadRequest, "the body broke off")),
        Ok(Ok(Ok(bytes))) => Ok(bytes),
    }
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
        return Err(ApiError::new(
            Code::BadRequest,
            "the content type must be application/json",
        ));
    }
    let bytes = read(request, payload, JSON_BODY_BYTES).await?;
    // serde_json stops at 128 levels.
    serde_json::from_slice(&bytes).map_err(|error| ApiError::new(Code::BadRequest, explain(&error)))
}

fn is_json(request: &HttpRequest) -> bool {
    let Some(kind) = request.headers().get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// Where the JSON is wrong. What stands there is left out: it may be a password.
fn explain(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "does not have the expected fields",
        serde_json::error::Category::Eof => "ends too early",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            "is not well formed or too deep"
        }
    };
    format!(
        "the JSON {what} (line {}, column {})",
        error.line(),
        error.column()
    )
}
