//! The edge: connections, limits, sizes, metrics, errors.
//!
//! Reading order: [`listen`] accepts connections, each behind a guard ([`connection`]), with or without [`tls`];
//! [`observe`] wraps each request with an id, a log line, counters and headers; [`rates`] limits how often a caller may
//! ask, and [`seats`] and [`room`] how many at once; [`body`] reads bodies within limits, [`pieces`] sends answers piece
//! by piece; [`error`] is the one shape of every refusal.

pub(crate) mod bare;
pub mod bearer;
pub mod block;
pub mod body;
pub mod connection;
pub mod error;
pub mod listen;
pub mod metrics;
pub mod observe;
pub mod peer;
pub mod pieces;
pub mod rates;
pub mod request_id;
pub mod room;
pub mod seats;
pub mod tls;
