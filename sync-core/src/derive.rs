//! Derivation turns an entry, together with the changes its author had seen, into one Automerge change.
//!
//! It is a pure function of the causal past. In whatever order entries arrive, every replica derives the same
//! change with the same hash. Three rules ensure that:
//! - The change is made on the record in the state that the author had seen (a fork when others have written
//!   since). Its counter and its dependencies come from the causal past, never from the whole document.
//! - An entry that changes nothing still leaves an empty change, which keeps it in history.
//! - A counter or text that the creating entry did not make comes from a *genesis* change. That change
//!   depends on nothing, and its actor is a hash of record and key. Two authors who need it at once make the
//!   same one.

use std::collections::BTreeMap;

use automerge::transaction::{CommitOptions, Transactable as _, Transaction};
use automerge::{
    ActorId, Automerge, AutomergeError, ObjType, ROOT, ReadDoc as _, ScalarValue, TextEncoding,
    Value as AmValue,
};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{FeedId, RecordId};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::canonical;
use crate::document::{Document, fork_at, inner_key, intent_id, time_key};
use crate::fold::{self, Verb};

/// An entry with its author.
#[derive(Clone, Copy, Debug)]
pub struct Authored<'a> {
    /// The feed of the entry.
    pub feed: FeedId,
    /// The author's code.
    pub author: &'a str,
    /// The entry.
    pub entry: &'a Entry,
}

/// The part of the document that an entry's author had seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The whole document.
    All,
    /// For each feed, the changes up to a number.
    Clock(Vec<(FeedId, u64)>),
}

/// The reason why an entry could not be derived.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// The document lacks changes that the author is said to have seen.
    #[error("the document does not hold what the author had seen")]
    SeenUnknown,
    /// Automerge refused the change.
    #[error("automerge: {0}")]
    Automerge(#[from] AutomergeError),
    /// Automerge panicked. The attempt's document was thrown away.
    #[error("the merge machine panicked")]
    Panicked,
}

impl Document {
    /// Derives the entry's change for one facet and adds it. Returns the change's hash. On an error or a
    /// panic inside Automerge, the document is unchanged.
    pub fn derive(
        &mut self,
        authored: Authored<'_>,
        facet: u8,
        seen: &Seen,
    ) -> Result<[u8; 32], DeriveError> {
        let hash = self.derive_ahead(authored, facet, seen)?;
        let settled = self.settle();
        if settled.is_err() {
            // A branch that cannot be merged is dropped.
            self.branch = None;
        }
        settled.map(|()| hash)
    }

    /// Derives an entry whose author had seen everything.
    pub(crate) fn derive_on_all(
        &mut self,
        authored: Authored<'_>,
        facet: u8,
    ) -> Result<[u8; 32], DeriveError> {
        let attempt = std::panic::AssertUnwindSafe(|| {
            let mut next = self.doc.clone();
            commit_change(&mut next, authored, facet).map(|hash| (next, hash))
        });
        let (next, hash) = std::panic::catch_unwind(attempt).map_err(|_| DeriveError::Panicked)??;
        self.doc = next;
        Ok(hash)
    }

    /// A copy of the document in the state that an author had seen.
    pub fn at(&self, seen: &Seen) -> Result<Self, DeriveError> {
        let Seen::Clock(clock) = seen else {
            return Ok(self.clone());
        };
        let heads = self.find_latest(clock).ok_or(DeriveError::SeenUnknown)?;
        Ok(Self::wrap(fork_at(&self.doc, &heads)?))
    }

    /// Writes what was seen as a clock.
    pub fn clock_of(&self, seen: &Seen) -> Vec<(FeedId, u64)> {
        match seen {
            Seen::All => self.clock(),
            Seen::Clock(clock) => clock.clone(),
        }
    }
}

