//! Edits: saving, settling, refused edits that need attention, and the move to a new feed.

pub(crate) mod attention;
pub(crate) mod edit;
pub(crate) mod fork;
pub(crate) mod ground;
pub(crate) mod lost;
pub(crate) mod plain;
pub(crate) mod roles;
pub(crate) mod unread;
