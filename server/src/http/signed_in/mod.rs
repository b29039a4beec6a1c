//! The signed-in caller of a request, and signing in.

pub mod caller;
pub mod sessions;

pub use caller::Caller;
