//! The columns and rows that a ledger shows to a reader or a tool. Pure: no store, no clock.
//!
//! Reading order: [`columns`] and [`row`] for people; [`tool_columns`] and [`tool_row`] for tools.

pub mod columns;
pub mod row;
pub mod tool_columns;
pub mod tool_row;
