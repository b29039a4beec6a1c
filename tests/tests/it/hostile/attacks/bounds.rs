//! Every limit by one, and values that do not fit.

use gridledger_core::document::Document;
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId};
use gridledger_schema::limits;
use gridledger_schema::wire::{AreaCursor, Ask, Read, Request};
use gridledger_tests::attacker::{intent, put};
use gridledger_tests::world::MORNING;
use serde_json::json;

use super::tickets::handled;
use super::{after, attack, changed};
use crate::hostile::ring::{Attack, CANARY};

pub(super) fn limits_by_one() -> Vec<Attack> {
    use Code::{BodyTooLarge, FieldUnknown, LimitExceeded, ValueInvalid};
    vec![
        attack("201 intents", &[BodyTooLarge], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!(CANARY)); limits::ENTRY_INTENTS + 1]);
            t.push(entry)
        }),
        attack("1,001 entries", &[BodyTooLarge], |t| {
            let first = t.evil.head.0 + 1;
            let entries = (first..=first + limits::PUSH_ENTRIES as u64).map(|n| Entry { n, ..t.marked() });
            let request = t.evil.push(entries.collect());
            t.send(&request)
        }),
        attack("65 segments", &[BodyTooLarge], |t| {
            let mut request = t.evil.push(vec![t.marked()]);
            request.segments = vec![request.segments[0].clone(); limits::PUSH_SEGMENTS + 1];
            t.send(&request)
        }),
        attack("a feed past the 64th of a key", &[Code::FeedUnknown], |t| {
            let feed = FeedId::of_key(&t.evil.key.verifying_key().to_bytes(), limits::DEVICE_FEEDS);
            let request = changed(t, |s| s.feed = feed);
            t.send(&request)
        }),
        attack("a text one character too long", &[ValueInvalid], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!("雀".repeat(501)))]);
            t.push(entry)
        }),
        attack("a set's item one character too long", &[ValueInvalid], |t| {
            let item = "雀".repeat(65);
            let entry = t.edit(t.mine, vec![intent("companions", Op::Add { item })]);
            t.push(entry)
        }),
        attack("an item past every field's bound", &[LimitExceeded], |t| {
            let item = "雀".repeat(limits::ITEM_CHARS + 1);
            let entry = t.edit(t.mine, vec![intent("companions", Op::Add { item })]);
            t.push(entry)
        }),
        after(handled, "a child's id one character too long", &[LimitExceeded], |t| {
            let (child, value) = ("c".repeat(limits::ITEM_CHARS + 1), serde_json::Map::new());
            let entry = t.edit(t.ticket, vec![intent("checklist", Op::SetChild { child, value })]);
            t.push(entry)
        }),
        after(handled, "a shared text one character too long", &[ValueInvalid], |t| {
            let insert = "雀".repeat(4_001);
            let entry =
                t.edit(t.ticket, vec![intent("description", Op::Splice { pos: 0, delete: 0, insert })]);
            t.push(entry)
        }),
        after(handled, "a place beyond a text's end", &[ValueInvalid], |t| {
            let splice = Op::Splice { pos: u32::MAX, delete: u32::MAX, insert: CANARY.into() };
            let entry = t.edit(t.ticket, vec![intent("description", splice)]);
            t.push(entry)
        }),
        attack("a value nested nine deep", &[BodyTooLarge], |t| {
            let deep = (0..=limits::VALUE_DEPTH).fold(json!(CANARY), |value, _| json!([value]));
            let entry = t.edit(t.mine, vec![put("coverage_note", deep)]);
            t.push(entry)
        }),
        attack("an entry of more than 256 KiB", &[LimitExceeded], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!("x".repeat(limits::ENTRY_BYTES)))]);
            t.push(entry)
        }),
        attack("a field's name of 41 characters", &[FieldUnknown], |t| {
            let name = "f".repeat(limits::FIELD_NAME_CHARS + 1);
            let entry = t.edit(t.mine, vec![put(&name, json!(CANARY))]);
            t.push(entry)
        }),
        attack("5,001 areas", &[BodyTooLarge], |t| {
            let cursor = AreaCursor { area: AreaNo(9), floor: 0, reached: 0 };
            t.send(&Request { cursors: vec![cursor; limits::REQUEST_AREAS + 1], ..Request::default() })
        }),
        attack("2,001 questions", &[BodyTooLarge], |t| {
            let ask = Ask { feed: t.evil.feed, n: 1, note: String::new() };
            t.send(&Request { asks: vec![ask; limits::REQUEST_NOTES + 1], ..Request::default() })
        }),
        attack("2,001 reads", &[BodyTooLarge], |t| {
            let read = Read { n: 1, at: MORNING, record: t.mine, fields: vec![], reason: CANARY.into() };
            t.send(&Request { reads: vec![read; limits::REQUEST_NOTES + 1], ..Request::default() })
        }),
    ]
}

pub(super) fn values() -> Vec<Attack> {
    use Code::{AlreadySet, OperationMismatch, ValueInvalid};
    vec![
        attack("a number where a text belongs", &[ValueInvalid], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!(7))]);
            t.push(entry)
        }),
        attack("an increment past all numbers", &[ValueInvalid], |t| {
            let entry = t.edit(t.mine, vec![intent("posters_removed", Op::Increment { by: i64::MIN })]);
            t.push(entry)
        }),
        attack("a number past every JSON reader", &[ValueInvalid], |t| {
            let mut entry = t.patrol();
            entry.target = Target::Create { record_type: "dwelling".into(), area: t.world.area("G1") };
            entry.intents =
                vec![put("address", json!({ "number": CANARY })), put("floor_area", json!(1e308))];
            t.push(entry)
        }),
        attack("a put on a counter", &[OperationMismatch], |t| {
            let entry = t.edit(t.mine, vec![put("posters_removed", json!(1))]);
            t.push(entry)
        }),
        attack("another value for what is set once", &[AlreadySet], |t| {
            let entry = t.edit(t.mine, vec![put("started", json!(MORNING + 1))]);
            t.push(entry)
        }),
        attack("a text with a NUL in it", &[ValueInvalid], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!(format!("{CANARY}\0")))]);
            t.push(entry)
        }),
        attack("an object where a text belongs, with keys of the merge machine", &[ValueInvalid], |t| {
            let value = json!({ "_conflicts": CANARY, "__proto__": { "x": 1 } });
            let entry = t.edit(t.mine, vec![put("coverage_note", value)]);
            t.push(entry)
        }),
        attack("the bytes of an Automerge document as a value", &[ValueInvalid], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!(Document::new().save()))]);
            t.push(entry)
        }),
    ]
}
