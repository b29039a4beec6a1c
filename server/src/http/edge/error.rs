//! The one shape of every answer that is a refusal or a failure.

use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use gridledger_schema::code::{Code, Refusal};
use serde_json::{Value, json};

use crate::auth::AuthError;
use crate::store::StoreError;

/// Characters of a detail; longer ones are cut.
const DETAIL_CHARS: usize = 300;

/// A refusal or failure on its way out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}")]
pub struct ApiError {
    /// The stable code.
    pub code: Code,
    /// The detail, for the developer of the calling program; never logged.
    pub detail: Option<String>,
    /// Seconds to wait before the next attempt.
    pub retry_after: Option<u32>,
}

impl ApiError {
    /// An error with a word for developers.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into().chars().take(DETAIL_CHARS).collect()), ..code.into() }
    }

    /// Too many attempts: come back in so many ms.
    pub fn wait_ms(ms: i64) -> Self {
        Self::wait(Duration::from_millis(ms.max(1).unsigned_abs()))
    }

    /// Too often: come back after this.
    pub fn wait(wait: Duration) -> Self {
        // Whole seconds, rounded up: who comes a moment too early would be turned away again.
        let seconds = wait.as_millis().div_ceil(1000).clamp(1, u128::from(u32::MAX));
        Self { retry_after: Some(seconds as u32), ..Code::RateLimited.into() }
    }

    /// The answer's body.
    pub fn body(&self, request_id: &str) -> Value {
        json!({
            "code": self.code.as_str(),
            "message": { "zh": self.code.zh(), "en": self.code.en() },
            "detail": self.detail,
            "retry": self.code.retry_can_help(),
            "request_id": request_id,
        })
    }

    /// The whole answer.
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        if let Some(seconds) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.code == Code::Unauthorised {
            response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        response.json(self.body(request_id))
    }

    fn retry_after(&self) -> Option<u32> {
        let usual = match self.code {
            Code::RateLimited => Some(5),
            Code::Busy | Code::StoreFailed => Some(2),
            Code::Recovering | Code::ServerBehind | Code::ClockUnsure => Some(60),
            _ => None,
        };
        self.retry_after.or(usual)
    }

    /// The error that an answer not made by us stands for.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let code = match status.as_u16() {
            401 => Code::Unauthorised,
            403 => Code::Forbidden,
            404 => Code::NotFound,
            405 => Code::MethodNotAllowed,
            408 => Code::BodyTooSlow,
            413 => Code::BodyTooLarge,
            415 => Code::EncodingUnsupported,
            429 => Code::RateLimited,
            503 => Code::Busy,
            400..=499 => Code::BadRequest,
            _ => Code::Internal,
        };
        code.into()
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// [`observe`](super::observe) makes the same answer again, with the request's id.
    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.response("")
    }
}

impl From<Code> for ApiError {
    fn from(code: Code) -> Self {
        Self { code, detail: None, retry_after: None }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.field.map_or(refusal.rule.clone(), |field| format!("{field}: {}", refusal.rule));
        Self::new(refusal.code, detail)
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => error.into(),
            other => {
                tracing::error!(error = %other, "the signing keys could not be read");
                Code::Internal.into()
            }
        }
    }
}

impl From<StoreError> for ApiError {
    /// Logs an internal failure; the caller does not see it.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::ToolsRead | StoreError::Unlocked(_) => Code::Busy.into(),
            StoreError::Recovering => Code::Recovering.into(),
            StoreError::SetBack => Code::ServerBehind.into(),
            StoreError::ClockUnsure => Code::ClockUnsure.into(),
            StoreError::Missing(what) => Self::new(Code::NotFound, format!("no such {what}")),
            StoreError::Taken(what) => Self::new(Code::BadRequest, format!("{what} is already there")),
            StoreError::Sql(_)
            | StoreError::Damaged(_)
            | StoreError::Held(_)
            | StoreError::NotAStore(_)
            | StoreError::Unsettled
            | StoreError::NotAlone => {
                tracing::error!(error = %Inside(&error), "the store failed");
                Code::StoreFailed.into()
            }
        }
    }
}

/// A store's failure without the values it was about.
struct Inside<'a>(&'a StoreError);

impl std::fmt::Display for Inside<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            StoreError::Sql(error) => f.write_str(&error.without_values()),
            other => other.fmt(f),
        }
    }
}
