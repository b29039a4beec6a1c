//! Why signing in could not be set up.

use crate::store::StoreError;

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
