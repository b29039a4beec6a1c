//! An open phone: what memory keeps of the file, the write lock, the clocks and the lease.

pub(crate) mod clock;
pub(crate) mod due;
pub(crate) mod empty;
pub(crate) mod engine;
pub(crate) mod enrolling;
pub(crate) mod freshen;
pub(crate) mod identity;
pub(crate) mod lease;
pub(crate) mod lost;
pub(crate) mod time;
pub(crate) mod write_lock;
