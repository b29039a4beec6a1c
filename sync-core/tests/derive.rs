//! These tests check that derivation is a pure function of the causal past: any order of arrival gives the
//! same heads and the same view.

mod made;

use gridledger_core::derive::{Authored, Seen};
use gridledger_core::document::Document;
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use proptest::prelude::*;
use serde_json::json;

use made::{Choices, Clock, Made, feed, history, household};

/// Derives the whole history in an order that the chooser picks, causes before effects.
fn derive_all(made: &[Made], c: &mut Choices<'_>, whole_when_equal: bool) -> Document {
    let mut doc = Document::new();
    let mut have = Clock::new();
    let mut left: Vec<&Made> = made.iter().collect();
    while !left.is_empty() {
        let ready: Vec<usize> = (0..left.len())
            .filter(|&i| left[i].seen.iter().all(|(f, n)| have.get(f).copied().unwrap_or(0) >= *n))
            .filter(|&i| {
                have.get(&left[i].feed).copied().unwrap_or(0)
                    == left[i].seen.get(&left[i].feed).copied().unwrap_or(0)
            })
            .collect();
        let next = left.remove(ready[c.below(ready.len())]);
        let seen = if whole_when_equal && next.seen == have {
            Seen::All
        } else {
            Seen::Clock(next.seen.iter().map(|(f, n)| (*f, *n)).collect())
        };
        let authored = Authored { feed: next.feed, author: "w", entry: &next.entry };
        doc.derive(authored, 0, &seen).unwrap();
        *have.entry(next.feed).or_insert(0) += 1;
    }
    doc
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_gives_the_same_heads_and_the_same_view(bytes in proptest::collection::vec(any::<u8>(), 300..900)) {
        let mut c = Choices { bytes: bytes.iter() };
        let made = history(&mut c, 25);
        let record_type = household();
        let docs: Vec<Document> = (0..4).map(|i| derive_all(&made, &mut c, i % 2 == 0)).collect();
        let view = |d: &Document| gridledger_core::project::project(&record_type, [d]);
        for doc in &docs[1..] {
            prop_assert_eq!(doc.heads(), docs[0].heads());
            prop_assert_eq!(view(doc), view(&docs[0]));
        }
        let total: i64 = made.iter().flat_map(|m| &m.entry.intents).map(|i| if let Op::Increment { by } = i.op { by } else { 0 }).sum();
        prop_assert_eq!(view(&docs[0]).fields["count"].as_i64(), Some(total), "every increment counts once");
        let logged = made.iter().flat_map(|m| &m.entry.intents).filter(|i| matches!(i.op, Op::Append { .. })).count();
        prop_assert_eq!(view(&docs[0]).fields.get("log").map_or(0, |l| l.as_array().unwrap().len()), logged);
        let again = Document::load_checked(&docs[0].save()).unwrap();
        prop_assert_eq!(again.heads(), docs[0].heads());
    }
}

/// The entry that creates a household.
fn creation() -> Entry {
    Entry {
        n: 1,
        at: 1,
        cursor: 0,
        role: "w".into(),
        target: Target::Create { record_type: "household".into(), area: AreaNo(1) },
        intents: vec![],
    }
}

#[test]
fn two_who_start_the_same_text_and_counter_at_once_both_count() {
    let first = creation();
    let record: RecordId = first.record(feed(0));
    let both = |text: &str| {
        let ops = [
            ("count", Op::Increment { by: 2 }),
            ("notes", Op::Splice { pos: 0, delete: 0, insert: text.into() }),
        ];
        ops.map(|(field, op)| Intent { facet: 0, field: field.into(), op }).to_vec()
    };
    let edit = |intents| Entry {
        n: 1,
        at: 2,
        cursor: 0,
        role: "w".into(),
        target: Target::Edit { record },
        intents,
    };
    let mut doc = Document::new();
    doc.derive(Authored { feed: feed(0), author: "w", entry: &first }, 0, &Seen::All).unwrap();
    let seen = Seen::Clock(vec![(feed(0), 1)]);
    doc.derive(Authored { feed: feed(1), author: "w", entry: &edit(both("上")) }, 0, &seen).unwrap();
    doc.derive(Authored { feed: feed(2), author: "w", entry: &edit(both("下")) }, 0, &seen).unwrap();
    let view = gridledger_core::project::project(&household(), [&doc]);
    assert_eq!(view.fields["count"], json!(4));
    let notes = view.fields["notes"].as_str().unwrap();
    assert!(notes.contains('上') && notes.contains('下'), "{notes}");
}

