//! An epoch ends a record's history and keeps what the record shows. A new generation begins with a *base*:
//! documents made of the values that the former ones showed, without the values to be forgotten.
//!
//! A base shows the same as the document it replaces: every standing value, concurrent ones included, each
//! with its time and the feed that wrote it. Clocks stay valid across it. A feed's count goes on (`n` is the
//! number of changes that the feed made in the facet, over all generations), and values keep their place:
//!
//! | change of a base | actor | holds | is seen by whoever |
//! |---|---|---|---|
//! | link | hash of record, facet, epoch, feed | what one entry of the feed left standing | had seen that entry |
//! | genesis | hash of record, facet, field | an empty counter or text, as in every generation | needs it |
//! | text | hash of record, facet, epoch, field | a text as it stood | had seen all that the base is made of |
//! | seal | hash of record, facet, epoch | sums, and [`Base`]; made on all others | the same |
//!
//! An entry whose author had not seen the whole base is therefore concurrent with the values the author had
//! not seen, and with the sums and texts. A base holds nothing of the values that were left out.

mod begin;
mod written;

use std::collections::BTreeMap;

use automerge::{ActorId, ROOT, ReadDoc as _, ScalarValue};
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{FeedId, RecordId};
use minicbor::{Decoder, Encoder};
use sha2::{Digest as _, Sha256};

use crate::document::Document;

pub use begin::begin;
pub use written::{Unit, written};

/// The key of a base's description in the root map. No field has the empty name.
pub(crate) const KEY: &str = "/base";

/// A generation's description of itself and of its predecessors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// The version of the derivation rules for its entries.
    pub rules: u32,
    /// For each feed, the number of changes it had made in the facet before.
    pub clock: BTreeMap<FeedId, u64>,
    /// The erasures of this generation and earlier ones. For a field, only the last one stands here.
    pub erased: Vec<Erasure>,
}

/// A field that was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The field.
    pub field: String,
    /// The position in the area's log that announces the erasure.
    pub told: u64,
    /// The time up to which writes were erased, ms since 1970; `i64::MAX` for all of them.
    pub until: i64,
    /// The entry that caused the erasure, where one did. Its author knew of it at once.
    pub by: Option<(FeedId, u64)>,
}

impl Erasure {
    /// Whether the erasure covers what an entry writes: the field, up to its time.
    pub fn covers(&self, entry: &Entry) -> bool {
        entry.at <= self.until && entry.intents.iter().any(|intent| intent.field == self.field)
    }

    /// Whether an entry loses to the erasure: it writes the erased field, and its author did not know.
    pub fn beats(&self, feed: FeedId, entry: &Entry) -> bool {
        let knew = entry.cursor >= self.told || self.by.is_some_and(|(by, n)| by == feed && entry.n > n);
        !knew && self.covers(entry)
    }
}

/// Merges new erasures into earlier ones. For a field the last erasure counts.
pub fn merge_erasures(before: &[Erasure], now: &[Erasure]) -> Vec<Erasure> {
    let still = before.iter().filter(|old| now.iter().all(|new| new.field != old.field));
    let mut all: Vec<Erasure> = still.chain(now).cloned().collect();
    all.sort_by(|a, b| a.field.cmp(&b.field));
    all
}

impl Document {
    /// The generation's description of itself; `None` in a record's first generation.
    pub fn base(&self) -> Option<Base> {
        let (value, _) = self.doc.get(ROOT, KEY).ok()??;
        let bytes = value.into_scalar().ok()?;
        let ScalarValue::Bytes(bytes) = bytes else {
            return None;
        };
        Base::read(&bytes)
    }
}

/// The version of the description's byte form.
const FORM: u8 = 1;

impl Base {
    fn write(&self) -> Vec<u8> {
        let mut e = Encoder::new(Vec::new());
        let written = self.write_into(&mut e);
        written.expect("BUG: writing to a Vec cannot fail");
        e.into_writer()
    }

    fn write_into(
        &self,
        e: &mut Encoder<Vec<u8>>,
    ) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        e.array(4)?.u8(FORM)?.u32(self.rules)?;
        e.array(self.clock.len() as u64 * 2)?;
        for (feed, n) in &self.clock {
            e.bytes(&feed.0)?.u64(*n)?;
        }
        e.array(self.erased.len() as u64)?;
        for erasure in &self.erased {
            e.array(4)?.str(&erasure.field)?.u64(erasure.told)?.i64(erasure.until)?;
            match erasure.by {
                Some((feed, n)) => e.array(2)?.bytes(&feed.0)?.u64(n)?,
                None => e.null()?,
            };
        }
        Ok(())
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut d = Decoder::new(bytes);
        let (fields, form) = (d.array().ok()??, d.u8().ok()?);
        if fields != 4 || form != FORM {
            return None;
        }
        let mut base = Self { rules: d.u32().ok()?, ..Self::default() };
        for _ in 0..d.array().ok()?? / 2 {
            base.clock.insert(read_feed(&mut d)?, d.u64().ok()?);
        }
        for _ in 0..d.array().ok()?? {
            base.erased.push(read_erasure(&mut d)?);
        }
        Some(base)
    }
}

fn read_feed(d: &mut Decoder<'_>) -> Option<FeedId> {
    d.bytes().ok()?.try_into().ok().map(FeedId)
}

fn read_erasure(d: &mut Decoder<'_>) -> Option<Erasure> {
    d.array().ok()?;
    let (field, told, until) = (d.str().ok()?.to_owned(), d.u64().ok()?, d.i64().ok()?);
    let by = if d.datatype().ok()? == minicbor::data::Type::Null {
        d.null().ok()?;
        None
    } else {
        d.array().ok()?;
        Some((read_feed(d)?, d.u64().ok()?))
    };
    Some(Erasure { field, told, until, by })
}

/// A generation of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The record.
    pub record: RecordId,
    /// The facet.
    pub facet: u8,
    /// The generation that begins, from 1.
    pub epoch: u32,
}

impl Place {
    /// The actor of a feed's links. `lane` is above 0 only where one feed left two values of a key.
    fn link_actor(self, feed: FeedId, lane: u8) -> ActorId {
        self.hash_actor(b"gridledger/link/v1", &[&feed.0[..], &[lane]].concat())
    }

    fn text_actor(self, field: &str) -> ActorId {
        self.hash_actor(b"gridledger/text/v1", field.as_bytes())
    }

    fn seal_actor(self) -> ActorId {
        self.hash_actor(b"gridledger/seal/v1", &[])
    }

    fn hash_actor(self, kind: &[u8], rest: &[u8]) -> ActorId {
        let mut hash = Sha256::new();
        hash.update(kind);
        hash.update(self.record.0);
        hash.update([self.facet]);
        hash.update(self.epoch.to_be_bytes());
        hash.update(rest);
        ActorId::from(&hash.finalize()[..16])
    }
}