/// Makes the entry's change in `doc`. An entry without effect leaves an empty change.
pub(crate) fn commit_change(
    doc: &mut Automerge,
    authored: Authored<'_>,
    facet: u8,
) -> Result<[u8; 32], DeriveError> {
    let Authored { feed, entry, .. } = authored;
    let creates = matches!(entry.target, Target::Create { .. });
    let record = entry.record(feed);
    if !creates {
        ensure_containers(doc, record, facet, &entry.intents)?;
    }
    doc.set_actor(ActorId::from(feed.0));
    let (mut tx, mut latest) = (doc.transaction(), Latest::default());
    // The index counts within the facet: a reader of one facet gets only its intents, and must derive the
    // same change.
    for (index, intent) in entry.intents.iter().filter(|i| i.facet == facet).enumerate() {
        apply_intent(&mut tx, authored, (index, intent), &mut latest)?;
    }
    let options = || CommitOptions::default().with_time(entry.at);
    let (hash, _) = tx.commit_with(options());
    Ok(hash.unwrap_or_else(|| doc.empty_commit(options())).0)
}

/// Adds the genesis changes of counters and texts that the intents need and the document lacks.
fn ensure_containers(
    doc: &mut Automerge,
    record: RecordId,
    facet: u8,
    intents: &[Intent],
) -> Result<(), DeriveError> {
    for intent in intents.iter().filter(|i| i.facet == facet) {
        let container = match &intent.op {
            Op::Increment { .. } => Container::Counter,
            Op::Splice { .. } => Container::Text,
            _ => continue,
        };
        if !container.is_at(doc, &intent.field)? {
            let mut genesis = make_genesis(record, facet, &intent.field, container)?;
            doc.merge(&mut genesis)?;
        }
    }
    Ok(())
}

/// A value that is made empty before it is written. Several authors may need it at once.
#[derive(Clone, Copy)]
pub(crate) enum Container {
    Counter,
    Text,
}

impl Container {
    fn is_at(self, doc: &Automerge, field: &str) -> Result<bool, AutomergeError> {
        Ok(doc.get_all(ROOT, field)?.iter().any(|(value, _)| match self {
            Self::Counter => {
                matches!(value, AmValue::Scalar(s) if matches!(s.as_ref(), ScalarValue::Counter(_)))
            }
            Self::Text => matches!(value, AmValue::Object(ObjType::Text)),
        }))
    }
}

/// The actor of a genesis change, as a feed: 16 bytes of SHA-256. No real feed has such a name unless the
/// hash is broken.
pub(crate) fn genesis_feed(record: RecordId, facet: u8, field: &str) -> FeedId {
    let mut hash = Sha256::new();
    hash.update(b"gridledger/genesis/v1");
    hash.update(record.0);
    hash.update([facet]);
    hash.update(field.as_bytes());
    let mut actor = [0; 16];
    actor.copy_from_slice(&hash.finalize()[..16]);
    FeedId(actor)
}

/// Makes the document that holds one empty counter or text.
pub(crate) fn make_genesis(
    record: RecordId,
    facet: u8,
    field: &str,
    container: Container,
) -> Result<Automerge, AutomergeError> {
    let mut doc = Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint);
    doc.set_actor(ActorId::from(genesis_feed(record, facet, field).0));
    let mut tx = doc.transaction();
    match container {
        Container::Counter => tx.put(ROOT, field, ScalarValue::Counter(0.into()))?,
        Container::Text => _ = tx.put_object(ROOT, field, ObjType::Text)?,
    }
    tx.commit_with(CommitOptions::default().with_time(0));
    Ok(doc)
}

fn apply_intent(
    tx: &mut Transaction<'_>,
    by: Authored<'_>,
    (index, intent): (usize, &Intent),
    latest: &mut Latest,
) -> Result<(), AutomergeError> {
    let field = intent.field.as_str();
    match &intent.op {
        Op::Put { value } => tx.put(ROOT, field, to_scalar(value)),
        Op::Raise { value } => raise(tx, field, *value),
        Op::Increment { by } => increment(tx, field, *by),
        Op::Splice { pos, delete, insert } => splice(tx, field, *pos as usize, *delete as usize, insert),
        Op::Add { item } => tx.put(ROOT, inner_key(field, item), true),
        Op::Remove { item } => tx.put(ROOT, inner_key(field, item), false),
        Op::Append { value } => tx.put(ROOT, log_key(by, field, index), to_bytes(value)),
        Op::SetChild { child, value } => set_child(tx, field, child, value),
        Op::RemoveChild { child } => tx.put(ROOT, inner_key(field, child), false),
        Op::Event { verb, args } => put_event(tx, by, (field, index), (verb, args), latest),
    }
}

