//! One facet of one record as an Automerge document: loading, saving, heads, and its flat key layout.
//!
//! Everything lives in the root map, so that no two authors can create the same nested container. A plain field is
//! its own key; items of sets, logs and maps are keyed `field/…` (field names hold no slash):
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

use automerge::{
    ActorId, Automerge, AutomergeError, ChangeHash, LoadOptions, TextEncoding, VerificationMode,
};
use gridledger_schema::ids::FeedId;

/// The version of the derivation rules and of the automerge release they run on. A record's epoch remembers it.
pub const RULES_VERSION: u32 = 1;

/// A document: what one read class sees of one record.
#[derive(Clone)]
pub struct Document {
    pub(crate) doc: Automerge,
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

impl Document {
    /// An empty document.
    pub fn new() -> Self {
        Self {
            doc: Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint),
        }
    }

    /// Reads what [`save`](Self::save) wrote on this side, from our own database: its checksum is checked, its change
    /// hashes are not computed again.
    pub fn load(bytes: &[u8]) -> Result<Self, AutomergeError> {
        let options = LoadOptions::new()
            .text_encoding(TextEncoding::UnicodeCodePoint)
            .verification_mode(VerificationMode::DontCheck);
        Ok(Self {
            doc: Automerge::load_with_options(bytes, options)?,
        })
    }

    /// Reads a snapshot that came over the network; every hash is computed and checked.
    pub fn load_checked(bytes: &[u8]) -> Result<Self, AutomergeError> {
        let options = LoadOptions::new().text_encoding(TextEncoding::UnicodeCodePoint);
        Ok(Self {
            doc: Automerge::load_with_options(bytes, options)?,
        })
    }

    /// The document in one piece.
    pub fn save(&self) -> Vec<u8> {
        self.doc.save()
    }

    /// The document in one piece, larger but sooner done: for what is kept briefly.
    pub fn save_fast(&self) -> Vec<u8> {
        self.doc.save_nocompress()
    }

    /// The hashes of the latest changes, sorted.
    pub fn heads(&self) -> Vec<[u8; 32]> {
        let mut heads: Vec<[u8; 32]> = self.doc.get_heads().iter().map(|h| h.0).collect();
        heads.sort_unstable();
        heads
    }

    /// How many changes each feed has made here: the whole causal past in one table.
    pub fn clock(&self) -> Vec<(FeedId, u64)> {
        let mut clock = std::collections::BTreeMap::new();
        for meta in self.doc.get_changes_meta(&[]) {
            if let Some(feed) = feed_of(&meta.actor) {
                let seq = clock.entry(feed).or_insert(0);
                *seq = meta.seq.max(*seq);
            }
        }
        clock.into_iter().collect()
    }

    /// How many changes the document holds.
    pub fn change_count(&self) -> usize {
        self.doc.get_changes_meta(&[]).len()
    }

    /// The time of the latest change, ms since 1970; 0 for an empty document.
    pub fn changed_at(&self) -> i64 {
        let metas = self.doc.get_changes_meta(&[]);
        metas.iter().map(|meta| meta.timestamp).max().unwrap_or(0)
    }

    /// The (feed, change number) pairs that the change `hash` was made on, as far as they are in `known`.
    pub fn made_on(&self, hash: &[u8; 32], known: &[(FeedId, u64)]) -> Vec<(FeedId, u64)> {
        let metas = self.doc.get_changes_meta(&[]);
        let Some(made) = metas.iter().find(|m| m.hash.0 == *hash) else {
            return Vec::new();
        };
        let mut on: Vec<(FeedId, u64)> = metas
            .iter()
            .filter(|m| made.deps.contains(&m.hash))
            .filter_map(|m| Some((feed_of(&m.actor)?, m.seq)))
            .filter(|(feed, _)| known.iter().any(|(k, _)| k == feed))
            .collect();
        on.sort_unstable();
        on
    }

    /// The changes that `wanted` names: (feed, its change number) as its number `seq` here.
    pub(crate) fn change_hash(&self, wanted: &[(FeedId, u64)]) -> Option<Vec<ChangeHash>> {
        let metas = self.doc.get_changes_meta(&[]);
        wanted
            .iter()
            .map(|(feed, seq)| {
                let found = metas
                    .iter()
                    .find(|m| m.seq == *seq && m.actor.to_bytes() == feed.0);
                found.map(|m| m.hash)
            })
            .collect()
    }
}

pub(crate) fn feed_of(actor: &ActorId) -> Option<FeedId> {
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
