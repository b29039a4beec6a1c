//! This file keeps one facet of one record as an Automerge document: loading, saving, heads, and the flat
//! layout of keys.
//!
//! Everything is in the root map, so that no two authors can create the same nested container. A plain field
//! is its own key. Items of sets, logs and maps are keyed `field/…` (field names hold no slash):
//!
//! | merge kind | key | value |
//! |---|---|---|
//! | register, multi, once, max | `field` | scalar, or bytes holding the CBOR of a list or object |
//! | counter | `field` | counter |
//! | text | `field` | text |
//! | sets | `field/item` | true in, false out |
//! | log | `field/TIME.FEED.N.I` | bytes: CBOR of the item |
//! | map | `field/child`, `field/child/key` | true/false for the child, scalar or bytes for its fields |
//! | events | `field/TIME.FEED.N.I` | bytes: CBOR of verb, actor, parents, arguments |
//!
//! The empty name belongs to the document itself: `/base` describes its generation ([`crate::epoch`]).

use std::collections::BTreeMap;

use automerge::{
    ActorId, Automerge, AutomergeError, ChangeHash, ChangeMetadata, LoadOptions, ROOT, ReadDoc as _,
    TextEncoding, VerificationMode,
};
use gridledger_schema::ids::FeedId;

use crate::message::Message;

/// The version of the derivation rules and of their automerge release. A record's epoch remembers it.
pub const RULES_VERSION: u32 = 1;

/// A document: the part of one record that one read class sees.
#[derive(Clone)]
pub struct Document {
    pub(crate) doc: Automerge,
    /// The state that the author of the last entry had seen.
    pub(crate) branch: Option<Box<Branch>>,
}

/// How many changes of each feed were seen.
pub(crate) type Clock = Vec<(FeedId, u64)>;

/// A former state of a document that one author's entries continue.
#[derive(Clone)]
pub(crate) struct Branch {
    /// The changes it holds: those seen at the fork, and those derived since.
    pub(crate) held: Clock,
    pub(crate) past: Document,
    pub(crate) ahead: bool,
}

impl Branch {
    pub(crate) fn doc(&self) -> &Automerge {
        &self.past.doc
    }

    /// Whether adding changes can bring this branch to the `wanted` state.
    pub(crate) fn is_within(&self, wanted: &Clock) -> bool {
        let wanted: BTreeMap<FeedId, u64> = wanted.iter().copied().collect();
        let reached = |feed: &FeedId| wanted.get(feed).copied().unwrap_or(0);
        self.held.iter().all(|(feed, n)| *n <= reached(feed))
    }
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

impl Document {
    /// An empty document.
    pub fn new() -> Self {
        Self::wrap(Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint))
    }

    /// Wraps an Automerge document.
    pub(crate) fn wrap(doc: Automerge) -> Self {
        Self { doc, branch: None }
    }

    /// Loads a document that [`save`](Self::save) wrote on this side, from our own database. Its checksum is
    /// checked; its change hashes are not computed again.
    pub fn load(bytes: &[u8]) -> Result<Self, AutomergeError> {
        let options = LoadOptions::new()
            .text_encoding(TextEncoding::UnicodeCodePoint)
            .verification_mode(VerificationMode::DontCheck);
        Ok(Self::wrap(Automerge::load_with_options(bytes, options)?))
    }

    /// Loads a snapshot from the network. Every hash is computed and checked.
    pub fn load_checked(bytes: &[u8]) -> Result<Self, AutomergeError> {
        let options = LoadOptions::new().text_encoding(TextEncoding::UnicodeCodePoint);
        Ok(Self::wrap(Automerge::load_with_options(bytes, options)?))
    }

    /// Saves the document in one piece.
    pub fn save(&self) -> Vec<u8> {
        debug_assert!(self.is_settled(), "BUG: a branch is ahead");
        self.doc.save()
    }

    /// Saves the document without compression: larger but sooner done, for copies that are kept briefly.
    pub fn save_fast(&self) -> Vec<u8> {
        self.doc.save_nocompress()
    }

