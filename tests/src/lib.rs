//! Helpers shared by the tests.

pub mod simulation;
pub mod tidy;
pub mod world;
