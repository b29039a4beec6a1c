//! The office's spreadsheets: read, compared with the store, and made up for trials.
//!
//! Reading order: [`import`] turns a file into checked rows; [`reconcile`] writes a register's difference to the store;
//! [`town`] makes up the spreadsheets of a town.

pub mod import;
pub mod reconcile;
pub mod town;
