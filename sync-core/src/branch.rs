//! A branch: a document as one author had seen it, with what that author wrote since.
//!
//! An entry whose author had not seen everything is derived on a branch. The branch is kept, so that the author's next
//! entry goes on from it: one fork for an author's entries, whatever their number. What a branch holds that the document
//! does not is *ahead*; [`Document::settle`] brings it into the document.

use std::collections::{BTreeMap, HashSet};

use automerge::{Automerge, Change, ChangeHash, ReadDoc as _};
use gridledger_schema::ids::FeedId;

use crate::derive::{Authored, DeriveError, Seen, commit};
use crate::document::Document;

/// A feed and how many changes of it were seen, by feed.
type Clock = Vec<(FeedId, u64)>;

#[derive(Clone)]
pub(crate) struct Branch {
    /// What it holds: what was seen at the fork, and what was derived on it since.
    held: Clock,
    past: Document,
    ahead: bool,
}

impl Branch {
    pub(crate) fn doc(&self) -> &Automerge {
        &self.past.doc
    }

    /// Whether a branch that holds this can be brought to what was wanted by adding changes.
    fn is_within(&self, wanted: &Clock) -> bool {
        let wanted: BTreeMap<FeedId, u64> = wanted.iter().copied().collect();
        let reached = |feed: &FeedId| wanted.get(feed).copied().unwrap_or(0);
        self.held.iter().all(|(feed, n)| *n <= reached(feed))
    }
}

impl Document {
    /// As [`derive`](Self::derive), but the change may be left on a branch. Nothing else of the document may be read until
    /// it is [settled](Self::settle), except [`seen_by`](Self::seen_by) and [`made_on`](Self::made_on).
    pub fn derive_ahead(
        &mut self,
        authored: Authored<'_>,
        facet: u8,
        seen: &Seen,
    ) -> Result<[u8; 32], DeriveError> {
        let Seen::Clock(clock) = seen else {
            self.settle()?;
            return self.derive_on_all(authored, facet);
        };
        let branch = self.branch_at(clock)?;
        let attempt = std::panic::AssertUnwindSafe(|| {
            let mut doc = branch.past.doc.clone();
            commit(&mut doc, authored, facet).map(|hash| (doc, hash))
        });
        let (doc, hash) = std::panic::catch_unwind(attempt).map_err(|_| DeriveError::Panicked)??;
        branch.past.doc = doc;
        branch.ahead = true;
        match branch.held.binary_search_by_key(&authored.feed, |(feed, _)| *feed) {
            Ok(at) => branch.held[at].1 += 1,
            Err(at) => branch.held.insert(at, (authored.feed, 1)),
        }
        Ok(hash)
    }

    /// Brings what the branch is ahead into the document. On an error the document is as it was.
    pub fn settle(&mut self) -> Result<(), DeriveError> {
        let Some(branch) = self.branch.as_mut().filter(|branch| branch.ahead) else {
            return Ok(());
        };
        let attempt = std::panic::AssertUnwindSafe(|| {
            let mut doc = self.doc.clone();
            doc.merge(&mut branch.past.doc).map(|_| doc)
        });
        self.doc = std::panic::catch_unwind(attempt).map_err(|_| DeriveError::Panicked)??;
        branch.ahead = false;
        Ok(())
    }

    /// Whether a branch is ahead of the document.
    pub fn is_settled(&self) -> bool {
        self.branch.as_ref().is_none_or(|branch| !branch.ahead)
    }

    /// Forgets the branch; the next entry forks the document again.
    pub fn forget_branch(&mut self) -> Result<(), DeriveError> {
        self.settle()?;
        self.branch = None;
        Ok(())
    }

    /// The document as it was at what someone had seen; of one who had seen all, the document itself.
    pub fn seen_by(&mut self, seen: &Seen) -> Result<&Self, DeriveError> {
        match seen {
            Seen::All => {
                self.settle()?;
                Ok(self)
            }
            Seen::Clock(clock) => Ok(&self.branch_at(clock)?.past),
        }
    }

    /// How many changes the next entry's author would have to be given by a fork or an extension of the branch.
    pub fn changes_to_copy(&self, seen: &Seen) -> u64 {
        let Seen::Clock(clock) = seen else { return 0 };
        let held: &[_] = self.branch.as_ref().map_or(&[], |branch| &branch.held);
        if *held == *sorted(clock) { 0 } else { self.change_count() as u64 }
    }

    /// The branch that holds what was seen and nothing else.
    fn branch_at(&mut self, clock: &[(FeedId, u64)]) -> Result<&mut Branch, DeriveError> {
        let wanted = sorted(clock);
        if self.branch.as_ref().is_none_or(|branch| branch.held != wanted) {
            self.settle()?;
            let heads = self.latest_of(&wanted).ok_or(DeriveError::SeenUnknown)?;
            let kept = self.branch.take().filter(|branch| branch.is_within(&wanted));
            let attempt = std::panic::AssertUnwindSafe(|| match kept {
                Some(kept) => extended(&self.doc, kept.past.doc, &heads),
                None => forked(&self.doc, &heads),
            });
            let doc = std::panic::catch_unwind(attempt).map_err(|_| DeriveError::Panicked)??;
            self.branch = Some(Box::new(Branch { held: wanted, past: Self::of(doc), ahead: false }));
        }
        Ok(self.branch.as_mut().expect("BUG: it was just made"))
    }
}

/// In order, without feeds of which nothing was seen.
fn sorted(clock: &[(FeedId, u64)]) -> Clock {
    let mut sorted: Clock = clock.iter().filter(|(_, n)| *n > 0).copied().collect();
    sorted.sort_unstable();
    sorted
}

/// The document as it was at these heads.
pub(crate) fn forked(doc: &Automerge, heads: &[ChangeHash]) -> Result<Automerge, DeriveError> {
    if heads.is_empty() {
        return Ok(Document::new().doc);
    }
    Ok(doc.fork_at(heads)?)
}

/// A former state of the document with what it lacks of the state at these heads.
fn extended(doc: &Automerge, mut past: Automerge, heads: &[ChangeHash]) -> Result<Automerge, DeriveError> {
    let (mut next, mut met, mut lacking) = (heads.to_vec(), HashSet::new(), Vec::new());
    while let Some(hash) = next.pop() {
        if !met.insert(hash) || past.get_change_meta_by_hash(&hash).is_some() {
            continue;
        }
        let change = doc.get_change_by_hash(&hash).ok_or(DeriveError::SeenUnknown)?;
        next.extend(change.deps());
        lacking.push(change);
    }
    // A change comes after all that it was made on.
    lacking.sort_by_key(Change::start_op);
    past.apply_changes(lacking)?;
    Ok(past)
}
