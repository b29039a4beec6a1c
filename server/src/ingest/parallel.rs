//! Work on many records at once, on all cores.

use std::collections::{HashMap, VecDeque};

use gridledger_core::derive::{Authored, Seen};
use gridledger_core::document::Document;
use gridledger_core::validate::check_shape;
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{FeedId, RecordId};

use crate::store::rows::people::FeedRow;
use crate::store::rows::records::{CheckedSegment, Push};

/// Fewer items than this are not worth a thread.
const FEW: usize = 64;

/// `work` on every item, in the items' order. A panic inside is passed on.
pub(super) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if items.len() < FEW || cores == 1 {
        return items.into_iter().map(work).collect();
    }
    let share = items.len().div_ceil(cores);
    let mut items = items.into_iter();
    let shares: Vec<Vec<T>> = (0..cores).map(|_| items.by_ref().take(share).collect()).collect();
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.into_iter().map(work).collect::<Vec<R>>()))
            .collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    })
}

/// New records whose documents are derived at once.
const BLOCK: usize = 128;

/// The documents of new records, by record, derived before their entries are judged: a new record's documents depend on
/// nothing but its entry. Only of a push that makes many, and a block at a time: it may end before all are decided. What
/// cannot be derived is left for its turn.
pub(super) struct Prepared<'a> {
    waiting: VecDeque<(&'a FeedRow, &'a Entry)>,
    ready: HashMap<RecordId, Vec<(u8, Document)>>,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(push: &'a Push) -> Self {
        let mut waiting: VecDeque<_> = push.segments.iter().flat_map(new_records).collect();
        if waiting.len() < FEW {
            waiting.clear();
        }
        Self { waiting, ready: HashMap::new() }
    }

    /// The documents of the record that an entry creates, if they could be derived by themselves.
    pub(super) fn take(&mut self, feed: FeedId, entry: &Entry) -> Option<Vec<(u8, Document)>> {
        if !matches!(entry.target, Target::Create { .. }) {
            return None;
        }
        let record = entry.record(feed);
        if !self.ready.contains_key(&record) && !self.waiting.is_empty() {
            self.derive_from(record);
        }
        self.ready.remove(&record)
    }

    /// Derives the block that begins with a record; those before it were passed over.
    fn derive_from(&mut self, record: RecordId) {
        let is_it = |(feed, entry): &(&FeedRow, &Entry)| entry.record(feed.feed) == record;
        let Some(at) = self.waiting.iter().position(is_it) else {
            return;
        };
        let block = self.waiting.drain(..(at + BLOCK).min(self.waiting.len())).skip(at);
        let made = map(block.collect(), |(feed, entry): (&FeedRow, &Entry)| {
            let documents = derive(feed, entry)?;
            Some((entry.record(feed.feed), documents))
        });
        self.ready = made.into_iter().flatten().collect();
    }
}

fn new_records(segment: &CheckedSegment) -> impl Iterator<Item = (&FeedRow, &Entry)> {
    let entries = segment.entries.iter().map(|signed| &signed.entry);
    entries.filter(|entry| matches!(entry.target, Target::Create { .. })).map(|entry| (&segment.feed, entry))
}

fn derive(feed: &FeedRow, entry: &Entry) -> Option<Vec<(u8, Document)>> {
    check_shape(entry).ok()?;
    let authored = Authored { feed: feed.feed, author: &feed.author, entry };
    let touched = entry.facets();
    let facets = (0..64u8).filter(|facet| touched & (1 << facet) != 0);
    let documents = facets.map(|facet| {
        let mut document = Document::new();
        document.derive(authored, facet, &Seen::All).ok()?;
        Some((facet, document))
    });
    documents.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_items_keep_their_order() {
        for count in [0, 1, FEW - 1, FEW, 1_001] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(map(items.clone(), |item| item), items);
        }
    }
}
