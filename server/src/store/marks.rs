//! Where areas' logs stand, and the marks of the positions at which they stood.

use gridledger_schema::ids::AreaNo;

use super::StoreError;

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

/// The marks of a store.
pub trait MarkStore {
    /// Whether each of these positions is one at which its area's log stood with that mark. Positions too old for marks count.
    fn are_marked(&self, marked: &[(AreaNo, u64, u16)]) -> Result<bool, StoreError>;
    /// Lets go of all but the latest marks of an area; how many.
    fn thin_marks(&self, area: AreaNo) -> Result<u64, StoreError>;
}
