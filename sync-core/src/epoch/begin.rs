//! This file makes a base.

use std::collections::BTreeMap;

use automerge::transaction::{CommitOptions, Transactable as _};
use automerge::{Automerge, AutomergeError, ROOT, ReadDoc as _, ScalarValue, TextEncoding};
use gridledger_schema::ids::FeedId;

use super::written::{Held, Standing, Text};
use super::{Base, Erasure, KEY, Place, merge_erasures};
use crate::derive::{Container, DeriveError, genesis_feed, make_genesis};
use crate::document::{Document, RULES_VERSION};
use crate::message::Message;

/// The values of one entry that still stand.
#[derive(Default)]
struct Link {
    at: i64,
    values: Vec<(String, ScalarValue)>,
}

/// The links of each feed and lane, in order.
type Lanes = BTreeMap<(FeedId, u8), BTreeMap<u64, Link>>;

/// Makes the document that a new generation begins with. It shows what `document` shows, without the fields
/// that `erased` names. It remembers the erasures of earlier generations. The same document gives the same
/// base on every machine.
pub fn begin(document: &Document, place: Place, erased: &[Erasure]) -> Result<Document, DeriveError> {
    let attempt = std::panic::AssertUnwindSafe(|| make_base(document, place, erased));
    let made = std::panic::catch_unwind(attempt).map_err(|_| DeriveError::Panicked)?;
    Ok(made?)
}

fn make_base(document: &Document, place: Place, erased: &[Erasure]) -> Result<Document, AutomergeError> {
    let standing = Standing::read(document);
    let mut clock: BTreeMap<FeedId, u64> = document.clock().into_iter().collect();
    let (mut lanes, mut sums, mut texts) = (Lanes::new(), Vec::new(), Vec::new());
    for ((field, _), values) in standing.units {
        let containers = values.sums.iter().map(|(key, _)| key);
        for key in containers.chain(values.texts.iter().map(|text| &text.key)) {
            clock.remove(&genesis_feed(place.record, place.facet, key));
        }
        let goes = |e: &Erasure| e.field == field && values.last <= e.until;
        if erased.iter().any(goes) {
            continue;
        }
        values.held.into_iter().for_each(|held| add_link(&mut lanes, held));
        sums.extend(values.sums);
        texts.extend(values.texts);
    }
    let before = document.base().unwrap_or_default().erased;
    let base = Base { rules: RULES_VERSION, clock, erased: merge_erasures(&before, erased) };
    let mut doc = make_empty();
    for ((feed, lane), links) in lanes {
        doc.merge(&mut make_chain(place, feed, lane, links)?)?;
    }
    for (key, _) in &sums {
        doc.merge(&mut make_genesis(place.record, place.facet, key, Container::Counter)?)?;
    }
    for text in &texts {
        doc.merge(&mut write_text(place, text)?)?;
    }
    add_seal(&mut doc, place, document.changed_at(), &sums, &base)?;
    Ok(Document::wrap(doc))
}

fn make_empty() -> Automerge {
    Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint)
}

/// Puts a value into its feed's chain. Two values of one key by one feed go into two lanes.
fn add_link(lanes: &mut Lanes, held: Held) {
    let Held { key, value, feed, n, at } = held;
    let taken = |lane: &u8| {
        let links = lanes.get(&(feed, *lane)).into_iter().flatten();
        links.flat_map(|(_, link)| &link.values).any(|(there, _)| *there == key)
    };
    let lane = (0..u8::MAX).find(|lane| !taken(lane)).unwrap_or(u8::MAX);
    let link = lanes.entry((feed, lane)).or_default().entry(n).or_default();
    link.at = at;
    link.values.push((key, value));
}

/// Makes the chain of a feed's links. Each depends on the one before and on nothing else.
fn make_chain(
    place: Place,
    feed: FeedId,
    lane: u8,
    links: BTreeMap<u64, Link>,
) -> Result<Automerge, AutomergeError> {
    let mut doc = make_empty();
    doc.set_actor(place.link_actor(feed, lane));
    for (n, link) in links {
        let mut tx = doc.transaction();
        for (key, value) in link.values {
            tx.put(ROOT, key, value)?;
        }
        tx.commit_with(commit_options(link.at, &Message::Link(feed, n)));
    }
    Ok(doc)
}

/// Writes a text in its present form on the empty text that every replica makes.
fn write_text(place: Place, text: &Text) -> Result<Automerge, AutomergeError> {
    let mut doc = make_genesis(place.record, place.facet, &text.key, Container::Text)?;
    doc.set_actor(place.text_actor(&text.key));
    let mut tx = doc.transaction();
    if let Some((_, id)) = tx.get(ROOT, text.key.as_str())? {
        tx.splice_text(&id, 0, 0, &text.stands)?;
    }
    tx.commit_with(commit_options(text.at, &Message::Text));
    Ok(doc)
}

/// Makes the last change of a base, which depends on all others: the sums, and the base's description.
fn add_seal(
    doc: &mut Automerge,
    place: Place,
    at: i64,
    sums: &[(String, i64)],
    base: &Base,
) -> Result<(), AutomergeError> {
    doc.set_actor(place.seal_actor());
    let mut tx = doc.transaction();
    for (key, sum) in sums.iter().filter(|(_, sum)| *sum != 0) {
        tx.increment(ROOT, key.as_str(), *sum)?;
    }
    tx.put(ROOT, KEY, ScalarValue::Bytes(base.write()))?;
    tx.commit_with(commit_options(at, &Message::Seal));
    Ok(())
}

fn commit_options(at: i64, message: &Message) -> CommitOptions {
    CommitOptions::default().with_time(at).with_message(message.to_text())
}
