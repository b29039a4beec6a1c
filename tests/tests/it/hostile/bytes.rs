//! Requests whose bytes are cut, changed, or more than they claim to be.

use gridledger_core::wire::squeeze::{Packing, pack};
use gridledger_core::wire::{NoNames, frames, sheet};
use gridledger_schema::code::Code;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{AreaNo, DeviceNo, ServerEpoch};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaCursor, Enrol, PROTOCOL, Request, Want};
use gridledger_tests::attacker::{Outcome, deliver, put};
use serde_json::{Value, json};

use super::{Scene, rich};

#[test]
fn a_request_cut_anywhere_is_refused() {
    let mut scene = Scene::new();
    let request = scene.attacker.push(rich(&scene));
    let payload = frames::write_request(&request, &NoNames);
    let body = scene.attacker.seal(&scene.world, &payload);
    for end in 0..body.len() {
        let outcome = deliver(&scene.world, &body[..end]);
        assert!(matches!(outcome, Outcome::Code(_)) && outcome.is_sound(), "{end}: {outcome:?}");
    }
    scene.works();
    for end in 0..payload.len() {
        let outcome = scene.attacker.send_payload(&scene.world, &payload[..end]);
        assert!(matches!(outcome, Outcome::Code(_)) && outcome.is_sound(), "{end}: {outcome:?}");
    }
    scene.works();
    let (packing, packed) = pack(&payload, Some(scene.world.service.schema.dictionary()));
    assert_eq!(packing, Packing::Dictionary);
    for end in 0..packed.len() {
        let body = scene.attacker.seal_packed(&scene.world, packing, &packed[..end]);
        let outcome = deliver(&scene.world, &body);
        assert!(matches!(outcome, Outcome::Code(_)) && outcome.is_sound(), "{end}: {outcome:?}");
    }
    scene.works();
    assert_eq!(scene.world.store().counts().0, scene.edits);
}

#[test]
fn a_request_changed_under_way_is_refused() {
    let mut scene = Scene::new();
    let request = scene.attacker.push(rich(&scene));
    let payload = frames::write_request(&request, &NoNames);
    let body = scene.attacker.seal(&scene.world, &payload);
    for at in 0..body.len() {
        let mut changed = body.clone();
        changed[at] ^= 1 << (at % 8);
        let outcome = deliver(&scene.world, &changed);
        assert!(matches!(outcome, Outcome::Code(_)) && outcome.is_sound(), "{at}: {outcome:?}");
    }
    scene.works();
    assert_eq!(scene.world.store().counts().1, scene.edits);
}

#[test]
fn a_changed_payload_under_a_good_seal_is_answered_and_harmless() {
    let mut scene = Scene::new();
    let request = scene.attacker.push(rich(&scene));
    let payload = frames::write_request(&request, &NoNames);
    for at in 0..payload.len() {
        for bit in 0..8 {
            let mut changed = payload.clone();
            changed[at] ^= 1 << bit;
            let outcome = scene.attacker.send_payload(&scene.world, &changed);
            assert!(outcome.is_sound(), "byte {at}, bit {bit}: {outcome:?}");
        }
    }
    scene.works();
}

#[test]
fn changed_entries_under_good_signatures_are_judged_like_any_others() {
    let mut scene = Scene::new();
    let sheet = sheet::write_segments(PROTOCOL, &scene.attacker.push(rich(&scene)).segments, &NoNames);
    let mut judged = 0;
    for at in 0..sheet.len() {
        for change in [1u8, 4, 32, 128] {
            let mut changed = sheet.clone();
            changed[at] ^= change;
            let Ok(segments) = sheet::read_segments(PROTOCOL, &changed, &NoNames) else {
                continue;
            };
            let (before, first) = (scene.attacker.head.1, scene.attacker.head.0 + 1);
            let mut entries: Vec<Entry> = segments.into_iter().flat_map(|s| s.entries).take(3).collect();
            for (n, entry) in (first..).zip(&mut entries) {
                entry.n = n;
            }
            if entries.is_empty() {
                continue;
            }
            let request = Request {
                segments: vec![scene.attacker.segment(before, entries.clone())],
                ..Request::default()
            };
            // An entry that the columns do not keep unchanged fails its signature. The others are judged.
            let outcome = scene.attacker.send(&scene.world, &request);
            assert!(outcome.is_sound(), "byte {at} by {change}: {outcome:?} for {entries:?}");
            for receipt in outcome.receipts() {
                if receipt.n > scene.attacker.head.0 {
                    scene.attacker.head = (receipt.n, receipt.hash);
                    judged += 1;
                }
            }
        }
    }
    assert!(judged > 100, "{judged}");
    scene.works();
}

