//! Values as they are, and how others get them: for a reason, with a row in the read log.

pub mod exports;
pub mod read_log;
pub mod readable;
pub mod unmask;
