//! The edge: connections, limits, sizes, metrics, errors.

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
