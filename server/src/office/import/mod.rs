//! The office's spreadsheets: bytes of a CSV file or a workbook in, checked rows out. No store, no clock.
//!
//! In reading order:
//! - [`fault`]: what is reported about a file, and the rule that a file with a fault gives no rows;
//! - [`decode`]: bytes to text, whatever the spreadsheet program wrote;
//! - [`table`]: a CSV file or a workbook to rows of cells, each with its line in the file;
//! - [`words`]: the words that offices use, as data;
//! - [`columns`]: which heading means which column;
//! - [`workbook`]: where the headings are, and the rows below them;
//! - [`places`]: which area a cell means;
//! - [`aside`]: the file of rows that were set aside;
//! - [`cell`] and [`date`]: one cell to one value;
//! - [`areas`], [`staff`], [`register`]: the three files an office brings.

pub mod areas;
pub mod aside;
pub mod cell;
pub mod columns;
pub mod date;
pub mod decode;
pub mod fault;
pub mod places;
pub mod register;
pub mod staff;
pub mod table;
pub mod text;
pub mod words;
pub mod workbook;

#[cfg(test)]
mod tests;

pub use crate::calendar::date::Date;
pub use fault::{Aside, Fault, Parsed, Taken};
pub use places::Places;
pub use words::Words;