    /// The hashes of the latest changes, sorted.
    pub fn heads(&self) -> Vec<[u8; 32]> {
        debug_assert!(self.is_settled(), "BUG: a branch is ahead");
        let mut heads: Vec<[u8; 32]> = self.doc.get_heads().iter().map(|h| h.0).collect();
        heads.sort_unstable();
        heads
    }

    /// The number of changes that each feed has made here, in all generations: the whole causal past in one
    /// table.
    pub fn clock(&self) -> Vec<(FeedId, u64)> {
        debug_assert!(self.is_settled(), "BUG: a branch is ahead");
        let before = self.base().map(|base| base.clock).unwrap_or_default();
        let mut clock = before.clone();
        let own = self.doc.get_changes_meta(&[]).into_iter();
        for meta in own.filter(|meta| meta.message.is_none()) {
            if let Some(feed) = actor_feed(&meta.actor) {
                let total = before.get(&feed).copied().unwrap_or(0) + meta.seq;
                let n = clock.entry(feed).or_insert(0);
                *n = total.max(*n);
            }
        }
        clock.into_iter().collect()
    }

    /// The number of changes that the document holds.
    pub fn change_count(&self) -> usize {
        self.doc.stats().num_changes as usize
    }

    /// The number of operations that the document holds. Loading, forking and projecting take time in
    /// proportion.
    pub fn operation_count(&self) -> u64 {
        self.doc.stats().num_ops
    }

    /// The number of operations that make up the base of its generation.
    pub fn base_operation_count(&self) -> u64 {
        let metas = self.doc.get_changes_meta(&[]);
        let base = metas.iter().filter(|meta| meta.message.is_some());
        base.map(|meta| (meta.max_op + 1).saturating_sub(meta.start_op)).sum()
    }

    /// The time of the latest change, ms since 1970; 0 for an empty document.
    pub fn changed_at(&self) -> i64 {
        let metas = self.doc.get_changes_meta(&[]);
        metas.iter().map(|meta| meta.timestamp).max().unwrap_or(0)
    }

    /// The time of the earliest change, ms since 1970.
    pub(crate) fn first_at(&self) -> Option<i64> {
        let metas = self.doc.get_changes_meta(&[]);
        // Genesis changes have no time.
        metas.iter().map(|meta| meta.timestamp).filter(|at| *at > 0).min()
    }

    /// A field that holds one whole number. Of concurrent values the smallest counts.
    pub(crate) fn number(&self, field: &str) -> Option<i64> {
        let all = self.doc.get_all(ROOT, field).ok()?;
        all.iter().filter_map(|(value, _)| value.as_i64()).min()
    }

    /// The changes that change `hash` depends on, as (feed, number) pairs, as far as `known` (the changes its
    /// author had seen) has them. They are enough for [`Seen::Clock`](crate::derive::Seen::Clock) to find the
    /// same changes in any replica. The seal of a base is named by its actor. Of a base that was not seen
    /// whole, the pairs say how far its feeds were seen.
    pub fn made_on(&self, hash: &[u8; 32], known: &[(FeedId, u64)]) -> Vec<(FeedId, u64)> {
        // The change may be only on the branch.
        let branch = self.branch.as_ref().map(|branch| branch.doc());
        let on_branch = branch.filter(|doc| doc.get_change_meta_by_hash(&ChangeHash(*hash)).is_some());
        let doc = on_branch.unwrap_or(&self.doc);
        let Some(made) = doc.get_change_meta_by_hash(&ChangeHash(*hash)) else {
            return Vec::new();
        };
        let before = self.base().map(|base| base.clock).unwrap_or_default();
        let count = |feed: &FeedId| before.get(feed).copied().unwrap_or(0);
        let mut on = BTreeMap::new();
        let deps = made.deps.iter().filter_map(|hash| doc.get_change_meta_by_hash(hash));
        for meta in &deps.collect::<Vec<_>>() {
            let Some(feed) = actor_feed(&meta.actor) else {
                continue;
            };
            match read_message(meta) {
                Some(Message::Seal) => _ = on.insert(feed, meta.seq),
                None if known.iter().any(|(k, _)| *k == feed) => {
                    _ = on.insert(feed, count(&feed) + meta.seq);
                }
                Some(Message::Link(..) | Message::Text) | None => {}
            }
        }
        if !covers_base(&before, known) {
            for (feed, n) in known.iter().filter(|(feed, _)| before.contains_key(feed)) {
                on.entry(*feed).or_insert((*n).min(count(feed)));
            }
        }
        on.into_iter().collect()
    }

