//! What an author's device could have known of a change of rights.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use gridledger_core::known::Replaced;
use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::Grant;

use crate::store::StoreError;
use crate::store::rows::people::UserNo;
use crate::store::rows::records::{CheckedSegment, EventKind, Source};

/// What the author had been granted before it was cut short, and whether the author's device had been told of each cut
/// when it made an entry at a cursor: the device said so in an earlier request, or it held the area's log beyond it.
pub(super) fn replaced(
    source: &mut dyn Source,
    cuts: &mut HashMap<UserNo, Vec<(Grant, i64)>>,
    segment: &CheckedSegment,
    (area, cursor): (AreaNo, u64),
) -> Result<Vec<Replaced>, StoreError> {
    let user = segment.feed.user;
    if let Slot::Vacant(slot) = cuts.entry(user) {
        slot.insert(source.replaced_grants(user)?);
    }
    let cuts = &cuts[&user];
    if cuts.is_empty() {
        return Ok(Vec::new());
    }
    let event = source.last_event(area, EventKind::Rights, cursor)?;
    let told = segment.heard.told.max(event.map_or(i64::MIN, |event| event.at));
    let of = |(grant, at): &(Grant, i64)| Replaced { grant: grant.clone(), at: *at, told: *at <= told };
    Ok(cuts.iter().map(of).collect())
}
