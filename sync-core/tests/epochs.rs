//! These tests check that a base shows the same as the document it replaces, and that later entries mean the
//! same as without a new epoch.

mod made;

use std::collections::BTreeSet;

use gridledger_core::derive::{Authored, Seen};
use gridledger_core::document::Document;
use gridledger_core::epoch::{Erasure, Place, begin, written};
use gridledger_core::project::{View, project};
use gridledger_schema::entry::Op;
use gridledger_schema::ids::FeedId;
use proptest::prelude::*;
use serde_json::{Value, json};

use made::{Choices, Made, history, household};

fn view(document: &Document) -> View {
    project(&household(), [document])
}

fn place(made: &[Made], epoch: u32) -> Place {
    let record = made[0].entry.record(made[0].feed);
    Place { record, facet: 0, epoch }
}

/// Derives entries in order. Returns the changes that each one depends on, as they would travel.
fn derive(document: &mut Document, made: &[Made]) -> Vec<Vec<(FeedId, u64)>> {
    let one = |made: &Made| {
        let seen = Seen::Clock(made.seen.iter().map(|(f, n)| (*f, *n)).collect());
        let known = document.clock_of(&seen);
        let hash = document.derive(authored(made), 0, &seen).unwrap();
        document.made_on(&hash, &known)
    };
    made.iter().map(one).collect()
}

fn authored(made: &Made) -> Authored<'_> {
    Authored { feed: made.feed, author: "w", entry: &made.entry }
}

/// A document as another replica receives it.
fn sent(document: &Document) -> Document {
    Document::load_checked(&document.save()).unwrap()
}

/// The number of changes that each author has made.
fn authors(document: &Document, made: &[Made]) -> Vec<(FeedId, u64)> {
    let mut clock = document.clock();
    clock.retain(|(feed, _)| made.iter().any(|one| one.feed == *feed));
    clock
}

/// Makes values that nobody else writes. Writing a present value again would be no change.
fn distinct(made: &mut [Made]) {
    for (i, intent) in made.iter_mut().flat_map(|one| &mut one.entry.intents).enumerate() {
        match &mut intent.op {
            Op::Put { value } => *value = json!(i),
            Op::SetChild { value, .. } => _ = value.insert("p".into(), json!(i)),
            _ => {}
        }
    }
}

/// Everything but the text and the members of sets and maps. A position in a text is known only to authors
/// who saw all of it.
fn plain(mut view: View) -> View {
    for field in ["notes", "tags", "contacts"] {
        view.fields.remove(field);
    }
    view.conflicts.retain(|field, _| !field.contains('/'));
    view
}

