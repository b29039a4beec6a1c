//! The HTTP side of the server: the application, its edge, signed-in callers, and the routes.
//!
//! Reading order: [`app`] builds and runs the server and lists the routes; [`edge`] holds what every request passes;
//! [`signed_in`] finds the caller; [`routes`] has one file for each route.

pub mod app;
pub mod edge;
pub mod routes;
pub mod signed_in;

pub use app::{Running, start};
