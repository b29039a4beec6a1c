//! What an author does: saving, settling, moving to a new feed, and what needs attention.

pub(crate) mod attention;
pub(crate) mod edit;
pub(crate) mod fork;
pub(crate) mod ground;
pub(crate) mod lost;
pub(crate) mod plain;
pub(crate) mod roles;
pub(crate) mod unread;
