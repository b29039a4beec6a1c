//! The measurements: a load of phones, the size of a store, the heaviest entries; and the benchmark's server.
//!
//! Reading order: [`protocol`] is the server program of the benchmark's line protocol, [`load`] has phones come back all at
//! once, [`size`] measures a store as it grows, [`heavy`] the entries that cost most; [`author`] writes entries for both.

pub mod author;
pub mod heavy;
pub mod load;
pub mod protocol;
pub mod size;

/// The reason why nothing was measured.
pub type BenchError = Box<dyn std::error::Error + Send + Sync>;
