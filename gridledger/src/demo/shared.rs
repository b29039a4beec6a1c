//! Words that several parts of the day use.

use gridledger_client::{ClientError, RecordId};
use serde_json::{Map, Value};

/// The result of one piece of work.
pub type Done = Result<(), ClientError>;

/// A household that several phones work on at once.
#[derive(Clone, Debug)]
pub struct Hot {
    /// The grid's code.
    pub grid: String,
    /// The household.
    pub household: RecordId,
    /// Its dwelling.
    pub dwelling: RecordId,
}

pub(super) fn object<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
