//! The store's facts about the time, by which a node judges its own clock.

/// The row of the time that the nodes of a store share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockRow {
    /// The latest time that a trusted clock showed, ms since 1970; `None` before the first.
    pub beat: Option<i64>,
    /// How often a time was confirmed: by phones' clocks or by an operator.
    pub confirmed: u64,
    /// When the last daily run was over, ms since 1970; `None` before the first.
    pub daily: Option<i64>,
}
