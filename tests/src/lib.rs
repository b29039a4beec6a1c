//! Helpers shared by the tests.

pub mod desk;
pub mod engines;
pub mod office;
pub mod tidy;
pub mod world;
