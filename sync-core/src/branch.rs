//! A branch holds a document as one author had seen it, with the changes that author wrote since.
//!
//! An entry whose author had not seen everything is derived on a branch. The branch is kept, and the author's
//! next entry continues it. An author's entries therefore need one fork, whatever their number. A branch is
//! *ahead* while it holds changes that the document lacks; [`Document::settle`] brings them into the
//! document.

use std::collections::HashSet;

use automerge::{Automerge, Change, ChangeHash, ReadDoc as _};
use gridledger_schema::ids::FeedId;

use crate::derive::{Authored, DeriveError, Seen, commit_change};
use crate::document::{Branch, Clock, Document, fork_at};

impl Document {
    /// Does the same as [`derive`](Self::derive), but may leave the change on a branch. Until the document is
    /// [settled](Self::settle), only [`seen_by`](Self::seen_by) and [`made_on`](Self::made_on) may read it.
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
            commit_change(&mut doc, authored, facet).map(|hash| (doc, hash))
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

    /// Merges the branch's changes into the document. On an error the document is unchanged.
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

    /// Whether no branch is ahead of the document.
    pub fn is_settled(&self) -> bool {
        self.branch.as_ref().is_none_or(|branch| !branch.ahead)
    }

    /// Settles the document and drops the branch. The next entry forks the document again.
    pub fn forget_branch(&mut self) -> Result<(), DeriveError> {
        self.settle()?;
        self.branch = None;
        Ok(())
    }

    /// The document in the state that an author had seen. For an author who had seen all, it is the document
    /// itself.
    pub fn seen_by(&mut self, seen: &Seen) -> Result<&Self, DeriveError> {
        match seen {
            Seen::All => {
                self.settle()?;
                Ok(self)
            }
            Seen::Clock(clock) => Ok(&self.branch_at(clock)?.past),
        }
    }

    /// The number of changes that a fork or an extension of the branch would copy for the next entry.
    pub fn changes_to_copy(&self, seen: &Seen) -> u64 {
        let Seen::Clock(clock) = seen else { return 0 };
        let held: &[_] = self.branch.as_ref().map_or(&[], |branch| &branch.held);
        if *held == *sort_clock(clock) { 0 } else { self.change_count() as u64 }
    }

    /// The branch that holds exactly the seen changes.
    fn branch_at(&mut self, clock: &[(FeedId, u64)]) -> Result<&mut Branch, DeriveError> {
        let wanted = sort_clock(clock);
        if self.branch.as_ref().is_none_or(|branch| branch.held != wanted) {
            self.settle()?;
            let heads = self.find_latest(&wanted).ok_or(DeriveError::SeenUnknown)?;
            let kept = self.branch.take().filter(|branch| branch.is_within(&wanted));
            let attempt = std::panic::AssertUnwindSafe(|| match kept {
                Some(kept) => extend_to(&self.doc, kept.past.doc, &heads),
                None => Ok(fork_at(&self.doc, &heads)?),
            });
            let doc = std::panic::catch_unwind(attempt).map_err(|_| DeriveError::Panicked)??;
            self.branch = Some(Box::new(Branch { held: wanted, past: Self::wrap(doc), ahead: false }));
        }
        Ok(self.branch.as_mut().expect("BUG: it was just made"))
    }
}

/// Sorts a clock and drops feeds with a count of 0.
fn sort_clock(clock: &[(FeedId, u64)]) -> Clock {
    let mut sorted: Clock = clock.iter().filter(|(_, n)| *n > 0).copied().collect();
    sorted.sort_unstable();
    sorted
}

/// Extends a former state of the document by the changes it lacks up to these heads.
fn extend_to(doc: &Automerge, mut past: Automerge, heads: &[ChangeHash]) -> Result<Automerge, DeriveError> {
    let (mut next, mut met, mut lacking) = (heads.to_vec(), HashSet::new(), Vec::new());
    while let Some(hash) = next.pop() {
        if !met.insert(hash) || past.get_change_meta_by_hash(&hash).is_some() {
            continue;
        }
        let change = doc.get_change_by_hash(&hash).ok_or(DeriveError::SeenUnknown)?;
        next.extend(change.deps());
        lacking.push(change);
    }
    // A change must follow the changes that it depends on.
    lacking.sort_by_key(Change::start_op);
    past.apply_changes(lacking)?;
    Ok(past)
}
