//! Helpers shared by the tests.

pub mod at_rest;
pub mod attacker;
pub mod backups;
pub mod cluster;
pub mod copies;
pub mod desk;
pub mod engines;
pub mod failure;
pub mod fixtures;
pub mod herd;
pub mod histories;
pub mod office;
pub mod planning;
pub mod proxy;
pub mod random_records;
pub mod receiving;
pub mod routes;
pub mod simulation;
pub mod tidy;
pub mod tool;
pub mod world;
