//! A phone's request: arrived, admitted, decided, answered.
//!
//! Reading order: [`request`] is the way through the stages `arrived`, `admitted`, `decided` and [`answer`]; [`segments`]
//! checks what a push brings, [`pull`] plans what the answer tells, [`recovery`] and [`set_back`] serve phones of another
//! generation, [`lease`] lets a phone show residents' values, [`phone_read_log`] keeps what phones saw.

mod admitted;
pub mod answer;
pub mod arrived;
mod decided;
pub mod error;
pub mod lease;
mod names;
pub mod phone_read_log;
pub mod pull;
pub mod recovery;
pub mod request;
pub mod segments;
pub mod set_back;
