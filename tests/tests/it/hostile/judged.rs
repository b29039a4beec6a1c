//! Feeds and entries that are well formed and should not be.

use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::Request;
use gridledger_tests::attacker::{Attacker, intent, put};
use gridledger_tests::world::MORNING;
use serde_json::json;

use super::Scene;

/// One thing changed in an honest entry.
type Change = Box<dyn Fn(&mut Entry)>;

#[test]
fn feeds_that_lie_are_stopped() {
    let mut scene = Scene::new();
    let entry = scene.attacker.patrol(&scene.world);
    let good = scene.attacker.push(vec![entry.clone()]);
    let changed = |change: &dyn Fn(&mut gridledger_schema::wire::Segment)| {
        let mut request = good.clone();
        change(&mut request.segments[0]);
        request
    };
    let honest = FeedId::of_key(&scene.honest.engine().public_key(), 0);
    let cases: [(&str, Request, &[Code]); 8] = [
        ("a feed that nobody writes", changed(&|s| s.feed = FeedId([9; 16])), &[Code::FeedUnknown]),
        ("somebody else's feed", changed(&|s| s.feed = honest), &[Code::FeedUnknown]),
        ("a signature of nothing", changed(&|s| s.signature = [0; 64]), &[Code::SignatureInvalid]),
        ("another entry under the signature", changed(&|s| s.entries[0].at += 1), &[Code::SignatureInvalid]),
        ("a beginning that was not", changed(&|s| s.before = [1; 8]), &[Code::FeedForked]),
        ("no entries", changed(&|s| s.entries.clear()), &[Code::BadRequest]),
        ("a gap", changed(&|s| s.entries[0].n = 7), &[Code::FeedGap]),
        ("the last number there is", changed(&|s| s.entries[0].n = u64::MAX - 1), &[Code::FeedGap]),
    ];
    for (what, request, codes) in cases {
        assert_eq!(scene.request(&request), codes, "{what}");
    }
    // Good at last; the same again; two segments of the feed in one request; then another entry of the same number.
    assert_eq!(scene.push(vec![entry.clone()]).codes(), []);
    assert_eq!(scene.request(&good), []);
    let mut twice = good.clone();
    twice.segments.push(good.segments[0].clone());
    assert_eq!(scene.request(&twice), [Code::BadRequest]);
    let another = |other: Entry| Request {
        segments: vec![scene.attacker.segment(EntryHash::ZERO, vec![other])],
        ..Request::default()
    };
    let (mut fork, mut later) = (entry.clone(), entry.clone());
    fork.cursor = 0;
    fork.intents.push(put("coverage_note", json!("another")));
    later.at += 1;
    let (fork, later) = (another(fork), another(later));
    assert_eq!(scene.request(&fork), [Code::FeedForked]);
    assert_eq!(scene.request(&later), [], "it has its verdict, under the time it had");
    // A new entry, twice in one request: neither is taken, and alone it is.
    let next = scene.attacker.patrol(&scene.world);
    let mut twice = scene.attacker.push(vec![next]);
    twice.segments.push(twice.segments[0].clone());
    assert_eq!(scene.request(&twice), [Code::BadRequest]);
    twice.segments.truncate(1);
    assert_eq!(scene.request(&twice), []);
    assert_eq!(scene.world.store().counts(), (2, 2, 0));
    scene.works();
}