fn log_key(by: Authored<'_>, field: &str, index: usize) -> String {
    inner_key(field, &format!("{}.{}", time_key(by.entry.at), intent_id(by.feed, by.entry.n, index)))
}

fn to_scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(b) => (*b).into(),
        Value::String(s) => s.as_str().into(),
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or(0.0).into(), Into::into),
        Value::Array(_) | Value::Object(_) => to_bytes(value),
    }
}

fn to_bytes(value: &Value) -> ScalarValue {
    let mut out = minicbor::Encoder::new(Vec::new());
    canonical::write_value(&mut out, value).expect("BUG: writing to a Vec cannot fail");
    ScalarValue::Bytes(out.into_writer())
}

fn raise(tx: &mut Transaction<'_>, field: &str, value: i64) -> Result<(), AutomergeError> {
    let reached = tx.get_all(ROOT, field)?.iter().filter_map(|(v, _)| v.as_i64()).max();
    if reached.is_none_or(|reached| value > reached) {
        tx.put(ROOT, field, value)?;
    }
    Ok(())
}

fn increment(tx: &mut Transaction<'_>, field: &str, by: i64) -> Result<(), AutomergeError> {
    if tx.get(ROOT, field)?.is_none() {
        return tx.put(ROOT, field, ScalarValue::Counter(by.into()));
    }
    tx.increment(ROOT, field, by)
}

fn splice(
    tx: &mut Transaction<'_>,
    field: &str,
    pos: usize,
    delete: usize,
    insert: &str,
) -> Result<(), AutomergeError> {
    let found =
        tx.get_all(ROOT, field)?.into_iter().rev().find(|(v, _)| matches!(v, AmValue::Object(ObjType::Text)));
    let text = match found {
        Some((_, id)) => id,
        None => tx.put_object(ROOT, field, ObjType::Text)?,
    };
    let length = tx.length(&text);
    let pos = pos.min(length);
    let delete = delete.min(length - pos);
    tx.splice_text(&text, pos, delete as isize, insert)
}

fn set_child(
    tx: &mut Transaction<'_>,
    field: &str,
    child: &str,
    value: &Map<String, Value>,
) -> Result<(), AutomergeError> {
    let key = inner_key(field, child);
    tx.put(ROOT, key.as_str(), true)?;
    value.iter().try_for_each(|(name, value)| tx.put(ROOT, inner_key(&key, name), to_scalar(value)))
}

/// The latest events of each events field while an entry is derived.
#[derive(Default)]
struct Latest(BTreeMap<String, Vec<String>>);

impl Latest {
    /// The latest events of a field: the stored ones, or those that the entry added.
    fn find(&mut self, tx: &Transaction<'_>, field: &str) -> &mut Vec<String> {
        self.0
            .entry(field.to_owned())
            .or_insert_with(|| fold::find_latest(&crate::project::read_stored_events(tx, field)))
    }
}

/// Writes an event. Its parents are the latest events that its author had seen, including those of the same
/// entry.
fn put_event(
    tx: &mut Transaction<'_>,
    by: Authored<'_>,
    (field, index): (&str, usize),
    (verb, args): (&str, &Map<String, Value>),
    latest: &mut Latest,
) -> Result<(), AutomergeError> {
    let latest = latest.find(tx, field);
    let stored = serde_json::json!({ "a": by.author, "p": latest, "r": args, "v": verb });
    // Readers skip an event with an unknown verb, so it becomes nobody's parent.
    if verb.parse::<Verb>().is_ok() {
        *latest = vec![intent_id(by.feed, by.entry.n, index)];
    }
    tx.put(ROOT, log_key(by, field, index), to_bytes(&stored))
}
