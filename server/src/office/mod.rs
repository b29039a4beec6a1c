//! The office's spreadsheets, read and carried out; and made-up towns of them.

pub mod import;
pub mod reconcile;
pub mod town;
