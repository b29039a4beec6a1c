//! `POST /v1/sync`: the bytes in, the frames out as they are made.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::SizedStream;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream;
use gridledger_schema::code::Code;
use gridledger_schema::limits;

use crate::http::edge::block::block;
use crate::http::edge::body;
use crate::http::edge::error::ApiError;
use crate::http::edge::metrics::Metrics;
use crate::http::edge::pieces::Pieces;
use crate::http::edge::rates;
use crate::http::edge::rates::Rates;
use crate::service::Service;
use crate::sync::answer::Answer;
use crate::sync::error::SyncError;
use crate::sync::{arrived, request as sync};

impl From<SyncError> for ApiError {
    fn from(error: SyncError) -> Self {
        match (error.detail(), error) {
            (_, SyncError::Store(error)) => error.into(),
            (_, SyncError::TooOften(wait)) => Self::wait(wait),
            (Some(detail), error) => Self::new(error.code(), detail),
            (None, error) => error.code().into(),
        }
    }
}

/// The state of an answer between two pieces.
pub struct Between {
    service: Arc<Service>,
    metrics: web::Data<Metrics>,
    answer: Answer,
}

/// A piece of an answer, with the state that makes the next one.
struct Piece {
    between: Between,
    bytes: Bytes,
    is_last: bool,
}

impl Between {
    /// Makes the next piece. Reads the store, so it must run on a thread that may block.
    fn next(mut self) -> Result<Piece, ApiError> {
        let (bytes, is_last) = self.answer.next(&self.service)?;
        self.metrics.count_sync_sent(bytes.len() as u64);
        Ok(Piece { between: self, bytes: bytes.into(), is_last })
    }
}

/// The bytes that a request with such a beginning may have.
fn most_bytes(begins: &[u8]) -> usize {
    if arrived::begins_as_stranger(begins) { limits::STRANGER_BODY_BYTES } else { limits::SYNC_BODY_BYTES }
}

/// `POST /v1/sync`
pub async fn route(
    request: HttpRequest,
    payload: web::Payload,
    service: web::Data<Service>,
    metrics: web::Data<Metrics>,
    rates: web::Data<Rates>,
    pieces: web::Data<Pieces<Between>>,
) -> Result<HttpResponse, ApiError> {
    let body = body::read_within(&request, payload, most_bytes).await?;
    let service = service.into_inner();
    let (up, began) = (body.len() as u64, Instant::now());
    let shut = rates::shut(&request);
    if let Some(wait) = shut
        && !arrived::names_a_device(&body)
    {
        return Err(ApiError::wait(wait));
    }
    let enrols = !arrived::names_a_device(&body);
    let turn = rates.turn(enrols).await?;
    let (opened, proven) = block(move || {
        // The work itself holds the turn: a phone that disconnects must not free it while the work goes on.
        let _turn = turn;
        let mut proven = None;
        let opened = sync::open_for(&service, &body, |device| {
            proven = Some(device.no);
            rates.devices.take(&device.no)
        });
        let opened = opened.map_err(ApiError::from).and_then(|answer| {
            let counted = answer.counted();
            metrics.count_sync(up, counted.pushed as u64, counted.refused as u64, began.elapsed());
            Between { service, metrics, answer }.next()
        });
        Ok::<_, ApiError>((opened, proven))
    })
    .await?;
    match shut {
        _ if proven.is_some() => rates::signed_in(&request),
        Some(wait) => return Err(ApiError::wait(wait)),
        None => {}
    }
    let Piece { between, bytes: first, is_last } = opened?;
    if is_last {
        // An answer of one piece has a known length, which is shorter on the wire than chunks.
        let length = first.len() as u64;
        let whole = stream::once(async { Ok::<_, ApiError>(first) });
        return Ok(HttpResponse::Ok().body(SizedStream::new(length, whole)));
    }
    let sending = pieces.begin(proven.ok_or(Code::Internal)?, between)?;
    let rest = stream::try_unfold(Some(sending), |sending| async {
        let Some(sending) = sending else {
            return Ok(None);
        };
        // The slot is empty when the device has asked again: then this answer breaks off.
        let between = sending.take().ok_or(Code::Busy)?;
        let piece = block(|| between.next()).await?;
        sending.put(piece.between);
        Ok::<_, ApiError>(Some((piece.bytes, (!piece.is_last).then_some(sending))))
    });
    let all = stream::StreamExt::chain(stream::once(async { Ok(first) }), rest);
    Ok(HttpResponse::Ok().streaming(Box::pin(all)))
}
