//! The work of an operator: commands, verification, explanations, ledgers for tools, the daily run.
//!
//! Reading order: [`cli`] has the commands; [`verify`] proves a store; [`explain`] explains a ticket; [`tools`] makes the
//! views that tools read; `daily` runs once a day; [`mod@print`] writes to the terminal.

pub mod cli;
pub(crate) mod daily;
pub mod explain;
pub mod print;
pub mod tools;
pub mod verify;
