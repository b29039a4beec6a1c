//! Helpers shared by the tests.

pub mod tidy;
pub mod world;
