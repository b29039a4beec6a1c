//! The rows that the store takes and gives, one file a resource.

pub mod audit;
pub mod clock;
pub mod desk;
pub mod identity;
pub mod marks;
pub mod nodes;
pub mod parts;
pub mod people;
pub mod plans;
pub mod read_log;
pub mod records;
pub mod refusals;
pub mod restores;
pub mod shares;
pub mod tools;
