//! Days, months and times of day as an office in China writes them.

pub mod date;
pub mod office;
