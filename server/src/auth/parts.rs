//! The parts of signing in.

use super::error::AuthError;
use super::limits::LoginLimits;
use super::passwords::Passwords;
use super::tokens::Keys;
use crate::store::Store;

/// Everything about signing in that lives as long as the server.
pub struct Auth {
    /// Checks passwords.
    pub passwords: Passwords,
    /// Signs and reads access tokens.
    pub keys: Keys,
    /// Limits the tries.
    pub limits: LoginLimits,
}

impl Auth {
    /// Opens the keys kept in the store, making them at the first start. `issuer` goes into every token.
    pub fn open(store: &Store, issuer: &str, now: i64) -> Result<Self, AuthError> {
        let keys = Keys::open(store, issuer, now)?;
        let (passwords, limits) = (Passwords::new()?, LoginLimits::default());
        Ok(Self { passwords, keys, limits })
    }
}
