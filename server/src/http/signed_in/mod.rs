//! The signed-in caller of a request, and signing in.
//!
//! Reading order: [`sessions`] signs a person in; [`caller`] finds the person behind a token and runs the person's work.

pub mod caller;
pub mod sessions;

pub use caller::Caller;
