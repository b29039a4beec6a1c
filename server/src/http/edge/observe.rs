//! Around each request: its id, one log line, the counters, the headers, and the one shape of errors.
//!
//! A log line names the route's pattern, never the path or the query, which can hold what a person typed.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, web};
use futures_util::FutureExt as _;
use gridledger_schema::code::Code;
use tracing::Instrument as _;

use super::connection::Pulse;
use super::metrics::Metrics;
use super::request_id::{HEADER, RequestId};
use crate::http::edge::error::ApiError;

/// The route whose good answers carry as few header bytes as possible: phones pay for each.
pub const BARE_ROUTE: &str = "/v1/sync";
/// The headers that keep a browser from making more of an answer than it is.
pub const GUARDS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];
/// How long a browser remembers to come with TLS only.
const TWO_YEARS: &str = "max-age=63072000";
/// The name, in the log and the counters, of a request that no route matches.
const UNMATCHED: &str = "unmatched";

/// Whether this server speaks TLS itself.
#[derive(Clone, Copy, Debug)]
pub struct Tls(pub bool);

/// The middleware.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let _at_work = request.conn_data::<Rc<Pulse>>().map(Pulse::begin);
    let id = RequestId::read(request.headers());
    let tls = request.app_data::<web::Data<Tls>>().is_some_and(|tls| tls.0);
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", request_id = %id.0);
    let answering = AssertUnwindSafe(next.call(request)).catch_unwind().instrument(span);
    let mut response = match answering.await {
        Ok(Ok(response)) => in_our_shape(response.map_into_boxed_body(), &id),
        // Handlers and extractors fail inside their response; only other middleware would come here.
        Ok(Err(error)) => return Err(outside(answer_to(&error, &id), &id, tls)),
        // The panic itself was told by the panic hook.
        Err(_) => {
            tracing::error!(request_id = %id.0, "a request panicked");
            return Err(outside(ApiError::from(Code::Internal).response(&id.0), &id, tls));
        }
    };
    let route = response.request().match_pattern().unwrap_or_else(|| UNMATCHED.to_owned());
    if route != BARE_ROUTE || !response.status().is_success() {
        dress(response.headers_mut(), &id, tls);
    }
    record(response.request(), &route, &id, response.status().as_u16(), started);
    Ok(response)
}

/// An answer for which there is no request any more.
fn outside(mut answer: HttpResponse, id: &RequestId, tls: bool) -> Error {
    dress(answer.headers_mut(), id, tls);
    InternalError::from_response("outside of a request", answer).into()
}

/// Gives an error its shape and id, whoever made it.
fn in_our_shape(response: ServiceResponse<BoxBody>, id: &RequestId) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let ours = response.response().error().map(|error| answer_to(error, id));
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    match ours {
        Some(answer) => with_allow(response, answer),
        None if is_json => response,
        None => with_allow(response, ApiError::of_status(status).response(&id.0)),
    }
}

fn answer_to(error: &Error, id: &RequestId) -> HttpResponse {
    let status = || error.as_response_error().status_code();
    let error = error.as_error::<ApiError>().cloned().unwrap_or_else(|| ApiError::of_status(status()));
    error.response(&id.0)
}

/// Replaces an answer, but for the header that says which methods are taken.
fn with_allow(old: ServiceResponse<BoxBody>, mut new: HttpResponse) -> ServiceResponse<BoxBody> {
    if let Some(allow) = old.headers().get(header::ALLOW).cloned() {
        new.headers_mut().insert(header::ALLOW, allow);
    }
    old.into_response(new)
}

/// The headers of an answer: its id, and what a browser must not do with it.
fn dress(headers: &mut HeaderMap, id: &RequestId, tls: bool) {
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(HeaderName::from_static(HEADER), id);
    }
    for (name, value) in GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TWO_YEARS));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn record(request: &HttpRequest, route: &str, id: &RequestId, status: u16, started: Instant) {
    let took = started.elapsed();
    let method = known_method(request.method().as_str());
    if let Some(metrics) = request.app_data::<web::Data<Metrics>>() {
        metrics.count_request(method, route, status, took);
    }
    let ms = took.as_secs_f64() * 1000.0;
    tracing::info!(request_id = %id.0, method, route, status, ms, "answered");
}

/// A method from outside can be any word; the log and the counters know these.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("other")
}