#[test]
fn entries_that_lie_are_refused_one_by_one() {
    let mut scene = Scene::new();
    let area = scene.world.area("G1");
    let create = |record_type: &str, area| Target::Create { record_type: record_type.into(), area };
    let edit = |record| Target::Edit { record };
    let started = || put("started", json!(MORNING));
    let good = scene.attacker.patrol(&scene.world);
    let patrol = good.record(scene.attacker.feed);
    assert_eq!(scene.codes(good), []);
    let change = |change: fn(&mut Entry)| -> Change { Box::new(change) };
    let with = |target: Target, intents: Vec<gridledger_schema::entry::Intent>| -> Change {
        Box::new(move |entry| (entry.target, entry.intents) = (target.clone(), intents.clone()))
    };
    let no_events = serde_json::Map::new;
    let cases: Vec<(&str, Change, Code)> = vec![
        ("a clock far ahead", change(|e| e.at = MORNING + limits::CLOCK_AHEAD_MS + 1), Code::TimeAhead),
        ("before all time", change(|e| e.at = i64::MIN), Code::TimeOutOfRange),
        ("after all time", change(|e| e.at = i64::MAX), Code::TimeOutOfRange),
        ("a log that is not that long", change(|e| e.cursor = 2), Code::SeenImpossible),
        ("an endless log", change(|e| e.cursor = u64::MAX), Code::SeenImpossible),
        ("a role not held", change(|e| e.role = "grid_head".into()), Code::RoleNotHeld),
        ("no role", change(|e| e.role.clear()), Code::RoleNotHeld),
        ("a type that is not", with(create("spaceship", area), vec![]), Code::TypeUnknown),
        ("an area that is not", with(Attacker::nowhere("patrol"), vec![started()]), Code::AreaUnknown),
        (
            "an area of others",
            with(create("patrol", scene.world.area("G2")), vec![started()]),
            Code::RoleNotHeld,
        ),
        ("a record that is not", with(edit(RecordId([7; 16])), vec![started()]), Code::RecordUnknown),
        ("nothing required", with(create("patrol", area), vec![]), Code::FieldRequired),
        ("a type not to be created", with(create("place", area), vec![]), Code::CreateForbidden),
        ("a field that is not", with(edit(patrol), vec![put("nothing", json!(1))]), Code::FieldUnknown),
        ("a field's part", with(edit(patrol), vec![put("media/x", json!(1))]), Code::FieldUnknown),
        ("a field of others", with(edit(patrol), vec![put("review", json!("好"))]), Code::FieldForbidden),
        ("another type", with(edit(patrol), vec![put("coverage_note", json!(1))]), Code::ValueInvalid),
        (
            "a text with an end in it",
            with(edit(patrol), vec![put("coverage_note", json!("a\0b"))]),
            Code::ValueInvalid,
        ),
        (
            "another operation",
            with(edit(patrol), vec![put("posters_removed", json!(1))]),
            Code::OperationMismatch,
        ),
        (
            "a number too large",
            with(edit(patrol), vec![intent("posters_removed", Op::Increment { by: i64::MAX })]),
            Code::ValueInvalid,
        ),
        (
            "set once, set again",
            with(edit(patrol), vec![put("started", json!(MORNING + 1))]),
            Code::AlreadySet,
        ),
        (
            "an empty item",
            with(edit(patrol), vec![intent("companions", Op::Add { item: String::new() })]),
            Code::ValueInvalid,
        ),
        ("a wrong facet", Box::new(|e: &mut Entry| e.intents[0].facet = 1), Code::ValueInvalid),
        ("a facet past all", Box::new(|e: &mut Entry| e.intents[0].facet = 63), Code::ValueInvalid),
        (
            "events without a ticket",
            with(edit(patrol), vec![intent("events", Op::Event { verb: "close".into(), args: no_events() })]),
            Code::FieldUnknown,
        ),
    ];
    for (what, change, code) in cases {
        let mut entry = scene.attacker.patrol(&scene.world);
        change(&mut entry);
        assert_eq!(scene.codes(entry), [code], "{what}");
    }
    scene.works();
}

