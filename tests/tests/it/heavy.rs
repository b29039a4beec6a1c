//! Heavy records: no frame holds more than its bound, and a new phone can fetch whatever a record may hold.

use gridledger_core::canonical;
use gridledger_core::wire::NoNames;
use gridledger_core::wire::envelope::read_answer_head;
use gridledger_core::wire::frames;
use gridledger_core::wire::squeeze::unpack;
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::RecordId;
use gridledger_schema::limits;
use gridledger_tests::attacker::{Attacker, intent, put};
use gridledger_tests::simulation::rng::Rng;
use gridledger_tests::world::{Phone, World};
use serde_json::json;

/// A text of rare characters, of four bytes each, that no compression makes small.
fn noise(seed: u64, chars: usize) -> String {
    let mut rng = Rng::new(seed);
    let letter = || char::from_u32(0x2_0000 + rng.below(0xa000) as u32).expect("a character");
    std::iter::repeat_with(letter).take(chars).collect()
}

fn world() -> World {
    World::staffed(1, &[("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1")])
}

/// Comments that a ticket may have, and characters of one.
const COMMENTS: (usize, usize) = (500, 500);

/// Entries that give a ticket all the comments it may have, and then write its description anew so many times.
fn everything(evil: &Attacker, ticket: RecordId, rewrites: usize) -> Vec<Entry> {
    let comment = |no: usize| {
        let value = json!(noise(no as u64 + evil.head.0 * 1_000, COMMENTS.1));
        intent("comments", Op::Append { value })
    };
    let comments: Vec<_> = (0..COMMENTS.0).map(comment).collect();
    let chars = 4_000;
    let rewrite = |no: usize| {
        let (delete, insert) = (if no == 0 { 0 } else { chars }, noise(no as u64, chars as usize));
        intent("description", Op::Splice { pos: 0, delete, insert })
    };
    let rewrites: Vec<_> = (0..rewrites).map(rewrite).collect();
    let parts = comments.chunks(100).chain(rewrites.chunks(1));
    let entry = |(no, part): (u64, &[gridledger_schema::entry::Intent])| Entry {
        n: evil.head.0 + no,
        ..evil.entry(Target::Edit { record: ticket }, part.to_vec())
    };
    (1..).zip(parts).map(entry).collect()
}

/// Pushes entries until all are decided, so many bytes at once; what is stopped comes again. The codes of those
/// refused.
fn push_all(world: &World, evil: &mut Attacker, mut entries: Vec<Entry>, most_bytes: usize) -> Vec<Code> {
    let mut refused = Vec::new();
    while !entries.is_empty() {
        let (before, mut bytes) = (evil.head.0, 0);
        let fits = |entry: &&Entry| {
            bytes += canonical::encode(entry).len();
            bytes <= most_bytes
        };
        let some = entries.iter().take_while(fits).cloned().collect();
        let outcome = evil.try_entries(world, some);
        let told = outcome.receipts().into_iter().flat_map(|receipt| &receipt.refused);
        refused.extend(told.map(|(_, refusal)| refusal.code));
        assert!(evil.head.0 > before, "each push decides something: {:?}", outcome.codes());
        entries.retain(|entry| entry.n > evil.head.0);
    }
    refused
}

fn ticket(world: &World, evil: &mut Attacker) -> RecordId {
    let target = Target::Create { record_type: "ticket".into(), area: world.area("G1") };
    let args = serde_json::Map::new();
    let report = Op::Event { verb: "report".into(), args: args.into_iter().collect() };
    let intents = vec![
        put("kind", json!("incident")),
        put("title", json!("路灯不亮")),
        put("category", json!(world.category())),
        put("address_text", json!("滨河路1号")),
        intent("events", report),
    ];
    let entry = evil.entry(target, intents);
    let ticket = RecordId::created_by(evil.feed, entry.n);
    assert_eq!(evil.try_entries(world, vec![entry]).codes(), []);
    ticket
}

/// The largest frame of the answer that a phone got last, in bytes.
fn largest_frame(world: &World, phone: &Phone) -> usize {
    let answer = phone.last_answer();
    let packing = read_answer_head([answer[0], answer[1]]).expect("a head");
    let dictionary = world.service.schema.dictionary();
    let mut rest = unpack(packing, &answer[2..], dictionary, 1 << 30).expect("an answer");
    let mut largest = 0;
    while !rest.is_empty() {
        let before = rest.len();
        frames::take_frame(&mut rest, &NoNames).expect("a frame");
        largest = largest.max(before - rest.len());
    }
    largest
}

fn fetches_everything(world: &World, tickets: usize) {
    let mut phone = world.phone("w2", 0);
    let report = phone.syncs(world);
    let held = phone.masked_records(&gridledger_client::Query::of_type("ticket").limit(1_000));
    assert_eq!((held.len(), report.healed), (tickets, 0));
    assert!(report.proven > 0, "{report:?}");
    let largest = largest_frame(world, &phone);
    assert!(largest <= limits::FRAME_BYTES, "a frame of {largest} bytes");
}

#[test]
fn a_new_phone_fetches_a_grid_of_heavy_tickets() {
    let world = world();
    let mut evil = Attacker::enrol(&world, "w1", 1);
    for _ in 0..TICKETS {
        let ticket = ticket(&world, &mut evil);
        // Past a megabyte the record begins a new generation, and travels whole.
        let entries = everything(&evil, ticket, 5);
        assert_eq!(push_all(&world, &mut evil, entries, limits::PUSH_BYTES / 4), []);
    }
    let begun = world.store().records_of(world.area("G1"));
    assert!(begun.iter().all(|row| row.epoch > 0), "each began again");
    fetches_everything(&world, TICKETS);
}

/// As many as no frame could hold together.
const TICKETS: usize = 16;

#[test]
fn a_new_phone_fetches_the_largest_record_there_may_be() {
    let world = world();
    let mut evil = Attacker::enrol(&world, "w1", 2);
    let ticket = ticket(&world, &mut evil);
    // Pushes as large as they may be write until the record is full, or begins a new generation.
    let entries = everything(&evil, ticket, 100);
    let refused = push_all(&world, &mut evil, entries, limits::PUSH_BYTES);
    let row = world.row(ticket);
    assert!(row.entry_bytes > limits::EPOCH_BYTES, "{row:?}");
    assert!(refused.iter().all(|code| *code == Code::RecordFull), "{refused:?}");
    fetches_everything(&world, 1);
    world.is_whole();
}
