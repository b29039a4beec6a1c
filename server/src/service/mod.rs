//! What one node holds in memory: the running service, its clock, its counters, what devices were given.

pub mod answers;
pub mod clock;
pub mod counters;
pub mod day;
pub mod given;
pub mod running;
