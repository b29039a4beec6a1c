//! Helpers shared by the tests.

pub mod desk;
pub mod engines;
pub mod simulation;
pub mod tidy;
pub mod world;