#[test]
fn envelopes_that_lie_are_refused() {
    let mut scene = Scene::new();
    let payload = frames::write_request(&Request::default(), &NoNames);
    let fingerprint = scene.world.service.schema.fingerprint();
    let with = |device, counter, packing, schema, payload: &[u8]| {
        let key = &scene.attacker.key;
        let body = gridledger_core::wire::envelope::seal(
            Suite::default(),
            key,
            device,
            counter,
            packing,
            schema,
            payload,
        );
        deliver(&scene.world, &body).codes()
    };
    let me = scene.attacker.device;
    let plain = Packing::Plain;
    // Somebody else's number, nobody's number, no number.
    for device in [DeviceNo(1), DeviceNo(u32::MAX), DeviceNo(0)] {
        assert_eq!(with(device, 1000, plain, fingerprint, &payload), [Code::SignatureInvalid]);
    }
    assert_eq!(with(me, 0, plain, fingerprint, &payload), [Code::CounterBehind]);
    assert_eq!(with(me, 1, plain, fingerprint, &payload), [Code::CounterBehind]);
    assert_eq!(with(me, 2000, Packing::Dictionary, [7; 8], &payload), [Code::DictionaryUnknown]);
    assert_eq!(with(me, 2000, Packing::Dictionary, fingerprint, &payload), [Code::BadRequest]);
    assert_eq!(with(me, 2000, Packing::Zstd, fingerprint, b""), [Code::BadRequest]);
    // Version, suite and packing, by hand: they are the second to the fourth byte.
    let body = scene.attacker.seal(&scene.world, &payload);
    for (at, byte, code) in [
        (0, 0x86, Code::BadRequest),
        (1, 0, Code::VersionUnsupported),
        (1, 1, Code::BadRequest),
        (1, 3, Code::VersionUnsupported),
        (2, 0, Code::SuiteUnknown),
        (2, 2, Code::SuiteUnknown),
        (3, 3, Code::BadRequest),
    ] {
        let mut changed = body.clone();
        changed[at] = byte;
        assert_eq!(deliver(&scene.world, &changed).codes(), [code], "byte {at}");
    }
    let longer = [&body[..], b"x"].concat();
    assert_eq!(deliver(&scene.world, &longer).codes(), [Code::BadRequest]);
    scene.works();
}

#[test]
fn bombs_are_stopped_at_their_limits() {
    let mut scene = Scene::new();
    let bomb = vec![0u8; limits::SYNC_INFLATED_BYTES + 1];
    for dictionary in [None, Some(scene.world.service.schema.dictionary())] {
        let (packing, packed) = pack(&bomb, dictionary);
        let body = scene.attacker.seal_packed(&scene.world, packing, &packed);
        assert!(body.len() < 1 << 20);
        assert_eq!(deliver(&scene.world, &body).codes(), [Code::BodyTooLarge]);
    }
    // Values nested deeper than any, and long names of many columns.
    let nested = (0..40).fold(json!(1), |value, _| json!([value]));
    let mut deep = scene.attacker.patrol(&scene.world);
    deep.intents.push(put("coverage_note", nested));
    assert_eq!(scene.codes(deep), [Code::BodyTooLarge]);
    let keys: serde_json::Map<String, Value> = (0..3_000).map(|i| (format!("k{i}"), json!(i))).collect();
    let wide = json!({ "k".repeat(100_000): keys });
    let mut wide_entry = scene.attacker.patrol(&scene.world);
    wide_entry.intents.push(put("coverage_note", wide));
    assert_eq!(scene.codes(wide_entry), [Code::BodyTooLarge]);
    scene.works();
}

/// A text that was said before is a mark and a number: some hundred bytes would be gigabytes.
#[test]
fn a_text_that_is_repeated_costs_no_more_than_texts_may() {
    let mut scene = Scene::new();
    let text = "x".repeat(limits::PUSH_TEXT_BYTES / 100);
    let mut entry = scene.attacker.patrol(&scene.world);
    entry.intents.extend((0..101).map(|_| put("coverage_note", json!(text))));
    assert_eq!(scene.codes(entry), [Code::BodyTooLarge]);
    scene.works();
}

#[test]
fn requests_that_ask_for_too_much_or_for_nonsense_are_answered() {
    let mut scene = Scene::new();
    let area = scene.world.area("G1");
    let cursor = |area, floor, reached| AreaCursor { area, floor, reached };
    let with_cursors = |cursors| Request { cursors, ..Request::default() };
    // Cursors of foreign and unknown areas: answered, nothing to tell. Those of the future say that the server lost something.
    let elsewhere = [cursor(scene.world.area("G2"), 0, 0), cursor(AreaNo(u32::MAX), 0, 5)];
    assert_eq!(scene.request(&with_cursors(elsewhere.to_vec())), []);
    let future = [
        cursor(area, 0, u64::MAX >> 1),
        cursor(area, u64::MAX >> 1, u64::MAX >> 1),
        cursor(area, u64::MAX, u64::MAX),
    ];
    for odd in future {
        let odd = [&[odd][..], &elsewhere].concat();
        assert_eq!(scene.request(&with_cursors(odd)), [Code::ServerBehind]);
    }
    let many = |count: usize| (0..count).map(|no| cursor(AreaNo(900 + no as u32), 0, 0)).collect();
    assert_eq!(scene.request(&with_cursors(many(limits::REQUEST_AREAS))), []);
    let more = many(limits::REQUEST_AREAS + 1);
    assert_eq!(scene.request(&with_cursors(more)), [Code::BodyTooLarge]);
    let want = |codes| Request { want: Want::Only(codes), ..Request::default() };
    assert_eq!(scene.request(&want(vec!["G2".into(), "'; --".into(), String::new()])), []);
    let more = vec!["G1".into(); limits::REQUEST_AREAS + 1];
    assert_eq!(scene.request(&want(more)), [Code::BodyTooLarge]);
    let own = |count: u32| Request {
        own: (0..count).map(|ordinal| (ordinal, u64::MAX)).collect(),
        ..Request::default()
    };
    assert_eq!(scene.request(&own(limits::DEVICE_FEEDS)), []);
    assert_eq!(scene.request(&own(limits::DEVICE_FEEDS + 1)), [Code::BodyTooLarge]);
    let epoch = Request { server_epoch: Some(ServerEpoch(1)), ..Request::default() };
    assert_eq!(scene.request(&epoch), [Code::ServerEpochChanged]);
    let enrol = Request {
        enrol: Some(Enrol {
            code: "guess".into(),
            public_key: scene.attacker.key.verifying_key().to_bytes(),
            label: "标".repeat(100_000),
        }),
        ..Request::default()
    };
    assert_eq!(scene.request(&enrol), [Code::CodeInvalid]);
    scene.works();
}
