//! What phone and server must agree on: ids, entries, limits, error codes, and the schema as data.
//!
//! Reading order: [`ids`] names things, [`entry`] is what a person did, [`code`] is every answer a refusal can
//! have, [`limits`] bounds all of it, [`suite`] numbers the algorithms, [`wire`] is what one sync carries, [`set`] loads record types and roles.

pub mod code;
pub mod entry;
pub mod ids;
pub mod limits;
pub mod set;
pub mod suite;
pub mod wire;
