//! A sync travels as columns under zstd under a signed envelope. `docs/protocol.md` describes the bytes.
//!
//! [`columns`] puts values of one kind side by side, [`sheet`] writes entries into columns and [`delta`] area
//! news. [`frames`] writes the request and the answer's frames (CBOR), [`squeeze`] compresses, [`envelope`]
//! signs.

pub mod columns;
pub mod delta;
pub mod envelope;
pub mod frames;
mod notes;
mod parts;
mod regained;
pub mod sheet;
pub mod squeeze;

use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::suite::Suite;

/// The error for bytes that break the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// A part is not of the expected shape.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The bytes exceed a limit of `gridledger_schema::limits`.
    #[error("over the limit of {0}")]
    TooLarge(&'static str),
    /// The algorithm suite is one that this version does not run.
    #[error("suite {0} is not supported")]
    Suite(u64),
    /// A list names one thing twice.
    #[error("{0} named twice")]
    Twice(&'static str),
    /// The protocol version is not supported.
    #[error("protocol version {0} is not supported")]
    Version(u8),
    /// The bytes are compressed with a dictionary that is not held.
    #[error("the dictionary is not held")]
    Dictionary,
    /// The store could not be asked for a record's name: nothing is known of the bytes.
    #[error("the store could not be asked for a record's name")]
    LookupFailed,
    /// A record's short name is unknown here.
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

/// Finds the suite of a number that came over the wire.
pub(crate) fn find_suite(number: u64) -> Result<Suite, WireError> {
    Suite::of_number(number).ok_or(WireError::Suite(number))
}

/// Refuses a list that names one thing twice, because the reader would handle it twice.
fn check_each_once<K: Ord>(keys: impl Iterator<Item = K>, what: &'static str) -> Result<(), WireError> {
    let mut keys: Vec<K> = keys.collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(WireError::Twice(what));
    }
    Ok(())
}

/// The store could not be asked for a name. It is an error of its own, so that it never reads as "no such record".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupFailed;

impl From<LookupFailed> for WireError {
    fn from(_: LookupFailed) -> Self {
        Self::LookupFailed
    }
}

/// Translates between records and their short names. A short name is the area, and the log position there of
/// the creating entry.
pub trait RecordNames {
    /// The short name of a record, if it has one on both sides. Without one its whole id is written, so a lookup that
    /// fails costs bytes only.
    fn short(&self, record: RecordId) -> Option<(AreaNo, u64)>;
    /// The record of a short name.
    fn record(&self, area: AreaNo, created: u64) -> Result<Option<RecordId>, LookupFailed>;
    /// The record that entry `n` of the receiver's own feed creates or edits.
    fn own(&self, _feed: FeedId, _n: u64) -> Result<Option<RecordId>, LookupFailed> {
        Ok(None)
    }
}

/// Names for a side on which no record has a short name.
pub struct NoNames;

impl RecordNames for NoNames {
    fn short(&self, _: RecordId) -> Option<(AreaNo, u64)> {
        None
    }
    fn record(&self, _: AreaNo, _: u64) -> Result<Option<RecordId>, LookupFailed> {
        Ok(None)
    }
}
