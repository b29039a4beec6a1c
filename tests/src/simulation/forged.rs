//! A device that lies after a restore: it changes what it had sent, or hides what had been refused. Nothing of that is ever
//! stored.

use gridledger_core::canonical;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{EntryHash, ServerEpoch};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{Receipt, Recovery, Request, Segment};
use serde_json::json;

use super::Simulation;
use super::held::Held;
use crate::attacker::{Attacker, Outcome, put};

/// The login of the person with the device.
const LIAR: &str = "x1";

impl Simulation<'_> {
    /// The person who lies.
    pub(super) fn liar_comes(&self) {
        self.world.user(LIAR, "grid_worker", "G1");
    }

    /// The device pushes entries, the server is restored from before, and the device lies about them.
    pub(super) fn forge(&mut self) -> Result<(), String> {
        self.put_right();
        self.tally.forged += 1;
        let mut liar = Attacker::enrol(&self.world, LIAR, 100 + self.tally.forged as u8);
        self.strangers.insert(liar.feed);
        let backup = self.world.backup(&format!("before-lie-{}.db", self.tally.forged));
        let epoch = self.world.service.identity.epoch;
        let lie = if self.rng.percent(50) {
            self.changes_what_stood(&mut liar, epoch)
        } else {
            self.hides_a_refusal(&mut liar, epoch)
        };
        self.note(format!("a device lies, and the server is restored from before: {:?}", self.never.last()));
        self.restore_from(&backup);
        let now = self.world.service.identity.epoch;
        liar.counter += 10;
        let outcome = liar.send(&self.world, &Request { server_epoch: Some(now), ..lie });
        self.note(format!("  … {:?}", outcome.codes()));
        let honest =
            Request { server_epoch: Some(now), recovery: Some(Recovery::default()), ..Request::default() };
        liar.counter += 10;
        if liar.send(&self.world, &honest) == Outcome::Panic {
            return Err("the server panicked".into());
        }
        Ok(())
    }

    /// A mark that must never be stored.
    fn forged_mark(&mut self) -> String {
        let mark = self.mark();
        self.never.push(mark.clone());
        mark
    }

    /// Says that an entry lost what it said, so that the one before it may be anything.
    fn changes_what_stood(&mut self, liar: &mut Attacker, epoch: ServerEpoch) -> Request {
        let mark = self.forged_mark();
        let mut entries = entries(self, liar, 3);
        let pushed = liar.send(&self.world, &liar.push(entries.clone()));
        let receipts = kept(epoch, &pushed);
        let hashes = hashes(&entries);
        entries[0].intents.push(put("review", json!(mark)));
        let segment = signed(liar, entries, hashes[2]);
        Request {
            segments: vec![segment],
            recovery: Some(Recovery {
                receipts,
                emptied: vec![(liar.feed, 2, hashes[1])],
                ..Recovery::default()
            }),
            ..Request::default()
        }
    }

    /// Shows a refused entry's number in another segment, so that a receipt speaks of it without the refusal.
    fn hides_a_refusal(&mut self, liar: &mut Attacker, epoch: ServerEpoch) -> Request {
        let mark = self.forged_mark();
        let mut entries = entries(self, liar, 2);
        entries[0].intents.push(put("review", json!(mark)));
        let hashes = hashes(&entries);
        liar.send(&self.world, &liar.push(entries[..1].to_vec()));
        let rubbish = liar.segment(EntryHash([9; 32]), entries[..1].to_vec());
        let good = liar.segment(hashes[0], entries[1..].to_vec());
        let pushed = liar.send(&self.world, &Request { segments: vec![rubbish, good], ..Request::default() });
        let segment = signed(liar, entries, hashes[1]);
        Request {
            segments: vec![segment],
            recovery: Some(Recovery { receipts: kept(epoch, &pushed), ..Recovery::default() }),
            ..Request::default()
        }
    }

    /// Nothing that was forged is stored.
    pub(super) fn nothing_forged(&self, held: &Held) -> Result<(), String> {
        for (row, entry) in held.stored() {
            let said = json!(entry.intents).to_string();
            if let Some(mark) = self.never.iter().find(|mark| said.contains(&format!("\"{mark}\""))) {
                return Err(format!("{mark} was forged, and {}.{} is stored", row.feed, row.n));
            }
        }
        Ok(())
    }
}

fn entries(simulation: &mut Simulation<'_>, liar: &Attacker, count: u64) -> Vec<Entry> {
    (1..=count)
        .map(|n| {
            let mut entry = liar.patrol(&simulation.world);
            entry.n = n;
            entry.intents.push(put("coverage_note", json!(simulation.mark())));
            entry
        })
        .collect()
}

fn hashes(entries: &[Entry]) -> Vec<EntryHash> {
    let mut before = EntryHash::ZERO;
    let hashes = entries.iter().map(|entry| {
        before = canonical::hash(Suite::default(), before, &canonical::encode(entry));
        before
    });
    hashes.collect()
}

/// A segment from the feed's beginning, signed as if its last entry had this hash.
fn signed(liar: &Attacker, entries: Vec<Entry>, last: EntryHash) -> Segment {
    let mut segment = liar.segment(EntryHash::ZERO, entries);
    let n = segment.entries.last().map_or(0, |entry| entry.n);
    segment.signature = canonical::sign_segment(Suite::default(), &liar.key, liar.feed, n, last);
    segment
}

fn kept(epoch: ServerEpoch, outcome: &Outcome) -> Vec<(ServerEpoch, Receipt)> {
    let receipts = outcome.receipts().into_iter();
    receipts.map(|receipt| (epoch, receipt.clone())).collect()
}
