//! `/v1/territory/…`: plans that change the territory, and the lineage of areas.

use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::read_as;
use crate::http::edge::body::Json;
use crate::http::edge::error::ApiError;
use crate::http::signed_in::Caller;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::territory::plan::Draft;
use crate::territory::{self, Kept, apply, report};

/// `POST /v1/territory/plans`
pub async fn draw_up(
    caller: Caller,
    service: web::Data<Service>,
    Json(draft): Json<Draft>,
) -> Result<HttpResponse, ApiError> {
    let done = read_as(caller, service, move |reader| plan_json(territory::draw_up(reader, draft))).await?;
    Ok(HttpResponse::Created().json(done))
}

/// `GET /v1/territory/plans`
pub async fn list(caller: Caller, service: web::Data<Service>) -> Result<HttpResponse, ApiError> {
    let found = read_as(caller, service, |reader| {
        let plans = territory::list(reader)?;
        Ok(json!({ "plans": plans.iter().map(summary).collect::<Vec<_>>() }))
    });
    Ok(HttpResponse::Ok().json(found.await?))
}

fn summary(kept: &Kept) -> Value {
    let draft = &kept.plan.draft;
    json!({ "plan": kept.number(), "name": draft.name, "state": kept.state.as_str(), "effective": draft.effective })
}

/// `GET /v1/territory/plans/{plan}`
pub async fn show(
    caller: Caller,
    service: web::Data<Service>,
    plan: web::Path<u32>,
) -> Result<HttpResponse, ApiError> {
    let plan = plan.into_inner();
    let found = read_as(caller, service, move |reader| plan_json(territory::find(reader, plan)));
    Ok(HttpResponse::Ok().json(found.await?))
}

/// `POST /v1/territory/plans/{plan}/simulate`
pub async fn simulate(
    caller: Caller,
    service: web::Data<Service>,
    plan: web::Path<u32>,
) -> Result<HttpResponse, ApiError> {
    step(caller, service, *plan, territory::simulate).await
}

/// `POST /v1/territory/plans/{plan}/approve`
pub async fn approve(
    caller: Caller,
    service: web::Data<Service>,
    plan: web::Path<u32>,
) -> Result<HttpResponse, ApiError> {
    step(caller, service, *plan, territory::approve).await
}

/// `POST /v1/territory/plans/{plan}/apply`
pub async fn apply(
    caller: Caller,
    service: web::Data<Service>,
    plan: web::Path<u32>,
) -> Result<HttpResponse, ApiError> {
    step(caller, service, *plan, apply::apply).await
}

async fn step(
    caller: Caller,
    service: web::Data<Service>,
    plan: u32,
    step: fn(&Reader<'_>, u32) -> Result<Kept, ReadError>,
) -> Result<HttpResponse, ApiError> {
    let done = read_as(caller, service, move |reader| plan_json(step(reader, plan)));
    Ok(HttpResponse::Ok().json(done.await?))
}

/// `GET /v1/territory/plans/{plan}/report`
pub async fn report(
    caller: Caller,
    service: web::Data<Service>,
    plan: web::Path<u32>,
) -> Result<HttpResponse, ApiError> {
    let plan = plan.into_inner();
    let found = read_as(caller, service, move |reader| report::report(reader, plan));
    Ok(HttpResponse::Ok().json(found.await?))
}

/// `GET /v1/territory/lineage`
pub async fn lineage(caller: Caller, service: web::Data<Service>) -> Result<HttpResponse, ApiError> {
    let found = read_as(caller, service, territory::lineage);
    Ok(HttpResponse::Ok().json(found.await?))
}

fn plan_json(kept: Result<Kept, ReadError>) -> Result<Value, ReadError> {
    kept.map(|kept| kept.to_json())
}
