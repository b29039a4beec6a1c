//! The errors of setting up sign-in.

use crate::store::StoreError;

/// The errors of setting up sign-in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The kept signing keys cannot be read.
    #[error("the signing keys kept in the store cannot be read")]
    KeysDamaged,
}
