//! Why an entry was not stored.

use gridledger_schema::code::Refusal;

use crate::store::StoreError;

/// The reason why an entry was not stored: a refusal, a recovery that has to come further, or a store that failed and
/// takes the whole push with it.
pub(crate) enum Stop {
    Refused(Refusal),
    /// Its turn comes when the recovery of the store has come further.
    Waits,
    /// Its time is ahead of the server's clock: its phone corrects it.
    Ahead,
    Failed(StoreError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}
