//! Receipts after a restore: what they prove, and what they do not.

use gridledger_core::{canonical, receipt};
use gridledger_schema::code::Code;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{EntryHash, ServerEpoch};
use gridledger_schema::limits::EVIDENCE_MS;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{Receipt, Recovery, RecoveryPhase, Request};
use gridledger_server::epochs::{Reason, Wanted, WantedEntry, erase, erase_refused, retain};
use gridledger_server::operate::verify::verify;
use gridledger_tests::attacker::{Attacker, Outcome, put};
use gridledger_tests::world::World;
use serde_json::json;

/// A worker's device with two patrols and between them an entry that was refused, all of them after the backup; the
/// server restored.
struct Scene {
    world: World,
    device: Attacker,
    entries: Vec<Entry>,
    receipts: Vec<(ServerEpoch, Receipt)>,
}

fn scene() -> Scene {
    let mut world = World::staffed(1, &[("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1")]);
    let mut device = Attacker::enrol(&world, "w1", 7);
    // Somebody else is waited for, so that nothing new is taken.
    Attacker::enrol(&world, "w2", 8);
    let backup = world.backup("backup.db");
    let epoch = world.service.identity.epoch;
    let (mut entries, mut receipts) = (Vec::new(), Vec::new());
    for forbidden in [false, true, false] {
        let mut entry = device.patrol(&world);
        if forbidden {
            entry.intents.push(put("review", json!("good")));
        }
        entries.push(entry.clone());
        let outcome = device.try_entries(&world, vec![entry]);
        receipts.extend(outcome.receipts().into_iter().map(|receipt| (epoch, receipt.clone())));
    }
    assert_eq!(receipts.iter().map(|(_, r)| r.refused.len()).collect::<Vec<_>>(), [0, 1, 0]);
    world.pass(1_000);
    world.restore(&backup);
    Scene { world, device, entries, receipts }
}

impl Scene {
    fn offer(&mut self, receipts: Vec<(ServerEpoch, Receipt)>) -> Outcome {
        let request = Request {
            server_epoch: Some(self.world.service.identity.epoch),
            segments: vec![self.device.segment(EntryHash::ZERO, self.entries.clone())],
            recovery: Some(Recovery { receipts, ..Recovery::default() }),
            ..Request::default()
        };
        self.device.counter += 10;
        self.device.send(&self.world, &request)
    }
}

/// How far the feed is decided, the refusals, and what stopped it.
fn said(outcome: &Outcome) -> (u64, Vec<(u64, Code)>, Option<Code>) {
    let receipt = outcome.receipts()[0];
    let refused = receipt.refused.iter().map(|(n, refusal)| (*n, refusal.code));
    (receipt.n, refused.collect(), receipt.stopped.as_ref().map(|stop| stop.code))
}

#[test]
fn what_receipts_prove_keeps_its_verdict_and_what_is_new_waits() {
    let mut scene = scene();
    let receipts = scene.receipts.clone();
    // Nobody may do it any more: what was stored once is stored all the same, what was refused stays refused.
    assert!(scene.world.take("w1", "grid_worker", "G1"));
    let outcome = scene.offer(receipts[..2].to_vec());
    assert_eq!(said(&outcome), (2, vec![(2, Code::FieldForbidden)], Some(Code::Recovering)));
    let outcome = scene.offer(receipts);
    assert_eq!(said(&outcome), (3, vec![(2, Code::FieldForbidden)], None));
    scene.world.is_whole();
    // Once more: the same verdicts.
    let outcome = scene.offer(Vec::new());
    assert_eq!(said(&outcome), (3, vec![(2, Code::FieldForbidden)], None));
}

#[test]
fn what_is_not_the_servers_word_about_these_entries_proves_nothing() {
    let mut scene = scene();
    let nothing = (0, Vec::new(), Some(Code::Recovering));
    let good = scene.receipts[0].clone();
    let changed = |change: fn(&mut (ServerEpoch, Receipt))| {
        let mut changed = good.clone();
        change(&mut changed);
        changed
    };
    let other_key = {
        let mut forged = good.clone();
        let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        receipt::sign(&key, forged.0, &mut forged.1);
        forged
    };
    for forged in [
        other_key,
        changed(|(_, receipt)| receipt.signature[5] ^= 1),
        changed(|(epoch, _)| epoch.0 += 1),
        changed(|(_, receipt)| receipt.first = 0),
        changed(|(_, receipt)| receipt.n = 3),
        changed(|(_, receipt)| receipt.n = u64::MAX),
        changed(|(_, receipt)| receipt.hash.0[0] ^= 1),
    ] {
        let outcome = scene.offer(vec![forged]);
        assert_eq!(said(&outcome), nothing);
    }
    // A receipt for another chain: the same numbers with other entries.
    scene.entries[0].at += 1;
    let outcome = scene.offer(scene.receipts.clone());
    assert_eq!(said(&outcome), nothing);
    scene.entries[0].at -= 1;
    // One that hides the refusal by leaving its receipt out: the later one does not speak of that entry.
    let outcome = scene.offer(vec![scene.receipts[0].clone(), scene.receipts[2].clone()]);
    assert_eq!(said(&outcome), (1, Vec::new(), Some(Code::Recovering)));
}