/// The members of the set and the map. Adding a member that the author sees is no change; over an epoch it
/// may become one.
fn members(view: &View) -> BTreeSet<String> {
    let tags = view.fields.get("tags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().map(Value::to_string);
    let contacts = view.fields.get("contacts").and_then(Value::as_object);
    tags.chain(contacts.into_iter().flat_map(|c| c.keys().cloned())).collect()
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 300..900)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_base_shows_what_it_replaces(bytes in bytes()) {
        let mut c = Choices { bytes: bytes.iter() };
        let made = history(&mut c, 25);
        let mut document = Document::new();
        derive(&mut document, &made);
        for epoch in 1..4 {
            let base = begin(&document, place(&made, epoch), &[]).unwrap();
            prop_assert_eq!(view(&base), view(&document));
            prop_assert_eq!(authors(&base, &made), authors(&document, &made));
            prop_assert_eq!(written(&base), written(&document));
            prop_assert_eq!(base.changed_at(), document.changed_at());
            let again = begin(&document, place(&made, epoch), &[]).unwrap();
            prop_assert_eq!(again.heads(), base.heads());
            document = sent(&base);
        }
    }

    #[test]
    fn an_epoch_changes_nothing_of_what_comes_after(bytes in bytes()) {
        let mut c = Choices { bytes: bytes.iter() };
        let mut made = history(&mut c, 30);
        distinct(&mut made);
        let mut without = Document::new();
        derive(&mut without, &made);
        let (first, second) = (1 + c.below(made.len()), 1 + c.below(made.len()));
        let cuts = [first.min(second), first.max(second)];
        let (mut here, mut from) = (Document::new(), 0);
        derive(&mut here, &made[..cuts[0]]);
        for (epoch, cut) in (1..).zip(cuts) {
            derive(&mut here, &made[from.max(cuts[0])..cut]);
            here = begin(&here, place(&made, epoch), &[]).unwrap();
            from = cut;
        }
        let mut there = sent(&here);
        let rest = &made[cuts[1]..];
        let told = derive(&mut here, rest);
        for (one, on) in rest.iter().zip(told) {
            there.derive(authored(one), 0, &Seen::Clock(on)).unwrap();
        }
        prop_assert_eq!(there.heads(), here.heads(), "what travels names what was seen");
        prop_assert_eq!(plain(view(&here)), plain(view(&without)));
        prop_assert!(members(&view(&without)).is_subset(&members(&view(&here))));
        prop_assert_eq!(authors(&here, &made), authors(&without, &made));
        // An author who saw everything writes at the right place of a text, too.
        let mut since = made.iter().enumerate().skip(cuts[0]);
        let all_seen = since.all(|(i, one)| one.seen.values().sum::<u64>() == i as u64);
        if all_seen {
            prop_assert_eq!(view(&here), view(&without));
        }
    }

    #[test]
    fn what_is_erased_is_gone_and_the_rest_stays(bytes in bytes()) {
        let mut c = Choices { bytes: bytes.iter() };
        let made = history(&mut c, 25);
        let mut document = Document::new();
        derive(&mut document, &made);
        let fields = ["status", "label", "reached", "count", "notes", "tags", "log", "contacts"];
        let field = fields[c.below(fields.len())];
        let erasure = Erasure { field: field.into(), told: 9, until: i64::MAX, by: None };
        let base = begin(&document, place(&made, 1), std::slice::from_ref(&erasure)).unwrap();
        let mut left = view(&document);
        left.fields.remove(field);
        left.conflicts.retain(|name, _| name.split('/').next() != Some(field));
        if field == "count" {
            left.fields.insert("count".into(), 0.into());
        }
        prop_assert_eq!(view(&base), left);
        prop_assert!(written(&base).iter().all(|unit| unit.field != field));
        let mut next = begin(&base, place(&made, 2), &[]).unwrap();
        prop_assert_eq!(&next.base().unwrap().erased, &[erasure]);
        // A value that is written again survives the next epoch.
        let fresh = made.iter().rev().find(|m| m.entry.intents.iter().any(|i| i.field == field));
        if let Some(fresh) = fresh {
            let mut entry = fresh.entry.clone();
            entry.intents.retain(|i| i.field == field);
            next.derive(Authored { feed: fresh.feed, author: "w", entry: &entry }, 0, &Seen::All).unwrap();
            let again = begin(&next, place(&made, 3), &[]).unwrap();
            prop_assert_eq!(view(&again), view(&next));
        }
    }

    #[test]
    fn what_is_old_goes_unit_by_unit(bytes in bytes()) {
        let mut c = Choices { bytes: bytes.iter() };
        let made = history(&mut c, 25);
        let mut document = Document::new();
        derive(&mut document, &made);
        let until = 1_000 + c.below(256) as i64;
        let erasure = Erasure { field: "log".into(), told: 9, until, by: None };
        let base = begin(&document, place(&made, 1), &[erasure]).unwrap();
        let (before, after) = (written(&document), written(&base));
        for unit in before.iter().filter(|u| u.field != "count") {
            let stays = unit.field != "log" || unit.last > until;
            prop_assert_eq!(after.contains(unit), stays, "{:?}", unit);
        }
    }
}
