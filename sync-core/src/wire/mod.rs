//! How a sync travels: columns under zstd under a signed envelope. `docs/protocol.md` describes the bytes.
//!
//! [`columns`] lays values of one kind side by side, [`sheet`] writes entries into columns and [`delta`] area news, [`frames`]
//! writes the request and the answer's frames (CBOR), [`squeeze`] compresses, [`envelope`] signs.

pub mod columns;
pub mod delta;
pub mod envelope;
pub mod frames;
mod notes;
mod regained;
pub mod sheet;
pub mod squeeze;

use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::suite::Suite;

pub use regained::{pack as pack_clock, unpack as unpack_clock};

/// Bytes that are not what the protocol says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// Something is not of the expected shape.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A limit of `gridledger_schema::limits`.
    #[error("over the limit of {0}")]
    TooLarge(&'static str),
    /// An algorithm suite that this version does not run.
    #[error("suite {0} is not supported")]
    Suite(u64),
    /// A list names one thing twice.
    #[error("{0} named twice")]
    Twice(&'static str),
    /// Another protocol version.
    #[error("protocol version {0} is not supported")]
    Version(u8),
    /// Compressed against a dictionary that is not held.
    #[error("the dictionary is not held")]
    Dictionary,
    /// A record's short name that means nothing here.
    #[error("no record {created} in area {area}")]
    RecordName {
        /// The area named.
        area: AreaNo,
        /// The log position of the creating entry.
        created: u64,
    },
}

impl From<minicbor::decode::Error> for WireError {
    fn from(error: minicbor::decode::Error) -> Self {
        if error.is_end_of_input() { Self::Truncated } else { Self::Malformed("CBOR") }
    }
}

/// The suite of a number that came over the wire.
pub(crate) fn suite_of(number: u64) -> Result<Suite, WireError> {
    Suite::of_number(number).ok_or(WireError::Suite(number))
}

/// Refuses a list that names one thing twice: it would be worked on twice.
fn each_once<K: Ord>(keys: impl Iterator<Item = K>, what: &'static str) -> Result<(), WireError> {
    let mut keys: Vec<K> = keys.collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(WireError::Twice(what));
    }
    Ok(())
}

/// A record's short name: its area, and the log position there of the entry that created it.
pub trait RecordNames {
    /// The short name of a record, if it has one on both sides.
    fn short(&self, record: RecordId) -> Option<(AreaNo, u64)>;
    /// The record of a short name.
    fn record(&self, area: AreaNo, created: u64) -> Option<RecordId>;
    /// The record that entry `n` of the receiver's own feed is about.
    fn own(&self, _feed: FeedId, _n: u64) -> Option<RecordId> {
        None
    }
}

/// No record has a short name.
pub struct NoNames;

impl RecordNames for NoNames {
    fn short(&self, _: RecordId) -> Option<(AreaNo, u64)> {
        None
    }
    fn record(&self, _: AreaNo, _: u64) -> Option<RecordId> {
        None
    }
}
