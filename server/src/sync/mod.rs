//! A phone's request: opened, pushed, answered.

pub mod error;
pub mod lease;
pub mod offline_reads;
pub mod pull;
pub mod recovery;
pub mod request;
pub mod segments;
pub mod set_back;
