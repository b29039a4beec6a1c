//! The self-check finds what is tampered with: one world that is in order, and one thing wrong with it at a time.

use serde_json::json;

use super::*;

const AREA: u32 = 4;
const FEED: FeedId = FeedId([1; 16]);

fn record(n: u8) -> RecordId {
    RecordId([n; 16])
}

fn intent(field: &str, op: Op) -> Intent {
    Intent { facet: 0, field: field.to_owned(), op }
}

fn kept(n: u64, record: RecordId, intents: &[Intent]) -> Kept {
    Kept {
        phone: 0,
        feed: FEED,
        n,
        record,
        record_type: "patrol".into(),
        creates: false,
        intents: intents.to_vec(),
    }
}

/// A world in order: two phones, one of which also reads the second facet; a refused edit.
fn world() -> (Evidence, Vec<Kept>, Vec<Contest>) {
    let patrol = json!({
        "posters": 5, "notes": ["a", "a"], "tags": ["x"], "label": "B",
        "_conflicts": { "label": [{ "value": "B" }, { "value": "A" }] },
    });
    let views = vec![(0, patrol.clone()), (1, json!({ "care": true }))];
    let held = Held { record_type: "patrol".into(), area: AREA, views };
    let mut both = patrol.clone();
    both["care"] = json!(true);
    let phone = |name: &str, facets, view| Shown {
        name: name.into(),
        facets: [(AREA, facets)].into(),
        records: [(record(1), view)].into(),
        ..Shown::default()
    };
    let add = |item: &str| Op::Add { item: item.into() };
    let append = |text: &str| Op::Append { value: text.into() };
    let kept = vec![
        kept(1, record(1), &[intent("posters", Op::Increment { by: 3 }), intent("notes", append("a"))]),
        kept(2, record(1), &[intent("posters", Op::Increment { by: 2 }), intent("notes", append("a"))]),
        kept(3, record(1), &[intent("tags", add("x"))]),
        kept(4, record(1), &[intent("posters", Op::Increment { by: 100 })]),
    ];
    let refusal = |n| (n == 4).then(|| Refusal::new(gridledger_schema::code::Code::AlreadySet, "once"));
    let stored = kept.iter().map(|kept| {
        let stored = Stored { record: kept.record, intents: kept.intents.clone(), refusal: refusal(kept.n) };
        ((kept.feed, kept.n), vec![stored])
    });
    let mut evidence = Evidence {
        ledger: [(record(1), held)].into(),
        phones: vec![phone("w1", 1, patrol), phone("h1", 3, both)],
        stored: stored.collect(),
    };
    evidence.phones[0].attention.insert(4);
    let contest =
        Contest { record: record(1), field: "label", values: vec!["A".into(), "B".into()], settled: None };
    (evidence, kept, vec![contest])
}

fn found(tamper: impl FnOnce(&mut Evidence, &mut Vec<Kept>, &mut Vec<Contest>)) -> Vec<&'static str> {
    let (mut evidence, mut kept, mut contests) = world();
    tamper(&mut evidence, &mut kept, &mut contests);
    let outcome = check(&evidence, &kept, &contests);
    for difference in &outcome.differences {
        assert!(!difference.say(true).is_empty() && !difference.say(false).is_empty());
    }
    outcome.differences.iter().map(Difference::code).collect()
}

fn shown(evidence: &mut Evidence, phone: usize) -> &mut Value {
    evidence.phones[phone].records.get_mut(&record(1)).expect("the record")
}

fn ledger(evidence: &mut Evidence) -> &mut Value {
    &mut evidence.ledger.get_mut(&record(1)).expect("the record").views[0].1
}

#[test]
fn a_world_in_order_has_no_differences() {
    let (evidence, kept, contests) = world();
    let outcome = check(&evidence, &kept, &contests);
    assert_eq!(outcome.differences, []);
    let counted = (outcome.views, outcome.edits, outcome.sums, outcome.items, outcome.values);
    assert_eq!(counted, (2, 4, 1, 2, 2));
}

#[test]
fn a_phone_that_shows_something_else_is_named() {
    assert_eq!(found(|e, _, _| shown(e, 1)["posters"] = json!(4)), ["view_differs"]);
    assert_eq!(found(|e, _, _| shown(e, 0)["care"] = json!(true)), ["view_differs"]);
    assert_eq!(found(|e, _, _| e.phones[0].records.clear()), ["record_missing"]);
    assert_eq!(found(|e, _, _| e.phones[0].facets.clear()), ["record_extra"]);
    let stranger = |e: &mut Evidence| _ = e.phones[0].records.insert(record(9), json!({}));
    assert_eq!(found(|e, _, _| stranger(e)), ["record_extra"]);
    assert_eq!(found(|e, _, _| e.phones[1].open = 2), ["open_edits"]);
}

#[test]
fn an_edit_that_is_missing_doubled_altered_or_made_up_is_named() {
    assert_eq!(found(|e, _, _| _ = e.stored.remove(&(FEED, 3))), ["edit_missing"]);
    let double = |e: &mut Evidence| {
        let twice = e.stored[&(FEED, 3)][0].clone();
        e.stored.get_mut(&(FEED, 3)).expect("the entry").push(twice);
    };
    assert_eq!(found(|e, _, _| double(e)), ["edit_twice"]);
    let alter = |e: &mut Evidence| {
        let stored = e.stored.get_mut(&(FEED, 3)).expect("the entry");
        stored[0].intents[0].field = "other".into();
    };
    assert_eq!(found(|e, _, _| alter(e)), ["edit_altered"]);
    assert_eq!(found(|_, kept, _| _ = kept.remove(2)), ["edit_unmeant"]);
    // An entry that the diary never had also leaves counters without their ground.
    assert_eq!(found(|_, kept, _| _ = kept.remove(1)), ["edit_unmeant", "counter_differs", "item_differs"]);
}

#[test]
fn a_refused_edit_waits_on_its_authors_phone_and_no_other() {
    assert_eq!(found(|e, _, _| e.phones[0].attention.clear()), ["refusal_untold"]);
    assert_eq!(found(|e, _, _| _ = e.phones[0].attention.insert(3)), ["refusal_unfounded"]);
}

#[test]
fn what_was_added_is_there() {
    let both = |e: &mut Evidence, field: &str, value: Value| {
        ledger(e)[field] = value.clone();
        shown(e, 0)[field] = value.clone();
        shown(e, 1)[field] = value;
    };
    assert_eq!(found(|e, _, _| both(e, "posters", json!(105))), ["counter_differs"]);
    assert_eq!(found(|e, _, _| both(e, "notes", json!(["a"]))), ["item_differs"]);
    assert_eq!(found(|e, _, _| both(e, "notes", json!(["a", "a", "a"]))), ["item_differs"]);
    assert_eq!(found(|e, _, _| both(e, "tags", json!([]))), ["item_differs"]);
    assert_eq!(found(|e, _, _| both(e, "_conflicts", json!({}))), ["value_lost"]);
}

#[test]
fn a_settled_field_has_the_settled_value_alone() {
    assert_eq!(found(|_, _, c| c[0].settled = Some("B".into())), ["value_extra"]);
    assert_eq!(found(|_, _, c| c[0].values.push("C".into())), ["value_lost"]);
}

#[test]
fn a_raised_field_may_have_been_put() {
    let put = intent("urgency", Op::Put { value: json!(3) });
    let raise = intent("urgency", Op::Raise { value: 3 });
    assert!(same_intents(std::slice::from_ref(&put), std::slice::from_ref(&raise)));
    assert!(!same_intents(&[raise], &[put]));
}
