//! The columns and rows that a ledger shows to a reader or a tool. Pure: no store, no clock.

pub mod columns;
pub mod row;
pub mod tool_columns;
pub mod tool_row;
