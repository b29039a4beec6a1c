//! What the store knows of the time: the facts by which a node judges its own clock.

use super::StoreError;

/// What the nodes of a store keep of the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockRow {
    /// The latest time at which a trusted clock was looked at, ms since 1970; `None` before the first.
    pub beat: Option<i64>,
    /// How often a time was confirmed: by phones' clocks or by an operator.
    pub confirmed: u64,
    /// When the last daily run was over, ms since 1970; `None` before the first.
    pub daily: Option<i64>,
}

/// The calls.
pub trait ClockStore {
    /// What is kept of the time.
    fn clock(&self) -> Result<ClockRow, StoreError>;
    /// The latest time in what was written before there was a beat, ms since 1970: of the last line of each log, of the last
    /// request of a device, of the read log, of erasures.
    fn newest(&self) -> Result<Option<i64>, StoreError>;
    /// The clock of the database, ms since 1970; `None` where it is this machine's.
    fn database_time(&self) -> Result<Option<i64>, StoreError>;
    /// Keeps the time of a trusted clock, if nobody has confirmed another one since `confirmed` was read. Never goes back.
    fn beat(&self, at: i64, confirmed: u64) -> Result<(), StoreError>;
    /// Keeps a time that was confirmed, whatever was kept before.
    fn confirm_clock(&self, at: i64) -> Result<(), StoreError>;
    /// Keeps when a daily run was over.
    fn note_daily_run(&self, at: i64) -> Result<(), StoreError>;
}
