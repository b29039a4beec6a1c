//! Whether an entry's author may do what it says: by the rights and the territory that its device could have known.

use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use gridledger_core::known::{Moment, Standing};
use gridledger_core::project::View;
use gridledger_core::rights::{AreaTree, Rights};
use gridledger_core::validate::{Subject, check_own, find_needed_views, validate};
use gridledger_schema::code::Code;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::set::RecordType;
use gridledger_schema::wire::AreaInfo;

use super::{Plan, Stop, known, refuse};
use crate::record::working::{SeenFacets, Working};
use crate::store::StoreError;
use crate::store::rows::records::{CheckedSegment, EventKind};

impl Plan<'_> {
    /// The ancestry of an area as its author's device knew it: what ended later than it was told had not ended. With it,
    /// where the grace for that is over, how it would be without an end of the grace.
    fn tree(
        &mut self,
        area: AreaNo,
        cursor: u64,
    ) -> Result<(Arc<AreaTree>, Option<Arc<AreaTree>>), StoreError> {
        let now = self.read_tree(area, i64::MAX)?;
        let goes_on = |info: &AreaInfo| info.edges.iter().all(|edge| edge.to.is_none());
        if now.iter().all(goes_on) {
            return Ok((now, None));
        }
        let told = self.source.last_event(area, EventKind::Rights, cursor)?;
        let (told, grace) = (told.map_or(0, |event| event.at), self.now - limits::RIGHTS_GRACE_MS);
        let late = (told < grace).then(|| self.read_tree(area, told)).transpose()?;
        Ok((self.read_tree(area, told.max(grace))?, late))
    }

    pub(super) fn read_tree(&mut self, area: AreaNo, known: i64) -> Result<Arc<AreaTree>, StoreError> {
        let tree = match self.trees.entry((area, known)) {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => slot.insert(AreaTree::new(self.source.ancestry(area, known)?).into()),
        };
        Ok(tree.clone())
    }

    pub(super) fn check(
        &mut self,
        working: &mut Working,
        record_type: &RecordType,
        (segment, area): (&CheckedSegment, AreaNo),
        entry: &Entry,
        seen: &SeenFacets,
    ) -> Result<(), Stop> {
        let user = segment.feed.user;
        if let Slot::Vacant(slot) = self.grants.entry(user) {
            slot.insert(self.source.grants(user)?);
        }
        let (tree, late) = self.tree(area, entry.cursor)?;
        let Some(Some(grants)) = self.grants.get(&user) else {
            return Err(refuse(Code::UserRevoked, "the author's account was revoked"));
        };
        let author = &segment.feed.author;
        check_own(record_type, entry, author, &working.row.created_by)?;
        let seen_view = working.seen_view(record_type, entry, seen)?;
        let entries = working.since().0;
        let (needed, nothing) = (find_needed_views(entry, record_type), View::default());
        let now = if needed.now || (needed.seen && seen_view.is_none()) {
            working.view(record_type)?
        } else {
            &nothing
        };
        let subject = Subject { record_type, area, seen: seen_view.as_ref().unwrap_or(now), now, entries };
        let rights = Rights { schema: self.schema, tree: &tree, grants };
        // Mostly the role is held today and was when the entry was made: nothing else needs to be looked up.
        let (at, zone) = (entry.at.min(self.now), self.zone);
        if rights.holds_throughout(&entry.role, area, at, self.now) {
            let standing =
                Standing { rights, replaced: &[], moment: Moment::estimate(at, None, self.now), zone };
            return Ok(validate(&standing, author, entry, &subject)?);
        }
        let replaced =
            known::find_shortened(self.source, &mut self.shortened, segment, (area, entry.cursor))?;
        let seen_at = self.source.written_at(area, entry.cursor)?;
        let standing = Standing {
            rights,
            replaced: &replaced,
            moment: Moment::estimate(entry.at, seen_at, self.now),
            zone,
        };
        let refusal = match validate(&standing, author, entry, &subject) {
            Err(refusal) if refusal.code == Code::RoleNotHeld => refusal,
            judged => return Ok(judged?),
        };
        let held_before = |tree: Arc<AreaTree>| {
            let rights = Rights { tree: &tree, ..rights };
            let standing = Standing { rights, ..standing };
            standing.check(&entry.role, area).is_ok()
        };
        if late.is_some_and(held_before) {
            let days = limits::RIGHTS_GRACE_DAYS;
            let rule = format!("the territory changed; what was done before had {days} days to arrive");
            return Err(refuse(Code::GraceOver, &rule));
        }
        Err(refusal.into())
    }
}
