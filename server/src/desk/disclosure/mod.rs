//! Values as they are, and how others get them: for a reason, with a row in the read log.

pub mod exports;
pub mod shares;
pub mod unmask;