#[test]
fn an_offer_that_meets_another_entry_in_its_place_is_kept_as_evidence() {
    let mut scene = scene();
    let receipts = scene.receipts.clone();
    // The time is over, and a copy of the device has written on.
    scene.world.pass(25 * 3_600_000);
    let offered = scene.entries.clone();
    scene.entries.truncate(1);
    scene.entries[0].at += 1;
    assert_eq!(said(&scene.offer(Vec::new())), (1, Vec::new(), None));
    scene.entries = offered;
    let outcome = scene.offer(receipts);
    assert_eq!(said(&outcome).2, Some(Code::FeedForked));
    let kept = scene.world.store().displaced();
    let [(feed, 1, body)] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((*feed, body.is_empty()), (scene.device.feed, false));
    scene.world.is_whole();
    // It can be erased with its record, and by itself; and it does not stay for ever.
    let record = scene.entries[0].record(scene.device.feed);
    let service = &scene.world.service;
    let wanted = Wanted {
        record,
        fields: Vec::new(),
        reason: Reason::Request,
        by: "po".into(),
        asked_at: service.now(),
    };
    erase(service, &wanted).expect("an erasure");
    let left = || service.store.displaced().expect("the store").remove(0).2;
    assert_eq!(left(), [0; 0]);
    assert!(verify(service).expect("the store").is_whole());
}

#[test]
fn what_was_displaced_is_erased_by_its_number_or_goes_with_its_time() {
    for by_number in [true, false] {
        let mut scene = scene();
        let receipts = scene.receipts.clone();
        scene.world.pass(25 * 3_600_000);
        let offered = scene.entries.clone();
        scene.entries.truncate(1);
        scene.entries[0].at += 1;
        scene.offer(Vec::new());
        scene.entries = offered;
        scene.offer(receipts);
        let service = &scene.world.service;
        let left = || service.store.displaced().expect("the store").remove(0).2;
        assert_ne!(left(), [0; 0]);
        if by_number {
            let wanted = WantedEntry {
                entry: (scene.device.feed, 1),
                reason: Reason::Mistake,
                by: "po".into(),
                asked_at: service.now(),
            };
            erase_refused(service, &wanted).expect("an erasure");
        } else {
            scene.world.pass(EVIDENCE_MS);
            assert_eq!(retain(service, true).expect("a count").evidence, 1);
            assert_eq!(retain(service, false).expect("a run").evidence, 1);
            assert_eq!(retain(service, false).expect("a run").evidence, 0);
        }
        assert_eq!(left(), [0; 0]);
        assert!(verify(service).expect("the store").is_whole());
    }
}

#[test]
fn a_request_of_another_generation_is_told_so_and_nothing_of_it_is_taken() {
    let mut scene = scene();
    let former = scene.receipts[0].0;
    let mut request = scene.device.push(Vec::new());
    request.segments = vec![scene.device.segment(EntryHash::ZERO, scene.entries.clone())];
    request.server_epoch = Some(former);
    request.own = vec![(0, 3)];
    scene.device.counter += 10;
    let outcome = scene.device.send(&scene.world, &request);
    let Outcome::Frames(frames) = &outcome else { panic!("{outcome:?}") };
    let [gridledger_schema::wire::Frame::Restored(notice), _] = frames.as_slice() else {
        panic!("{frames:?}")
    };
    let key = scene.world.service.receipt_key.verifying_key();
    assert!(gridledger_core::recovery::verify(&key, notice));
    assert_eq!((notice.former, notice.epoch), (former, scene.world.service.identity.epoch));
    assert_eq!(notice.known, [(scene.device.feed, 0)]);
    assert_eq!(scene.world.store().feed_head(scene.device.feed).0, 0);
    assert_eq!(scene.world.recovery_phase(), RecoveryPhase::Gathering);
}

