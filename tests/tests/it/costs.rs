//! The cost of deciding a push: it grows with what the push holds and touches, and ends at a bound; what is decided by then
//! is kept, and the rest comes again. Costs are counted, so that they are the same on every machine.

use gridledger_client::{Intents, RecordId, SentState};
use gridledger_core::canonical;
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{EntryHash, FeedId};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_server::record::cost::Cost;
use gridledger_server::store::rows::people::FeedRow;
use gridledger_server::store::rows::records::{CheckedSegment, Heard, Push, SignedEntry};
use gridledger_tests::attacker::{Attacker, Outcome, intent, put};
use gridledger_tests::forms;
use gridledger_tests::json::text;
use gridledger_tests::planning::{Home, carry_out, grid, place, stewards};
use gridledger_tests::world::{Line, MORNING, Phone, World};
use serde_json::json;

/// A world with somebody at work in `G1`, and a phone in step.
fn at_work() -> (World, Phone) {
    let world = World::staffed(1, &[("w1", "grid_worker", "G1")]);
    let phone = world.enrolled_phone("w1");
    (world, phone)
}

/// A record with a shared text, and an edit of it that a stranger has not seen.
fn shared_text(world: &World, phone: &mut Phone) -> (RecordId, u64) {
    let home = Home::on(phone, "G1", "滨河路", "1号");
    phone.syncs(world);
    let seen = world.position("G1");
    let more = Intents::new().splice("description", 0, 0, "漏水");
    phone.edits(home.ticket, more);
    phone.syncs(world);
    (home.ticket, seen)
}

/// Splices on a record by somebody who had seen its area's log up to a position.
fn splices(attacker: &Attacker, record: RecordId, cursor: u64, count: u64) -> Vec<Entry> {
    let splice = |pos| Op::Splice { pos, delete: 0, insert: "雨".into() };
    let first = attacker.entry(Target::Edit { record }, Vec::new());
    (0..count)
        .map(|at| Entry {
            n: first.n + at,
            cursor,
            intents: vec![intent("description", splice(at as u32 % 7 % (at as u32 + 1)))],
            ..first.clone()
        })
        .collect()
}

/// Pushes until all is decided; the pushes' costs, and how often there was more.
fn push_all(world: &World, attacker: &mut Attacker, entries: &[Entry]) -> Vec<Cost> {
    world.take_costs();
    let last = entries.last().expect("entries").n;
    for _ in 0..entries.len() {
        let left: Vec<Entry> = entries.iter().filter(|entry| entry.n > attacker.head.0).cloned().collect();
        let before = attacker.head.0;
        let outcome = attacker.try_entries(world, left);
        assert!(attacker.head.0 > before, "at least one is decided: {outcome:?}");
        let stopped: Vec<Code> = outcome.codes();
        if attacker.head.0 == last {
            assert!(stopped.is_empty(), "{outcome:?}");
            return world.take_costs();
        }
        assert_eq!(stopped, [Code::Busy], "what is left comes again");
    }
    unreachable!("each push decides one")
}

#[test]
fn a_thousand_concurrent_splices_fork_the_record_once_a_push() {
    let (world, mut phone) = at_work();
    let (ticket, seen) = shared_text(&world, &mut phone);
    world.user("w2", "grid_worker", "G1");
    let mut attacker = Attacker::enrol(&world, "w2", 9);
    let entries = splices(&attacker, ticket, seen, limits::PUSH_ENTRIES as u64);
    let costs = push_all(&world, &mut attacker, &entries);
    let copied: u64 = costs.iter().map(|cost| cost.copied).sum();
    let pushes = costs.len() as u64;
    assert!(copied <= pushes * (limits::PUSH_ENTRIES as u64 + 10), "a fork a push at most: {costs:?}");
    for cost in &costs {
        assert!(cost.work < limits::PUSH_WORK * 2, "{cost:?}");
    }
    world.is_whole();
    // The others' phones take it in, and show what the server shows.
    phone.syncs(&world);
    let shown = phone.record(ticket);
    let text = text(&shown.view["description"]).to_owned();
    assert_eq!(text.chars().filter(|c| *c == '雨').count(), limits::PUSH_ENTRIES);
    assert!(text.contains("漏水"));
}

