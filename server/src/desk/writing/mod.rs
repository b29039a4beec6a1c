//! Desks: people who write without a phone. The server keeps one feed for each of them; their entries are decided like
//! a phone's, by the same code in the same transaction.

mod admit;
mod compose;
mod entry;
pub(crate) mod feed;
mod submit;

pub use admit::admit;
pub use entry::{DESK_ENTRIES, DeskEntry, DeskTarget, DeskVerdict, REQUEST_ID_CHARS};
pub use feed::DeskFeed;
pub use submit::submit;
