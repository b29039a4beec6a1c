//! The office's spreadsheets: bytes of a CSV file or a workbook in, checked rows out. No store, no clock.
//!
//! Reading order:
//! - [`fault`]: the report about a file, and the rule that a file with a fault gives no rows;
//! - [`decode`]: turns bytes into text, whichever program wrote them;
//! - [`table`]: splits a CSV file or a workbook into rows of cells, each with its line in the file;
//! - [`words`]: the words that offices use, as data;
//! - [`columns`]: finds the column that a heading means;
//! - [`workbook`]: finds the headings and the rows below them;
//! - [`places`]: finds the area that a cell means;
//! - [`aside`]: writes the file of rows that were set aside;
//! - [`cell`] and [`date`]: turn a cell into a value;
//! - [`areas`], [`staff`], [`register`]: read the three files of an office.

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
