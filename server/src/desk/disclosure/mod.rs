//! Unmasked values: for a reason, with a row in the read log.
//!
//! Reading order: [`readable`] finds a record that the reader may see; [`unmask`] shows its values as they are;
//! [`exports`] approves more of them than one person may see alone; [`read_log`] writes and pages the log of all this.

pub mod exports;
pub mod read_log;
pub mod readable;
pub mod unmask;
