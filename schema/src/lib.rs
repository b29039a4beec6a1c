//! What phone and server must agree on.

pub mod set;