#[test]
fn what_a_push_costs_grows_with_its_entries_and_no_faster() {
    let cost_of = |count: u64| {
        let (world, mut phone) = at_work();
        let (ticket, seen) = shared_text(&world, &mut phone);
        world.user("w2", "grid_worker", "G1");
        let mut attacker = Attacker::enrol(&world, "w2", 9);
        let entries = splices(&attacker, ticket, seen, count);
        let costs = push_all(&world, &mut attacker, &entries);
        costs.iter().map(|cost| cost.work).sum::<u64>()
    };
    let (hundred, four) = (cost_of(100), cost_of(400));
    // Four times the entries on a text that grew: no more than eight times the work.
    assert!(four < hundred * 8, "{hundred} and {four}");
}

#[test]
fn a_phone_sends_the_rest_at_once_and_every_entry_is_decided_once() {
    let (world, mut phone) = at_work();
    let note = "访".repeat(480);
    let mut wanted = Vec::new();
    for _ in 0..400 {
        let visit = forms::patrol(note.as_str());
        wanted.push(phone.creates("patrol", "G1", visit));
    }
    world.take_costs();
    let report = phone.syncs(&world);
    let costs = world.take_costs();
    assert!(costs.len() > 1, "more than one push: {costs:?}");
    assert_eq!((report.decided, report.refused), (400, 0));
    let receipts = phone.receipts();
    assert!(receipts.iter().all(|edit| edit.state == SentState::InLedger));
    assert!(phone.status().trouble.is_none());
    for record in wanted {
        assert_eq!(place(&world, record), "G1");
    }
    world.is_whole();
}

#[test]
fn a_phone_that_goes_away_in_the_middle_leaves_a_whole_store() {
    let (world, mut phone) = at_work();
    let (ticket, seen) = shared_text(&world, &mut phone);
    world.user("w2", "grid_worker", "G1");
    let mut attacker = Attacker::enrol(&world, "w2", 9);
    let mut heavy = splices(&attacker, ticket, seen, 40);
    let long = "长".repeat(4_000);
    for entry in &mut heavy {
        entry.intents = vec![intent(
            "description",
            Op::Splice {
                pos: 0,
                delete: if entry.n == heavy_first(&attacker) { 0 } else { 4_000 },
                insert: long.clone(),
            },
        )];
    }
    let outcome = attacker.try_entries(&world, heavy.clone());
    assert_eq!(outcome.codes(), [Code::Busy]);
    assert!(attacker.head.0 < heavy[heavy.len() - 1].n);
    let report = world.verifies();
    assert_eq!((report.differences, report.halted), (0, 1), "{report:?}");
    // It comes back, and the signature with it.
    push_all(&world, &mut attacker, &heavy);
    let report = world.verifies();
    assert_eq!((report.differences, report.halted), (0, 0), "{report:?}");
}

fn heavy_first(attacker: &Attacker) -> u64 {
    attacker.head.0 + 1
}

#[test]
fn more_bytes_than_a_push_takes_are_not_looked_at() {
    let (world, _) = at_work();
    let mut attacker = Attacker::enrol(&world, "w1", 9);
    let note = "长".repeat(60_000);
    let first = attacker.patrol(&world);
    let entries: Vec<Entry> = (0..15)
        .map(|at| Entry {
            n: first.n + at,
            intents: vec![put("started", json!(MORNING)), put("coverage_note", json!(note))],
            ..first.clone()
        })
        .collect();
    let bytes: usize = entries.iter().map(|entry| canonical::encode(entry).len()).sum();
    assert!(bytes > limits::PUSH_BYTES);
    world.take_costs();
    let outcome = attacker.try_entries(&world, entries);
    assert_eq!(outcome.codes(), [Code::BodyTooLarge]);
    assert!(world.take_costs().is_empty());
}