    /// The latest changes among those that `wanted` names as (feed, number of its changes). For a feed's own
    /// changes it is the one of that number. For a base it is the seal if all its changes are named, else
    /// each feed's last link up to that number. `None` if a change is not here.
    pub(crate) fn find_latest(&self, wanted: &[(FeedId, u64)]) -> Option<Vec<ChangeHash>> {
        let before = self.base().map(|base| base.clock).unwrap_or_default();
        let metas = self.doc.get_changes_meta(&[]);
        let whole = covers_base(&before, wanted);
        let mut latest = Vec::new();
        for (feed, n) in wanted {
            let count = before.get(feed).copied().unwrap_or(0);
            if let Some(seq) = n.checked_sub(count).filter(|seq| *seq > 0) {
                let mut found = metas.iter();
                let found = found.find(|m| m.seq == seq && m.actor.to_bytes() == feed.0)?;
                latest.push(found.hash);
            } else if !whole {
                latest.extend(find_last_links(&metas, *feed, *n));
            }
        }
        if whole {
            let seal = |m: &&ChangeMetadata<'_>| matches!(read_message(m), Some(Message::Seal));
            latest.extend(metas.iter().find(seal).map(|m| m.hash));
        }
        Some(latest)
    }
}

/// Whether an author had seen all changes that a base is made of.
fn covers_base(base: &BTreeMap<FeedId, u64>, seen: &[(FeedId, u64)]) -> bool {
    let has = |(feed, count): (&FeedId, &u64)| seen.iter().any(|(f, n)| f == feed && n >= count);
    !base.is_empty() && base.iter().all(has)
}

/// The message of a base's change; `None` for any other change.
pub(crate) fn read_message(meta: &ChangeMetadata<'_>) -> Option<Message> {
    meta.message.as_deref().and_then(Message::parse)
}

/// Finds, in each lane of a feed, the last link up to its change `n`.
fn find_last_links(metas: &[ChangeMetadata<'_>], feed: FeedId, n: u64) -> impl Iterator<Item = ChangeHash> {
    let mut last = BTreeMap::new();
    for meta in metas {
        if let Some(Message::Link(of, at)) = read_message(meta)
            && of == feed
            && at <= n
        {
            let (seq, hash) = last.entry(meta.actor.to_bytes().to_vec()).or_insert((0, meta.hash));
            if meta.seq > *seq {
                (*seq, *hash) = (meta.seq, meta.hash);
            }
        }
    }
    last.into_values().map(|(_, hash)| hash)
}

/// The feed whose value a change brought: its actor, or in a base the feed that the value came from.
pub(crate) fn find_author(meta: &ChangeMetadata<'_>) -> Option<FeedId> {
    match read_message(meta) {
        Some(Message::Link(feed, _)) => Some(feed),
        _ => actor_feed(&meta.actor),
    }
}

/// The feed of an actor; `None` if its id is not 16 bytes long.
pub(crate) fn actor_feed(actor: &ActorId) -> Option<FeedId> {
    actor.to_bytes().try_into().ok().map(FeedId)
}

/// The key of something inside a field.
pub(crate) fn inner_key(field: &str, inner: &str) -> String {
    format!("{field}/{inner}")
}

/// The id of an intent, for log items and events: its feed, entry and place in the entry.
pub(crate) fn intent_id(feed: FeedId, n: u64, index: usize) -> String {
    format!("{feed}.{n}.{index}")
}

/// A key part that sorts by time: 12 hex digits of milliseconds.
pub(crate) fn time_key(at: i64) -> String {
    format!("{:012x}", at.clamp(0, (1 << 48) - 1))
}

/// Forks the document at these heads.
pub(crate) fn fork_at(doc: &Automerge, heads: &[ChangeHash]) -> Result<Automerge, AutomergeError> {
    if heads.is_empty() {
        return Ok(Document::new().doc);
    }
    doc.fork_at(heads)
}
