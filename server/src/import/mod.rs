//! The office's spreadsheets: bytes of a CSV file in, checked rows out. No store, no clock.
//!
//! In reading order:
//! - [`fault`]: what is reported about a file, and the rule that a file with a fault gives no rows;
//! - [`decode`]: bytes to text, whatever the spreadsheet program wrote;
//! - [`columns`]: which heading means which column;
//! - [`sheet`]: text to rows, each with its line in the file;
//! - [`cell`] and [`date`]: one cell to one value;
//! - [`areas`], [`staff`], [`register`]: the three files an office brings.

pub mod areas;
pub mod cell;
pub mod columns;
pub mod date;
pub mod decode;
pub mod fault;
pub mod register;
pub mod sheet;
pub mod staff;

#[cfg(test)]
mod tests;

pub use date::Date;
pub use fault::{Fault, Parsed};
