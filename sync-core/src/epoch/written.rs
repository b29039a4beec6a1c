//! This file lists the standing values of a document unit by unit, with the time of their last write.

use std::collections::{BTreeMap, HashMap};

use automerge::{Automerge, ChangeHash, ObjId, ObjType, ROOT, ReadDoc as _, ScalarValue, Value};
use gridledger_schema::ids::FeedId;

use super::KEY;
use crate::document::{Document, actor_feed};
use crate::message::Message;

/// The smallest unit of erasure: a field, or one item, child or event of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// The field.
    pub field: String,
    /// The item or child; empty for the field itself.
    pub item: String,
    /// The time of the last write, ms since 1970. The steps of a sum keep no time, so a sum has the time of
    /// the document's last change.
    pub last: i64,
}

/// Lists every unit of a document.
pub fn written(document: &Document) -> Vec<Unit> {
    let standing = Standing::read(document);
    let units = standing.units.into_iter();
    units.map(|((field, item), unit)| Unit { field, item, last: unit.last }).collect()
}

/// One value of a key, with its feed, the number of the feed's change, and its time.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) key: String,
    pub(super) value: ScalarValue,
    pub(super) feed: FeedId,
    pub(super) n: u64,
    pub(super) at: i64,
}

/// A text in its present form, and the time of its last write.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) key: String,
    pub(super) stands: String,
    pub(super) at: i64,
}

/// A unit's values.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    pub(super) last: i64,
    pub(super) held: Vec<Held>,
    pub(super) sums: Vec<(String, i64)>,
    pub(super) texts: Vec<Text>,
}

/// All standing values, by (field, item).
pub(super) struct Standing {
    pub(super) units: BTreeMap<(String, String), Values>,
}

struct Origin {
    feed: FeedId,
    n: u64,
    at: i64,
}

impl Standing {
    pub(super) fn read(document: &Document) -> Self {
        let (doc, origins) = (&document.doc, find_origins(document));
        let changed_at = document.changed_at();
        let mut units: BTreeMap<(String, String), Values> = BTreeMap::new();
        for item in doc.map_range(ROOT, ..).filter(|item| item.key != KEY) {
            let unit = units.entry(split_key(&item.key)).or_default();
            for (value, id) in doc.get_all(ROOT, &*item.key).unwrap_or_default() {
                let key = item.key.to_string();
                let last = match value {
                    Value::Object(ObjType::Text) => {
                        let stands = doc.text(&id).unwrap_or_default();
                        let at = find_text_time(doc, &id, &origins).unwrap_or(changed_at);
                        unit.texts.push(Text { key, stands, at });
                        Some(at)
                    }
                    Value::Scalar(value) => match value.into_owned() {
                        ScalarValue::Counter(sum) => {
                            unit.sums.push((key, i64::from(&sum)));
                            Some(changed_at)
                        }
                        value => read_held(doc, &origins, &id, key, value).map(|held| {
                            let at = held.at;
                            unit.held.push(held);
                            at
                        }),
                    },
                    Value::Object(_) => None,
                };
                unit.last = unit.last.max(last.unwrap_or(changed_at));
            }
        }
        Self { units }
    }
}

fn read_held(
    doc: &Automerge,
    origins: &HashMap<ChangeHash, Origin>,
    id: &ObjId,
    key: String,
    value: ScalarValue,
) -> Option<Held> {
    let Origin { feed, n, at } = origins.get(&doc.hash_for_opid(id)?)?;
    Some(Held { key, value, feed: *feed, n: *n, at: *at })
}

/// Splits the key `field` or `field/item…` into (field, item). The keys of a child belong to the child's
/// unit.
fn split_key(key: &str) -> (String, String) {
    let mut parts = key.splitn(3, '/');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    (part(), part())
}

/// The time at which the latest standing character was written.
fn find_text_time(doc: &Automerge, id: &ObjId, origins: &HashMap<ChangeHash, Origin>) -> Option<i64> {
    let written = doc.list_range(id, ..).filter_map(|character| {
        let hash = doc.hash_for_opid(&character.id())?;
        origins.get(&hash).map(|origin| origin.at)
    });
    written.max()
}

/// Finds the feed, number and time of each change. The changes of a base stand for the entries they came
/// from.
fn find_origins(document: &Document) -> HashMap<ChangeHash, Origin> {
    let before = document.base().map(|base| base.clock).unwrap_or_default();
    let metas = document.doc.get_changes_meta(&[]);
    let origin = |meta: automerge::ChangeMetadata<'_>| {
        let at = meta.timestamp;
        let (feed, n) = match meta.message.as_deref().and_then(Message::parse) {
            Some(Message::Link(feed, n)) => (feed, n),
            Some(Message::Text | Message::Seal) | None => {
                let feed = actor_feed(&meta.actor)?;
                (feed, before.get(&feed).copied().unwrap_or(0) + meta.seq)
            }
        };
        Some((meta.hash, Origin { feed, n, at }))
    };
    metas.into_iter().filter_map(origin).collect()
}
