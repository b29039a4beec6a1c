//! Who is asking: passwords, tokens, sessions, enrolment codes, and how often one may try.
//!
//! Reading order: [`passwords`] checks one password, [`limits`] says how often, [`tokens`] signs and reads access
//! tokens, [`sessions`] puts them together; [`caller`] is what a route asks for; [`codes`] enrol a phone.

pub mod codes;
pub mod limits;
pub mod network;
pub mod passwords;
pub mod tokens;

use crate::store::{Store, StoreError};

use limits::LoginLimits;
use passwords::Passwords;
use tokens::Keys;

/// Why signing in could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The kept signing keys cannot be read.
    #[error("the signing keys kept in the store cannot be read")]
    KeysDamaged,
}

/// Everything about signing in that lives as long as the server.
pub struct Auth {
    /// Checks passwords.
    pub passwords: Passwords,
    /// Signs and reads access tokens.
    pub keys: Keys,
    /// How often one may try.
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

/// `N` random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
