//! The work of an operator: commands, verification, explanations, ledgers for tools, the daily run.

pub mod cli;
pub(crate) mod daily;
pub mod explain;
pub mod print;
pub mod tools;
pub mod verify;
