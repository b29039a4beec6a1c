//! Reading: lists, records and search, masked or for a purpose; status, endings and losses.

pub(crate) mod check;
pub(crate) mod endings;
pub(crate) mod lost;
pub(crate) mod masked;
pub(crate) mod query;
pub(crate) mod read_log;
pub(crate) mod status;
