//! The office's spreadsheets, read and carried out; and made-up towns of them.

pub mod import;
pub(crate) mod register;
pub mod town;
