//! Decides whether an author's device could have known of a change of rights.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use gridledger_core::known::Replaced;
use gridledger_schema::ids::AreaNo;

use crate::store::StoreError;
use crate::store::rows::people::{ShortenedGrant, UserNo};
use crate::store::rows::records::{CheckedSegment, EventKind, Source};

/// Finds the author's shortened grants, and whether the device knew of each when it made an entry at a cursor. It knew if
/// it had said so in an earlier request, or if it held the area's log beyond the change.
pub(super) fn find_shortened(
    source: &mut dyn Source,
    shortened: &mut HashMap<UserNo, Vec<ShortenedGrant>>,
    segment: &CheckedSegment,
    (area, cursor): (AreaNo, u64),
) -> Result<Vec<Replaced>, StoreError> {
    let user = segment.feed.user;
    if let Slot::Vacant(slot) = shortened.entry(user) {
        slot.insert(source.shortened_grants(user)?);
    }
    let shortened = &shortened[&user];
    if shortened.is_empty() {
        return Ok(Vec::new());
    }
    let event = source.last_event(area, EventKind::Rights, cursor)?;
    let told = segment.heard.told.max(event.map_or(i64::MIN, |event| event.at));
    let replaced =
        |old: &ShortenedGrant| Replaced { grant: old.grant.clone(), at: old.at, told: old.at <= told };
    Ok(shortened.iter().map(replaced).collect())
}
