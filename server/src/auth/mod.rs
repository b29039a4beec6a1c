//! Signing in: passwords, tokens, sessions, enrolment codes, and limits on tries.
//!
//! Reading order: [`passwords`] checks one password, [`limits`] bounds the tries, [`tokens`] signs and reads access
//! tokens, [`codes`] enrol a phone; [`Auth`] holds what lives as long as the server.

pub mod codes;
mod error;
pub mod limits;
pub mod network;
mod parts;
pub mod passwords;
mod random;
pub mod tokens;

pub use error::AuthError;
pub use parts::Auth;
pub use random::random;