#[test]
fn a_reader_of_one_facet_derives_the_same_change_from_its_intents_alone() {
    let append =
        |facet, field: &str| Intent { facet, field: field.into(), op: Op::Append { value: json!("x") } };
    let target = Target::Create { record_type: "household".into(), area: AreaNo(1) };
    let whole = Entry {
        n: 1,
        at: 1_700_000_000_000,
        cursor: 0,
        role: "grid_head".into(),
        target,
        intents: vec![append(1, "care"), append(0, "notes"), append(1, "care"), append(0, "notes")],
    };
    let mut part = whole.clone();
    part.intents.retain(|intent| intent.facet == 0);
    let heads = |entry: &Entry| {
        let mut document = Document::new();
        let authored = Authored { feed: feed(0), author: "h1", entry };
        document.derive(authored, 0, &Seen::All).unwrap();
        document.heads()
    };
    assert_eq!(heads(&whole), heads(&part));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Entries may each fork the document, or continue one fork of their author, or come in late. The
    /// changes, their ground and the document are the same.
    #[test]
    fn a_kept_branch_derives_what_a_fresh_fork_derives(bytes in proptest::collection::vec(any::<u8>(), 300..900)) {
        let mut c = Choices { bytes: bytes.iter() };
        let made = history(&mut c, 25);
        let record_type = household();
        let [mut forking, mut kept, mut late] = [(); 3].map(|()| Document::new());
        for one in &made {
            let clock: Vec<(FeedId, u64)> = one.seen.iter().map(|(f, n)| (*f, *n)).collect();
            let seen = Seen::Clock(clock.clone());
            let authored = Authored { feed: one.feed, author: "w", entry: &one.entry };
            let past = forking.at(&seen).unwrap();
            let view = |document: &Document| gridledger_core::project::project(&record_type, [document]);
            prop_assert_eq!(view(late.seen_by(&seen).unwrap()), view(&past));
            forking.forget_branch().unwrap();
            let hash = forking.derive(authored, 0, &seen).unwrap();
            prop_assert_eq!(kept.derive(authored, 0, &seen).unwrap(), hash);
            prop_assert_eq!(late.derive_ahead(authored, 0, &seen).unwrap(), hash);
            let ground = forking.made_on(&hash, &clock);
            prop_assert_eq!(&kept.made_on(&hash, &clock), &ground);
            prop_assert_eq!(&late.made_on(&hash, &clock), &ground);
            if c.below(4) == 0 {
                late.settle().unwrap();
                prop_assert_eq!(late.heads(), forking.heads());
            }
        }
        late.settle().unwrap();
        for document in [&kept, &late] {
            prop_assert_eq!(document.heads(), forking.heads());
            let again = Document::load_checked(&document.save()).unwrap();
            prop_assert_eq!(again.heads(), forking.heads());
        }
    }
}

#[test]
fn an_authors_entries_fork_the_document_once() {
    let first = creation();
    let record = first.record(feed(0));
    let splice = |n| Entry {
        n,
        at: 2,
        cursor: 1,
        role: "w".into(),
        target: Target::Edit { record },
        intents: vec![Intent {
            facet: 0,
            field: "notes".into(),
            op: Op::Splice { pos: 0, delete: 0, insert: "雨".into() },
        }],
    };
    let mut document = Document::new();
    let mut derive = |by: usize, entry: &Entry, seen: &Seen| {
        let copied = document.changes_to_copy(seen);
        let authored = Authored { feed: feed(by), author: "w", entry };
        document.derive_ahead(authored, 0, seen).unwrap();
        copied
    };
    derive(0, &first, &Seen::All);
    // Somebody else writes, and the author has not seen it.
    derive(1, &splice(1), &Seen::All);
    let copied: Vec<u64> = (0..100)
        .map(|done| {
            let mut clock = vec![(feed(0), 1)];
            clock.extend((done > 0).then_some((feed(2), done)));
            derive(2, &splice(done + 1), &Seen::Clock(clock))
        })
        .collect();
    assert_eq!(copied.iter().filter(|copied| **copied > 0).count(), 1);
    document.settle().unwrap();
    let clock = document.clock();
    assert!(clock.contains(&(feed(1), 1)) && clock.contains(&(feed(2), 100)), "{clock:?}");
}
