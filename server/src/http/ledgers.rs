//! `GET /v1/ledgers/{type}`: one page of a ledger, as JSON, lines of JSON, or CSV.

use std::sync::Arc;

use actix_web::http::header::{ACCEPT, ACCEPT_LANGUAGE};
use actix_web::{HttpRequest, HttpResponse, web};

use super::{ApiError, block};
use crate::auth::Caller;
use crate::lang::Lang;
use crate::ledger::question::{Format, Question};
use crate::ledger::{page, sheet};
use crate::reading::{ReadError, Reader};
use crate::service::Service;

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Refused(refusal) => refusal.into(),
            ReadError::Store(error) => error.into(),
        }
    }
}

/// The header that says where the next pull goes on, for the forms that have no place for it.
const CURSOR: &str = "x-cursor";
/// The header that says whether there is more now.
const MORE: &str = "x-more";

/// A page ready to be sent.
struct Sent {
    body: Vec<u8>,
    kind: &'static str,
    cursor: Option<String>,
    more: bool,
}

/// `GET /v1/ledgers/{type}`
pub async fn ledger(
    request: HttpRequest,
    caller: Caller,
    service: web::Data<Service>,
    record_type: web::Path<String>,
    pairs: web::Query<Vec<(String, String)>>,
) -> Result<HttpResponse, ApiError> {
    let header = |name| {
        let value = request.headers().get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let usual = (
        Format::accepted(header(ACCEPT)),
        Lang::accepted(header(ACCEPT_LANGUAGE)),
    );
    let service = service.into_inner();
    let sent = block(move || pull(&service, &caller, &record_type, &pairs, usual)).await?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(sent.kind);
    if let Some(cursor) = sent.cursor {
        answer
            .insert_header((CURSOR, cursor))
            .insert_header((MORE, sent.more.to_string()));
    }
    Ok(answer.body(sent.body))
}

fn pull(
    service: &Arc<Service>,
    caller: &Caller,
    record_type: &str,
    pairs: &[(String, String)],
    (format, lang): (Format, Lang),
) -> Result<Sent, ReadError> {
    let question = Question::read(&service.schema, record_type, pairs)?;
    let reader = Reader::new(service, &caller.user.login, &caller.grants);
    let page = page(&reader, &question)?;
    let (body, kind) = match question.format.unwrap_or(format) {
        Format::Json => {
            return Ok(Sent {
                body: page.to_json().to_string().into_bytes(),
                kind: "application/json",
                cursor: None,
                more: page.more,
            });
        }
        Format::Ndjson => (page.to_ndjson().into_bytes(), "application/x-ndjson"),
        Format::Csv => (
            sheet::csv(&service.schema, &page, question.lang.unwrap_or(lang)),
            "text/csv; charset=utf-8",
        ),
    };
    Ok(Sent {
        body,
        kind,
        cursor: Some(page.cursor),
        more: page.more,
    })
}
