//! Days as an office writes them.

pub mod date;