/// A household of so many, and then the grid is split; the cost of one visit by a phone that had not heard.
fn visit_after_a_split(members: usize) -> (Cost, String) {
    let (world, mut phone) = at_work();
    stewards(&world);
    let home = Home::on(&mut phone, "G1", "滨河路", "1号");
    // No part names where its dwelling is: the walk goes on to who lives there.
    let lived_in = Intents::new().put("dwelling_id", home.dwelling.to_string()).put("label", "一户");
    let household = phone.creates("household", "G1", lived_in);
    let mut residencies = Vec::new();
    for _ in 0..members {
        let lives = Intents::new()
            .put("person", home.person.to_string())
            .put("household", household.to_string())
            .put("kind", "resident");
        residencies.push(phone.creates("residency", "G1", lives));
    }
    phone.syncs(&world);
    list_members(&world, household, &residencies);
    carry_out(
        &world,
        &json!({
            "new_areas": [grid("N1"), grid("N2")],
            "splits": [{ "area": "G1", "into": [
                { "area": "N1", "addresses": ["人民路"] }, { "area": "N2", "addresses": ["江边"] },
                { "area": "G1", "rest": true },
            ] }],
        }),
    );
    let visit = Intents::new().put("household", household.to_string()).put("result", "met");
    let visit = phone.creates("visit", "G1", visit);
    world.take_costs();
    phone.syncs_over(&world, Line::AnswerLost);
    let costs = world.take_costs();
    world.is_whole();
    (costs[0], place(&world, visit))
}

/// Writes who lives in a household, as the office's register does.
fn list_members(world: &World, household: RecordId, residencies: &[RecordId]) {
    world.user("r1", "data_steward", "G1");
    let user = world.account("r1");
    let key = ed25519_dalek::SigningKey::from_bytes(&[77; 32]);
    let public_key = key.verifying_key().to_bytes();
    let feed = FeedId::of_key(&public_key, 0);
    let row = FeedRow {
        feed,
        device: None,
        user: user.no,
        author: user.login,
        public_key,
        suite: Suite::default(),
        ordinal: 0,
    };
    world.store().put_feed(&row);
    let schema = &world.service.schema;
    let facet = schema.record_type("household").and_then(|of| of.field("members")).expect("the field").facet;
    let adds = residencies
        .iter()
        .map(|one| Intent { facet, ..intent("members", Op::Add { item: one.to_string() }) });
    let entry = Entry {
        n: 1,
        at: MORNING,
        cursor: world.position("G1"),
        role: "data_steward".into(),
        target: Target::Edit { record: household },
        intents: adds.collect(),
    };
    let body = canonical::encode(&entry);
    let hash = canonical::hash(Suite::default(), EntryHash::ZERO, &body);
    let segment = CheckedSegment {
        feed: row,
        entries: vec![SignedEntry { entry, body, hash }],
        signature: canonical::sign_segment(Suite::default(), &key, feed, 1, hash),
        heard: Heard::everything(),
        again: None,
    };
    let push = Push { carrier: None, segments: vec![segment], now: world.service.now() };
    let verdict = world.store().push(push).remove(0);
    assert_eq!((verdict.n, verdict.refused, verdict.stopped), (1, Vec::new(), None));
}

#[test]
fn a_new_record_is_placed_with_a_look_at_each_record_it_leads_to() {
    let (few, many) = (visit_after_a_split(4), visit_after_a_split(40));
    assert_eq!((few.1.as_str(), many.1.as_str()), ("G1", "G1"));
    let more = many.0.reads - few.0.reads;
    assert!(more <= 36 + 4, "a read for each of 36 members more: {few:?}, {many:?}");
    assert!(many.0.reads < limits::PLACING_RECORDS as u64, "{many:?}");
}

#[test]
fn an_answer_says_how_far_a_push_was_decided_and_no_more() {
    let (world, mut phone) = at_work();
    let (ticket, seen) = shared_text(&world, &mut phone);
    world.user("w2", "grid_worker", "G1");
    let mut attacker = Attacker::enrol(&world, "w2", 9);
    let entries = splices(&attacker, ticket, seen, limits::PUSH_ENTRIES as u64);
    let heavy: Vec<Entry> = entries
        .into_iter()
        .map(|entry| Entry {
            intents: vec![intent(
                "description",
                Op::Splice {
                    pos: 0, delete: 0, insert: "长长长长长长长长长长长长长长长长长长长".into()
                },
            )],
            ..entry
        })
        .collect();
    let outcome = attacker.try_entries(&world, heavy);
    let Outcome::Frames(_) = &outcome else {
        panic!("{outcome:?}");
    };
    let receipt = outcome.receipts()[0].clone();
    let (n, hash) = world.store().feed_head(attacker.feed);
    assert_eq!((receipt.n, receipt.hash), (n, hash));
}
