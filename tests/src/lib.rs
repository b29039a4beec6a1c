//! Helpers shared by the tests.

pub mod attacker;
pub mod cluster;
pub mod desk;
pub mod engines;
pub mod office;
pub mod simulation;
pub mod tidy;
pub mod world;
