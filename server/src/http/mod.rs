//! The HTTP side: the application, and what every route shares.
//!
//! Reading order: [`app`] builds and runs the server and lists the routes; [`edge`] holds what every request meets: `listen` makes connections, each a `line`
//! with or without `tls`; `observe` wraps each request with an id, a log line, counters and headers; `rates` says
//! how often one may ask; `error` is the one shape of every refusal; `body` reads bodies within limits.

pub mod app;
pub mod edge;
pub mod routes;
pub mod signed_in;

pub use app::{Running, start};
