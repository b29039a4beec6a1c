//! The work of a person at a desk: reading records and ledgers, writing, seeing values, settling refusals.
//!
//! Reading order: [`record`] shows one record; [`ledger`] pages through a type; [`writing`] makes entries; [`disclosure`]
//! shows unmasked values; [`refused`], [`lost`] and [`shares`] stand alone.

pub mod disclosure;
pub mod ledger;
pub mod lost;
pub mod record;
pub mod refused;
pub mod shares;
pub mod writing;
