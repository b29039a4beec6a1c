//! The routes, one file each.
//!
//! Reading order: [`sync`] is the phones' route; [`sessions`] signs people in; [`ledgers`], [`records`] and [`entries`]
//! serve desks; the others are short. [`health`] answers probes.

pub mod entries;
pub mod erasure;
pub mod exports;
pub mod health;
pub mod ledgers;
pub mod lost;
pub(crate) mod numbered;
pub mod plans;
pub mod read_log;
pub mod records;
pub mod refused;
pub mod sessions;
pub mod shares;
pub mod sync;
