//! Every rule, without I/O.

pub mod fold;