#[test]
fn an_entry_before_one_that_lost_what_it_said_is_not_proven_by_what_comes_after() {
    let mut scene = scene();
    // The third entry's receipt, and one over all three as one push would have had.
    let (epoch, last) = scene.receipts[2].clone();
    let mut over_all = Receipt { first: 1, refused: scene.receipts[1].1.refused.clone(), ..last };
    receipt::sign(&scene.world.service.receipt_key, epoch, &mut over_all);
    let hash_of_second = scene.receipts[1].1.hash;
    let recovery = |receipts: Vec<(ServerEpoch, Receipt)>, feed| Recovery {
        receipts,
        emptied: vec![(feed, 2, hash_of_second)],
        ..Recovery::default()
    };
    let mut forged = scene.entries.clone();
    forged[0].intents.push(put("review", json!("forged")));
    forged[0].intents.push(put("no_such_field", json!(1)));
    let feed = scene.device.feed;
    // The hash of the second entry is claimed, so that the chain seems to hold whatever the first one says.
    for entries in [forged, scene.entries.clone()] {
        let mut segment = scene.device.segment(EntryHash::ZERO, entries);
        segment.signature =
            canonical::sign_segment(Suite::default(), &scene.device.key, feed, 3, over_all.hash);
        let request = Request {
            server_epoch: Some(scene.world.service.identity.epoch),
            segments: vec![segment],
            recovery: Some(recovery(vec![(epoch, over_all.clone())], feed)),
            ..Request::default()
        };
        scene.device.counter += 10;
        let outcome = scene.device.send(&scene.world, &request);
        assert_eq!(said(&outcome), (0, Vec::new(), Some(Code::SignatureInvalid)));
    }
    // A receipt that ends before the emptied entry binds what stands there.
    let mut segment = scene.device.segment(EntryHash::ZERO, scene.entries.clone());
    segment.signature = canonical::sign_segment(Suite::default(), &scene.device.key, feed, 3, over_all.hash);
    let request = Request {
        server_epoch: Some(scene.world.service.identity.epoch),
        segments: vec![segment],
        recovery: Some(recovery(vec![scene.receipts[0].clone(), (epoch, over_all)], feed)),
        ..Request::default()
    };
    scene.device.counter += 10;
    let outcome = scene.device.send(&scene.world, &request);
    assert_eq!(said(&outcome), (3, vec![(2, Code::Erased)], None));
    scene.world.is_whole();
}

#[test]
fn two_segments_of_one_feed_are_refused_and_a_receipt_speaks_of_its_own() {
    let mut scene = scene();
    let rubbish = scene.device.segment(EntryHash([9; 32]), scene.entries[..1].to_vec());
    let good = scene.device.segment(EntryHash::ZERO, scene.entries.clone());
    let request = Request {
        server_epoch: Some(scene.world.service.identity.epoch),
        segments: vec![rubbish, good],
        ..Request::default()
    };
    scene.device.counter += 10;
    let outcome = scene.device.send(&scene.world, &request);
    assert_eq!(outcome, Outcome::Code(Code::BadRequest));
    // A push whose first entry was decided before: the receipt begins where the segment does.
    scene.world.pass(25 * 3_600_000);
    assert_eq!(said(&scene.offer(Vec::new())).0, 3);
    let mut next = scene.device.patrol(&scene.world);
    next.n = 4;
    let before = scene.receipts[2].1.hash;
    let request = Request {
        server_epoch: Some(scene.world.service.identity.epoch),
        segments: vec![scene.device.segment(before, vec![next])],
        ..Request::default()
    };
    scene.device.counter += 10;
    let outcome = scene.device.send(&scene.world, &request);
    assert_eq!((outcome.receipts()[0].first, outcome.receipts()[0].n), (4, 4));
}

#[test]
fn a_receipt_in_the_form_of_protocol_1_proves_its_last_entry_alone() {
    let mut scene = scene();
    let (epoch, last) = scene.receipts[2].clone();
    let mut old = Receipt { suite: None, first: 1, ..last };
    receipt::sign(&scene.world.service.receipt_key, epoch, &mut old);
    // It would hide that the second entry was refused.
    let outcome = scene.offer(vec![(epoch, old)]);
    assert_eq!(said(&outcome), (0, Vec::new(), Some(Code::Recovering)));
}
