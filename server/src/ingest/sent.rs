//! Authors who read only some of an area's records: what their devices were sent of a record, whatever an entry claims.

use std::borrow::Cow;
use std::collections::hash_map::Entry as Slot;

use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::set::Scope;
use gridledger_schema::wire::Grant;

use super::{Plan, Stop};
use crate::faults::is_planted;
use crate::record::working::{Own, SeenFacets, Working};
use crate::rights::reader::reads_parts;
use crate::store::StoreError;
use crate::store::rows::records::CheckedSegment;
use gridledger_core::handlers::handlers;

impl Plan<'_> {
    /// The entry with the cursor that its device can have had. An entry that claims more is judged as having seen less: it
    /// overrules nothing that its author was not sent.
    pub(super) fn limit_to_sent<'e>(
        &mut self,
        working: &mut Working,
        segment: &CheckedSegment,
        entry: &'e Entry,
    ) -> Result<Cow<'e, Entry>, Stop> {
        // If a clock says what was seen, the cursor may be of another generation.
        if segment.saw(entry.n).is_some() {
            return Ok(Cow::Borrowed(entry));
        }
        let seen = self.find_last_sent(working, segment, (entry, entry.cursor))?;
        if seen >= entry.cursor {
            return Ok(Cow::Borrowed(entry));
        }
        Ok(Cow::Owned(Entry { cursor: seen, ..entry.clone() }))
    }

    /// The changes that the author of an entry had seen: by its cursor, or by the clock that came along. The clock is
    /// believed for a record that the author's device can have been given, under any generation. For another record,
    /// the author had seen nothing.
    pub(super) fn find_seen(
        &mut self,
        working: &mut Working,
        segment: &CheckedSegment,
        own: &Own<'_>,
        entry: &Entry,
    ) -> Result<SeenFacets, Stop> {
        let Some(clock) = segment.saw(entry.n) else {
            return Ok(working.seen(self.source, own, entry)?);
        };
        if self.find_last_sent(working, segment, (entry, u64::MAX))? > 0 {
            return Ok(working.seen_by_clock(own.feed, entry, clock)?);
        }
        let of_nothing = Entry { cursor: 0, ..entry.clone() };
        Ok(working.seen(self.source, own, &of_nothing)?)
    }

    /// The highest position up to one claimed at which an entry's device can have been sent the record.
    fn find_last_sent(
        &mut self,
        working: &mut Working,
        segment: &CheckedSegment,
        (entry, claimed): (&Entry, u64),
    ) -> Result<u64, Stop> {
        let judged_otherwise = matches!(entry.target, Target::Create { .. })
            || segment.feed.device.is_none()
            || segment.was_stored(entry.n)
            || working.row.created_by == segment.feed.author;
        if judged_otherwise || is_planted("02") || !self.reads_part(working.row.area, segment)? {
            return Ok(claimed);
        }
        let record = working.row.record;
        if let Some(sent) = segment.heard.sent.get(&record) {
            return Ok(claimed.min(*sent));
        }
        // Nothing is known of what was sent: it can have been what was in reach.
        let handled = self.source.handled(record, &segment.feed.author)?;
        let last = handled.into_iter().filter_map(|handled| handled.last_upto(claimed)).max();
        if last.is_none() && self.handles(working, &segment.feed.author)? {
            return Ok(claimed);
        }
        Ok(last.unwrap_or(0))
    }

    /// Whether a record names a person as one who handles it, as it is now in this push.
    fn handles(&self, working: &mut Working, login: &str) -> Result<bool, StoreError> {
        let Some(record_type) = self.schema.record_type(&working.row.record_type) else {
            return Ok(false);
        };
        let view = working.view(record_type)?.to_json();
        Ok(handlers(&view).any(|who| who == login))
    }

    /// Whether the author reads only some of an area's records, and has read only some for as long as work from before is
    /// still taken.
    fn reads_part(&mut self, area: AreaNo, segment: &CheckedSegment) -> Result<bool, StoreError> {
        let user = segment.feed.user;
        if let Some(known) = self.parts.get(&(user, area)) {
            return Ok(*known);
        }
        if let Slot::Vacant(slot) = self.grants.entry(user) {
            slot.insert(self.source.grants(user)?);
        }
        let Some(Some(grants)) = self.grants.get(&user) else {
            return Ok(false);
        };
        if !reads_parts(self.schema, grants) {
            return Ok(false);
        }
        let grants = grants.clone();
        let shortened = self.source.shortened_grants(user)?;
        let (tree, since) = (self.read_tree(area, i64::MAX)?, self.now - limits::RIGHTS_GRACE_MS);
        let whole = |grant: &Grant, until: Option<i64>| {
            let role = self.schema.role(&grant.role);
            role.is_some_and(|role| role.scope == Scope::Area)
                && until.is_none_or(|until| until >= since)
                && tree.is_within(area, grant.area, self.now)
        };
        let read_whole = grants.iter().any(|grant| whole(grant, grant.to))
            || shortened.iter().any(|old| whole(&old.grant, Some(old.at)));
        self.parts.insert((user, area), !read_whole);
        Ok(!read_whole)
    }
}
