//! What an operator does: commands, verification, explanations, exports for tools, the daily run.

pub mod cli;
pub(crate) mod daily;
pub mod explain;
pub mod print;
pub mod tools;
pub mod verify;
