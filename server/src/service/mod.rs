//! The memory of one node: the running service, its clock, its counters, the positions given to devices.
//!
//! Reading order: every route works on [`Service`]; [`clock`] says what time it is, [`set_back`] and [`recovering`]
//! what state the store is in. [`given`], [`counters`], [`answers`], [`day`] and [`desks`] are memories that a restart
//! may empty.

pub mod answers;
pub mod clock;
pub mod counters;
pub mod day;
pub mod desks;
pub mod given;
pub mod recovering;
mod recovery;
mod running;
pub mod set_back;
mod soundness;
mod trusted;

pub use running::Service;
