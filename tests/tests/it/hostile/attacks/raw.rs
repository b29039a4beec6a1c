//! Bytes where entries belong.

use gridledger_core::document::Document;
use gridledger_core::wire::{NoNames, frames};
use gridledger_schema::code::Code;
use gridledger_schema::entry::Intent;
use gridledger_tests::attacker::{deliver, put};
use serde_json::json;

use super::attack;
use crate::hostile::ring::{Attack, CANARY, Town};

/// A good push, its payload changed at the first place where `from` stands.
fn patched(town: &mut Town, intents: Vec<Intent>, from: &[u8], to: &[u8]) -> Vec<Code> {
    let entry = town.edit(town.mine, intents);
    let mut payload = frames::write_request(&town.evil.push(vec![entry]), &NoNames);
    let at = payload.windows(from.len()).position(|window| window == from);
    let at = at.expect("what is to be changed is there");
    payload[at..at + to.len()].copy_from_slice(to);
    town.evil.send_payload(&town.world, &payload).codes()
}

pub(super) fn bytes() -> Vec<Attack> {
    use Code::{BadRequest, SignatureInvalid};
    vec![
        attack("the bytes of an Automerge document as a request", &[BadRequest], |t| {
            let payload = Document::new().save();
            t.evil.send_payload(&t.world, &payload).codes()
        }),
        attack("the bytes of an Automerge document as a body", &[BadRequest], |t| {
            deliver(&t.world, &Document::new().save()).codes()
        }),
        attack("an operation that is none", &[BadRequest], |t| {
            let note = vec![put("coverage_note", json!(CANARY))];
            patched(t, note, b"0Acoverage_note", b"xAcoverage_note")
        }),
        attack("a facet that is none", &[BadRequest], |t| {
            let note = vec![put("coverage_note", json!(CANARY))];
            patched(t, note, b"0Acoverage_note", b"0\x01coverage_note")
        }),
        attack("a text that is not UTF-8", &[BadRequest], |t| {
            let note = vec![put("coverage_note", json!(CANARY))];
            patched(t, note, CANARY.as_bytes(), &[0xff, 0xfe, 0xfd])
        }),
        attack("one key twice", &[BadRequest], |t| {
            let value = json!({ "keya": 1, "keyb": 2 });
            patched(t, vec![put("coverage_note", value)], b"keyb", b"keya")
        }),
        attack("a number that is none", &[BadRequest], |t| {
            let odd = 1.234_567_890_123_456_7e200_f64;
            let nan = f64::NAN.to_be_bytes();
            patched(t, vec![put("coverage_note", json!(odd))], &odd.to_be_bytes(), &nan)
        }),
        attack("another text under the same signature", &[SignatureInvalid], |t| {
            let note = vec![put("coverage_note", json!("abcdefghij"))];
            patched(t, note, b"abcdefghij", b"ABCDEFGHIJ")
        }),
        attack("a request cut in the middle", &[BadRequest], |t| {
            let payload = frames::write_request(&t.evil.push(vec![t.marked()]), &NoNames);
            t.evil.send_payload(&t.world, &payload[..payload.len() / 2]).codes()
        }),
    ]
}
