//! This crate holds everything phone and server must agree on: ids, entries, limits, error codes, and the
//! schema.
//!
//! Reading order: [`ids`] names things, [`entry`] is one user action, [`code`] is every code a refusal can
//! have, [`limits`] bounds everything, [`suite`] numbers the algorithms, [`wire`] is the content of one sync,
//! [`set`] loads record types and roles.

#![warn(missing_docs)]

pub mod code;
pub mod entry;
pub mod ids;
pub mod limits;
pub mod set;
pub mod suite;
pub mod wire;
