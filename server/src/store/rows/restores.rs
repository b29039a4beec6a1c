//! Restores: when this store became another generation, which devices offered again what they hold, and what they miss.

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId, RecordId, ServerEpoch};

/// The setting that says that the store was set back, and why.
pub const SET_BACK: &str = "set_back";

/// The parameters of a new generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewGeneration {
    /// Now, ms since 1970.
    pub at: i64,
    /// When the recovery ends at the latest.
    pub until: i64,
    /// The recovery waits for devices that were seen within this many ms before the last one seen.
    pub active_ms: i64,
}

/// How far a store has come. Within a generation no number ever falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The generation.
    pub epoch: ServerEpoch,
    /// Entries decided, of all feeds together.
    pub entries: u64,
    /// The longest log.
    pub longest: u64,
}

/// A restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestoreRow {
    /// The generation that began.
    pub epoch: ServerEpoch,
    /// The one in the backup.
    pub former: ServerEpoch,
    /// When it began, ms since 1970.
    pub at: i64,
    /// The first position that a log of this generation has: what lies below is of a former one.
    pub first: u64,
    /// When the recovery ends at the latest, if the store is served all the time.
    pub until: i64,
    /// How long the store was served since, ms, as far as it is written down.
    pub served: i64,
    /// When it ended, if it did before.
    pub ended_at: Option<i64>,
}

/// The devices a recovery waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Awaited {
    /// Those that have not offered all they have receipts for.
    pub to_offer: Vec<DeviceNo>,
    /// Those of which something is not decided yet; the ones above are among them.
    pub to_settle: Vec<DeviceNo>,
}

/// Changes that some phone holds and this store may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRow {
    /// The record.
    pub record: RecordId,
    /// The area it is in, as the phone knew it.
    pub area: AreaNo,
    /// The facet.
    pub facet: u8,
    /// The feed that wrote the changes.
    pub feed: FeedId,
    /// How many of them there should be.
    pub count: u64,
    /// The device that said so first.
    pub device: DeviceNo,
    /// When, ms since 1970.
    pub at: i64,
}
