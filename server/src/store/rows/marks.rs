//! Where areas' logs stand, and the marks of the positions at which they stood.

/// An area's place in its log, and its digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AreaHead {
    /// The log's last position.
    pub seq: u64,
    /// Digest of each facet.
    pub digests: Vec<(u8, u128)>,
    /// The mark of that position, where it was looked up; 0 for none.
    pub mark: u16,
}
