//! Restores: when this store became another generation, which devices have offered again what they hold, and what they
//! miss.

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId, RecordId, ServerEpoch};
use gridledger_schema::wire::Missing;

use super::StoreError;

/// How a generation is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewGeneration {
    /// Now, ms since 1970.
    pub at: i64,
    /// When the recovery ends at the latest.
    pub until: i64,
    /// Devices are waited for that were seen so long, in ms, before the last one that was.
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
    /// Whose changes.
    pub feed: FeedId,
    /// How many of them there should be.
    pub count: u64,
    /// The device that said so first.
    pub device: DeviceNo,
    /// When, ms since 1970.
    pub at: i64,
}

/// Restores and what follows.
pub trait RestoreStore {
    /// The last restore, if there was one.
    fn restored(&self) -> Result<Option<RestoreRow>, StoreError>;
    /// Makes this store another generation: every log goes on far above, numbers handed out before are not handed out
    /// again, sessions end, and codes that were not used are void.
    fn begin_generation(&self, new: NewGeneration) -> Result<RestoreRow, StoreError>;
    /// Every generation of this store: the one now, those before, and those that were lost with a state it was set back from.
    fn epochs(&self) -> Result<Vec<ServerEpoch>, StoreError>;
    /// Notes that the store was set back, and the generation that was lost with it, if one was.
    fn note_set_back(&self, why: &str, lost: Option<ServerEpoch>) -> Result<(), StoreError>;
    /// Notes the generation, not known here, that a device says it is of: the last one it said.
    fn note_claimed(&self, device: DeviceNo, epoch: ServerEpoch) -> Result<(), StoreError>;
    /// How far the store has come.
    fn position(&self) -> Result<Position, StoreError>;
    /// How far it had come by the file beside it; `None` where there is none.
    fn position_beside(&self) -> Option<Position>;
    /// Writes that file, where the engine keeps one.
    fn put_position_beside(&self, at: Position);
    /// Notes how long the store was served for the recovery, ms.
    fn note_served(&self, ms: i64) -> Result<(), StoreError>;
    /// Ends the recovery.
    fn end_recovery(&self, at: i64) -> Result<(), StoreError>;
    /// Notes that a device has offered all it has receipts for, and whether all of it is decided. Whether that was news.
    fn note_offered(&self, device: DeviceNo, settled: bool) -> Result<bool, StoreError>;
    /// The devices that the recovery waits for.
    fn awaited(&self) -> Result<Awaited, StoreError>;
    /// Notes what a device misses.
    fn note_missing(&self, device: DeviceNo, missing: &[Missing], at: i64) -> Result<(), StoreError>;
    /// Entries that were stored before a restore and whose place another one took: feed, number, and what they
    /// said; nothing of those whose time is up or that were erased.
    fn displaced(&self) -> Result<Vec<(FeedId, u64, Vec<u8>)>, StoreError>;
    /// What was told missing, by area and record; whether it is here by now is not asked.
    fn told_missing(&self) -> Result<Vec<MissingRow>, StoreError>;
}
