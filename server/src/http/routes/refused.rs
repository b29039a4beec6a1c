//! `GET /v1/refused`, and a supervisor's ruling on one refused entry.

use actix_web::{HttpResponse, web};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::FeedId;
use serde_json::json;

use super::read_as;
use crate::desk::refused;
use crate::desk::refused::{Question, Ruled};
use crate::http::edge::body::Json;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::store::rows::people::User;

/// The note that a supervisor gives with a ruling.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// The note, which the author sees.
    #[serde(default)]
    note: String,
}

/// `GET /v1/refused`
pub async fn list(
    caller: Caller,
    service: web::Data<Service>,
    question: web::Query<Question>,
) -> Result<HttpResponse, ApiError> {
    let shown = read_as(caller, service, move |reader| refused::list(reader, &question)).await?;
    Ok(HttpResponse::Ok().json(shown))
}

/// `POST /v1/refused/{feed}/{n}/admit`
pub async fn admit(
    caller: Caller,
    service: web::Data<Service>,
    which: web::Path<(String, String)>,
    Json(words): Json<Words>,
) -> Result<HttpResponse, ApiError> {
    rule(caller, service, &which, words, refused::admit_one).await
}

/// `POST /v1/refused/{feed}/{n}/decline`
pub async fn decline(
    caller: Caller,
    service: web::Data<Service>,
    which: web::Path<(String, String)>,
    Json(words): Json<Words>,
) -> Result<HttpResponse, ApiError> {
    rule(caller, service, &which, words, refused::decline_one).await
}

type Rule = fn(&Reader<'_>, &User, (FeedId, u64), &str) -> Result<Ruled, ReadError>;

async fn rule(
    caller: Caller,
    service: web::Data<Service>,
    which: &(String, String),
    words: Words,
    rule: Rule,
) -> Result<HttpResponse, ApiError> {
    // A text that is no id names nothing.
    let feed: FeedId = which.0.parse().map_err(|_| Code::NotFound)?;
    let n: u64 = which.1.parse().map_err(|_| Code::NotFound)?;
    let service = service.into_inner();
    let ruled = caller
        .write(move |caller| {
            let reader = Reader::new(&service, &caller.user.login, &caller.grants);
            rule(&reader, &caller.user, (feed, n), &words.note)
        })
        .await?;
    Ok(match ruled {
        Ruled::Stands(ruling) => {
            HttpResponse::Ok().json(json!({ "stored": true, "ruling": refused::ruling_json(&ruling) }))
        }
        Ruled::Refused(Refusal { code, rule, field }) => {
            let message = json!({ "zh": code.zh(), "en": code.en() });
            let refused = json!({ "code": code, "rule": rule, "field": field, "message": message });
            HttpResponse::Ok().json(json!({ "stored": false, "refused": refused }))
        }
    })
}
