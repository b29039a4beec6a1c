//! `POST /v1/entries`: what a person writes at a desk, one entry or several.

use actix_web::{HttpResponse, web};
use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Intent;
use gridledger_schema::ids::RecordId;
use gridledger_schema::limits;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::desk::writing::{DESK_ENTRIES, DeskEntry, DeskTarget, DeskVerdict, submit};
use crate::http::edge::body::Json;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::service::Service;

/// The body: one entry, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Body {
    /// Several.
    Many(Vec<Written>),
    /// One.
    One(Box<Written>),
}

/// An entry as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    record: Option<RecordId>,
    create: Option<Create>,
    role: Option<String>,
    intents: Vec<Intent>,
    seen: Option<u64>,
    request_id: Option<String>,
}

/// A record to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    #[serde(rename = "type")]
    record_type: String,
    area: String,
}

impl Written {
    fn entry(self) -> Result<DeskEntry, ApiError> {
        let target = match (self.record, self.create) {
            (Some(record), None) => DeskTarget::Edit(record),
            (None, Some(Create { record_type, area })) => DeskTarget::Create { record_type, area },
            _ => {
                return Err(ApiError::new(Code::BadRequest, "an entry has either `record` or `create`"));
            }
        };
        Ok(DeskEntry {
            target,
            role: self.role,
            intents: self.intents,
            seen: self.seen,
            request_id: self.request_id,
        })
    }
}

/// `POST /v1/entries`
pub async fn entries(
    caller: Caller,
    service: web::Data<Service>,
    Json(body): Json<Body>,
) -> Result<HttpResponse, ApiError> {
    let written = match body {
        Body::Many(many) => many,
        Body::One(one) => vec![*one],
    };
    if written.len() > DESK_ENTRIES {
        return Err(ApiError::new(Code::TooManyEntries, format!("at most {DESK_ENTRIES} entries")));
    }
    let entries: Vec<DeskEntry> = written.into_iter().map(Written::entry).collect::<Result<_, _>>()?;
    let service = service.into_inner();
    may_write(&service, &caller, &entries)?;
    let verdicts = caller.write(move |caller| submit(&service, &caller.user, entries)).await?;
    let verdicts: Vec<Value> = verdicts.iter().map(verdict).collect();
    Ok(HttpResponse::Ok().json(json!({ "verdicts": verdicts })))
}

/// Counts what a person writes; fails once it is more than one may in a day.
fn may_write(service: &Service, caller: &Caller, entries: &[DeskEntry]) -> Result<(), ApiError> {
    let said = |entry: &DeskEntry| json!(entry.intents).to_string().len() as u64;
    let (count, bytes) = (entries.len() as u64, entries.iter().map(said).sum());
    let (user, now) = (caller.user.no, service.now());
    let (of_entries, of_bytes) = &service.written;
    let may = of_entries.take_all(user, count, limits::DESK_DAY_ENTRIES, now)
        && of_bytes.take_all(user, bytes, limits::DESK_DAY_BYTES, now);
    if may {
        return Ok(());
    }
    Err(ApiError::wait_ms(DAY_MS - now.rem_euclid(DAY_MS)))
}

fn verdict(verdict: &DeskVerdict) -> Value {
    let DeskVerdict { n, record, refused } = verdict;
    match refused {
        None => json!({ "n": n, "record": record, "stored": true }),
        Some(Refusal { code, rule, field }) => {
            let message = json!({ "zh": code.zh(), "en": code.en() });
            let refused = json!({ "code": code, "rule": rule, "field": field, "message": message });
            json!({ "n": n, "stored": false, "refused": refused })
        }
    }
}