#[test]
fn every_limit_is_refused_one_past_it() {
    let mut scene = Scene::new();
    let good = scene.attacker.patrol(&scene.world);
    let patrol = Target::Edit { record: good.record(scene.attacker.feed) };
    assert_eq!(scene.codes(good), []);
    let repeat = |count: usize, intent: gridledger_schema::entry::Intent| vec![intent; count];
    let one = || intent("leaflets_given", Op::Increment { by: 1 });
    let text = |count: usize| put("coverage_note", json!("字".repeat(count)));
    let item = |count: usize| intent("companions", Op::Add { item: "字".repeat(count) });
    let levels = |count: usize| put("coverage_note", (0..count).fold(json!(1), |v, _| json!([v])));
    let cases = [
        ("intents", repeat(limits::ENTRY_INTENTS, one()), vec![]),
        ("intents", repeat(limits::ENTRY_INTENTS + 1, one()), vec![Code::BodyTooLarge]),
        ("a text", vec![text(500)], vec![]),
        ("a text", vec![text(501)], vec![Code::ValueInvalid]),
        ("an item", vec![item(64)], vec![]),
        ("an item", vec![item(65)], vec![Code::ValueInvalid]),
        ("an item", vec![item(limits::ITEM_CHARS + 1)], vec![Code::LimitExceeded]),
        ("nesting", vec![levels(limits::VALUE_DEPTH)], vec![Code::ValueInvalid]),
        ("nesting", vec![levels(limits::VALUE_DEPTH + 1)], vec![Code::BodyTooLarge]),
        ("bytes", vec![text(limits::ENTRY_BYTES)], vec![Code::LimitExceeded]),
        ("a name", vec![put(&"f".repeat(limits::FIELD_NAME_CHARS + 1), json!(1))], vec![Code::FieldUnknown]),
    ];
    for (what, intents, codes) in cases {
        let entry = scene.attacker.entry(patrol.clone(), intents);
        assert_eq!(scene.codes(entry), codes, "{what}");
    }
    let entries = |scene: &Scene, count: usize| -> Vec<Entry> {
        let make = |i| {
            let mut entry = scene.attacker.entry(patrol.clone(), vec![one()]);
            entry.n += i as u64;
            entry
        };
        (0..count).map(make).collect()
    };
    let too_many = entries(&scene, limits::PUSH_ENTRIES + 1);
    assert_eq!(scene.push(too_many).codes(), [Code::BodyTooLarge]);
    let mut segments = scene.attacker.push(entries(&scene, 1));
    segments.segments = vec![segments.segments[0].clone(); limits::PUSH_SEGMENTS + 1];
    assert_eq!(scene.request(&segments), [Code::BodyTooLarge]);
    segments.segments.pop();
    // As many segments as may be, but all of one feed.
    assert_eq!(scene.request(&segments), [Code::BadRequest]);
    segments.segments.truncate(1);
    assert_eq!(scene.request(&segments), []);
    scene.works();
}

#[test]
fn a_record_grows_no_larger_than_what_every_phone_can_take() {
    let mut scene = Scene::new();
    let good = scene.attacker.patrol(&scene.world);
    let record = good.record(scene.attacker.feed);
    assert_eq!(scene.codes(good), []);
    scene.works();
    // Far more than a record holds goes through it: what was written over goes with an old generation.
    for start in 0..24u32 {
        // Much in one entry: the same field many times over, each time with other characters.
        let text = |i: u32| -> String {
            let at = |k: u32| char::from_u32(0x4e00 + (start * 7919 + i * 131 + k * 31) % 20_000);
            (0..500).filter_map(at).collect()
        };
        let intents = (0..150).map(|i| put("coverage_note", json!(text(i)))).collect();
        let codes = scene.codes(scene.attacker.entry(Target::Edit { record }, intents));
        assert_eq!(codes, []);
    }
    let row = scene.world.row(record);
    assert!(row.entry_bytes > limits::RECORD_BYTES && row.epoch > 1, "{row:?}");
    scene.works();
    // A new generation keeps the values that stay, so one that begins large is full soon.
    scene.world.set_column(record, "base_bytes", limits::RECORD_BYTES as i64);
    let intents = vec![put("coverage_note", json!("好"))];
    let more = scene.attacker.entry(Target::Edit { record }, intents);
    assert_eq!(scene.codes(more), [Code::RecordFull]);
    scene.works();
    let mut late = scene.world.phone("good", 0);
    assert_eq!(late.syncs(&scene.world).proven, 1);
}
