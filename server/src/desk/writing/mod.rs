//! Entries that people write at desks, without a phone.
//!
//! The server keeps one feed for each person. The same code decides these entries as a phone's, in the same transaction.
//!
//! Reading order: `entry` is the request; `compose` makes a draft of it; `feed` gives it a number and a signature;
//! `admit` and `submit` hand it to the store.

mod admit;
mod compose;
mod entry;
pub(crate) mod feed;
mod submit;

pub use admit::admit;
pub use entry::{DESK_ENTRIES, DeskEntry, DeskTarget, DeskVerdict, REQUEST_ID_CHARS};
pub use feed::DeskFeed;
pub use submit::submit;
