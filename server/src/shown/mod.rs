//! What a row of a ledger shows, and to whom. Pure: no store, no clock.

pub mod columns;
pub mod row;
pub mod tool_columns;
pub mod tool_row;
