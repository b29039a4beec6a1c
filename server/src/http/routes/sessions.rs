//! Signing in and out over HTTP, and what a signed-in person may know of themselves.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use gridledger_core::rights::Rights;
use gridledger_schema::wire::Grant;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Auth, tokens};
use crate::http::edge::block::block;
use crate::http::edge::block::trusted_now;
use crate::http::edge::body::Json;
use crate::http::edge::error::ApiError;
use crate::http::edge::peer;
use crate::http::signed_in::Caller;
use crate::http::signed_in::sessions;
use crate::http::signed_in::sessions::Session;
use crate::service::Service;

/// Body of POST /v1/login.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    login: String,
    password: String,
}

/// Body of POST /v1/refresh and POST /v1/logout.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    refresh: String,
}

/// POST /v1/login
pub async fn login(
    request: HttpRequest,
    auth: web::Data<Auth>,
    service: web::Data<Service>,
    Json(body): Json<Login>,
) -> Result<HttpResponse, ApiError> {
    let peer = peer::address_of(&request);
    let (login, now) = (body.login.trim().to_ascii_lowercase(), trusted_now(&service).await?);
    auth.limits.may_try(&login, peer, now).map_err(ApiError::wait_ms)?;
    let turn = auth.passwords.turn().await?;
    let checker = auth.clone();
    let session = block(move || {
        // Held by the work itself: a caller who goes away does not give its turn to another meanwhile.
        let _turn = turn;
        sessions::login(&checker, service.store.as_ref(), &login, &body.password, peer, now)
    })
    .await?;
    Ok(HttpResponse::Ok().json(answer(&session)))
}

/// POST /v1/refresh
pub async fn refresh(
    auth: web::Data<Auth>,
    service: web::Data<Service>,
    Json(body): Json<Refresh>,
) -> Result<HttpResponse, ApiError> {
    let now = trusted_now(&service).await?;
    let session = block(move || sessions::refresh(&auth, service.store.as_ref(), &body.refresh, now)).await?;
    Ok(HttpResponse::Ok().json(answer(&session)))
}

/// POST /v1/logout
pub async fn logout(
    service: web::Data<Service>,
    Json(body): Json<Refresh>,
) -> Result<HttpResponse, ApiError> {
    block(move || sessions::logout(service.store.as_ref(), &body.refresh)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// GET /v1/me: the user, and the grants that are not over.
pub async fn me(caller: Caller, service: web::Data<Service>) -> HttpResponse {
    let (tree, now) = (service.tree(), service.now());
    let current = caller.grants.iter().filter(|grant| grant.to.is_none_or(|to| now < to));
    let grants: Vec<Value> = current
        .map(|grant| {
            let Grant { role, area, from, to } = grant;
            let label =
                service.schema.role(role).map(|role| json!({ "zh": role.label.zh, "en": role.label.en }));
            let code = tree.get(*area).map(|info| info.code.clone());
            json!({ "role": role, "label": label, "area": area, "area_code": code, "from": from, "to": to })
        })
        .collect();
    HttpResponse::Ok().json(json!({ "login": caller.user.login, "name": caller.user.name, "grants": grants }))
}

/// GET /v1/areas: the areas in which the caller may read something now, by number.
pub async fn areas(caller: Caller, service: web::Data<Service>) -> HttpResponse {
    let tree = service.tree();
    let rights = Rights { schema: &service.schema, tree: &tree, grants: &caller.grants };
    let readable: BTreeSet<_> = rights.areas(service.now()).into_iter().collect();
    let areas: Vec<_> = readable.into_iter().filter_map(|no| tree.get(no)).collect();
    HttpResponse::Ok().json(json!({ "areas": areas }))
}

fn answer(session: &Session) -> Value {
    json!({
        "access": session.access,
        "refresh": session.refresh,
        "token_type": "Bearer",
        "expires_in": tokens::LIFE_SECONDS,
    })
}
