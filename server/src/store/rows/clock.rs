//! What the store knows of the time: the facts by which a node judges its own clock.

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
