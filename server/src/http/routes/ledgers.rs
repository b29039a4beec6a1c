//! `GET /v1/ledgers/{type}`: one page of a ledger, as JSON, lines of JSON, or CSV.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{ACCEPT, ACCEPT_LANGUAGE};
use actix_web::{FromRequest as _, HttpRequest, HttpResponse, web};
use gridledger_schema::code::Code;
use gridledger_schema::ids::AreaNo;
use tokio::time::Instant;

use crate::desk::ledger::question::{Format, Question};
use crate::desk::ledger::{csv, page};
use crate::http::edge::error::ApiError;
use crate::http::edge::rates;
use crate::http::signed_in::Caller;
use crate::lang::Lang;
use crate::rights::reader::{ReadError, Reader};
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

/// The pause between two looks of a waiting request, from the second on: other types may keep an area busy.
const PAUSE: Duration = Duration::from_millis(200);

/// A record type, the pairs of a query, and the form and language of who says nothing of them.
type Asked = (String, Vec<(String, String)>, (Format, Lang));

/// A page ready to be sent.
struct Sent {
    /// The time for which an empty answer may wait.
    wait: Option<Duration>,
    /// The areas that the question is about.
    areas: Vec<AreaNo>,
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
    let usual = (Format::accepted(header(ACCEPT)), Lang::accepted(header(ACCEPT_LANGUAGE)));
    let service = service.into_inner();
    let asked = Arc::new((record_type.into_inner(), pairs.into_inner(), usual));
    let sent = pull_or_wait(&request, &service, caller, asked).await?;
    let mut answer = HttpResponse::Ok();
    answer.content_type(sent.kind);
    if let Some(cursor) = sent.cursor {
        answer.insert_header((CURSOR, cursor)).insert_header((MORE, sent.more.to_string()));
    }
    Ok(answer.body(sent.body))
}

/// A page; an empty one waits for news if the question says so, without a thread or a connection to the database. Who asks is
/// looked up anew before each look.
async fn pull_or_wait(
    request: &HttpRequest,
    service: &Arc<Service>,
    mut caller: Caller,
    asked: Arc<Asked>,
) -> Result<Sent, ApiError> {
    let begun = Instant::now();
    for look in 0_u32.. {
        let mut listener = service.store.wake_ups().listen();
        let (store, question) = (service.clone(), asked.clone());
        let sent = caller.work(move |caller| pull(&store, caller, &question)).await?;
        let Some(until) = sent.wait.map(|wait| begun + wait) else {
            return Ok(sent);
        };
        // A waiting request keeps no seat; its next look takes one.
        rates::stand_up(request);
        if look > 0 {
            tokio::time::sleep_until(until.min(Instant::now() + PAUSE)).await;
        }
        let news = tokio::time::timeout_at(until, listener.wait_for_news(&sent.areas)).await;
        if !news.is_ok_and(|news| news) {
            return Ok(sent);
        }
        caller = Caller::extract(request).await?;
    }
    Err(Code::Internal.into())
}

fn pull(
    service: &Arc<Service>,
    caller: &Caller,
    (record_type, pairs, (format, lang)): &Asked,
) -> Result<Sent, ReadError> {
    let question = Question::read(&service.schema, record_type, pairs)?;
    let reader = Reader::new(service, &caller.user.login, &caller.grants);
    let page = page(&reader, &question)?;
    let is_empty = page.rows.is_empty() && page.left.is_empty() && !page.more;
    let wait = (is_empty && !question.wait.is_zero()).then_some(question.wait);
    let areas = reader.areas(question.area.as_deref())?;
    let (body, kind) = match question.format.unwrap_or(*format) {
        Format::Json => {
            return Ok(Sent {
                wait,
                areas,
                body: page.to_json().to_string().into_bytes(),
                kind: "application/json",
                cursor: None,
                more: page.more,
            });
        }
        Format::Ndjson => (page.to_ndjson().into_bytes(), "application/x-ndjson"),
        Format::Csv => {
            let style = csv::Style { lang: question.lang.unwrap_or(*lang), zone: service.zone() };
            (csv::write(&service.schema, &page, style), "text/csv; charset=utf-8")
        }
    };
    Ok(Sent { wait, areas, body, kind, cursor: Some(page.cursor), more: page.more })
}
