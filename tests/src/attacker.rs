//! A device that may send anything: it holds a real key and an enrolled number, and builds its bytes itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ed25519_dalek::SigningKey;
use gridledger_core::canonical;
use gridledger_core::wire::envelope::{read_answer_head, seal};
use gridledger_core::wire::squeeze::{Packing, unpack};
use gridledger_core::wire::{NoNames, frames};
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{Enrol, Frame, Receipt, Request, Segment};
use serde_json::json;

use crate::world::{MORNING, World, answer};

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was refused as a whole.
    Code(Code),
    /// It was answered.
    Frames(Vec<Frame>),
    /// The server panicked.
    Panic,
}

impl Outcome {
    /// Every code in it: of the whole, of what stopped a segment, of each refused entry.
    pub fn codes(&self) -> Vec<Code> {
        match self {
            Self::Code(code) => vec![*code],
            Self::Frames(_) => self.receipts().into_iter().flat_map(codes_of).collect(),
            Self::Panic => vec![Code::Internal],
        }
    }

    /// The receipts in it.
    pub fn receipts(&self) -> Vec<&Receipt> {
        let Self::Frames(frames) = self else {
            return Vec::new();
        };
        let mut receipts = Vec::new();
        for frame in frames {
            if let Frame::Receipt(receipt) = frame {
                receipts.push(receipt);
            }
        }
        receipts
    }

    /// Whether no code in it says that the server itself failed.
    pub fn is_sound(&self) -> bool {
        let unsound = [Code::Internal, Code::DeriveFailed, Code::StoreFailed];
        self.codes().iter().all(|code| !unsound.contains(code))
    }
}

fn codes_of(receipt: &Receipt) -> Vec<Code> {
    let refused = receipt.refused.iter().map(|(_, refusal)| refusal.code);
    refused.chain(receipt.stopped.as_ref().map(|refusal| refusal.code)).collect()
}

/// The device.
pub struct Attacker {
    /// Its key.
    pub key: SigningKey,
    /// Its number.
    pub device: DeviceNo,
    /// Its first feed.
    pub feed: FeedId,
    /// The last entry stored or refused: its number and hash.
    pub head: (u64, EntryHash),
    /// The counter used last.
    pub counter: u64,
}

impl Attacker {
    /// Enrols a device of a user; `seed` makes its key.
    pub fn enrol(world: &World, login: &str, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public_key = key.verifying_key().to_bytes();
        let mut attacker = Self {
            key,
            device: DeviceNo(0),
            feed: FeedId::of_key(&public_key, 0),
            head: (0, EntryHash::ZERO),
            counter: 0,
        };
        let enrol = Some(Enrol { code: world.code(login), public_key, label: "made up".into() });
        let request = Request { enrol, ..Request::default() };
        let Outcome::Frames(frames) = attacker.send(world, &request) else {
            panic!("the enrolment was refused");
        };
        for frame in frames {
            if let Frame::Welcome(welcome) = frame {
                attacker.device = welcome.device;
            }
        }
        attacker
    }

    /// A request as sealed bytes, its payload as it is.
    pub fn seal(&mut self, world: &World, payload: &[u8]) -> Vec<u8> {
        self.seal_packed(world, Packing::Plain, payload)
    }

    /// A payload that is packed already.
    pub fn seal_packed(&mut self, world: &World, packing: Packing, packed: &[u8]) -> Vec<u8> {
        self.counter += 1;
        let schema = world.service.schema.fingerprint();
        seal(Suite::default(), &self.key, self.device, self.counter, packing, schema, packed)
    }

    /// Sends a request.
    pub fn send(&mut self, world: &World, request: &Request) -> Outcome {
        let body = self.seal(world, &frames::write_request(request, &NoNames));
        deliver(world, &body)
    }

    /// Sends a payload.
    pub fn send_payload(&mut self, world: &World, payload: &[u8]) -> Outcome {
        let body = self.seal(world, payload);
        deliver(world, &body)
    }

    /// A request that pushes these entries as the feed's next, signed as they should be.
    pub fn push(&self, entries: Vec<Entry>) -> Request {
        Request { segments: vec![self.segment(self.head.1, entries)], ..Request::default() }
    }

    /// Entries of this device's feed after the one whose hash is `before`, signed.
    pub fn segment(&self, before: EntryHash, entries: Vec<Entry>) -> Segment {
        let last = entries
            .iter()
            .fold(before, |hash, entry| canonical::hash(Suite::default(), hash, &canonical::encode(entry)));
        let n = entries.last().map_or(0, |entry| entry.n);
        Segment {
            feed: self.feed,
            suite: Suite::default(),
            before: before.0[..8].try_into().expect("BUG: 8 of 32 bytes"),
            signature: canonical::sign_segment(Suite::default(), &self.key, self.feed, n, last),
            entries,
        }
    }

    /// Pushes entries, remembers how far the feed is decided, and says what came of it.
    pub fn try_entries(&mut self, world: &World, entries: Vec<Entry>) -> Outcome {
        let outcome = self.send(world, &self.push(entries));
        for receipt in outcome.receipts() {
            if receipt.feed == self.feed && receipt.n > self.head.0 {
                self.head = (receipt.n, receipt.hash);
            }
        }
        outcome
    }

    /// A patrol of grid `G1`, as the feed's next entry; good as it is.
    pub fn patrol(&self, world: &World) -> Entry {
        let target = Target::Create { record_type: "patrol".into(), area: world.area("G1") };
        self.entry(target, vec![put("started", json!(MORNING))])
    }

    /// The feed's next entry.
    pub fn entry(&self, target: Target, intents: Vec<Intent>) -> Entry {
        Entry { n: self.head.0 + 1, at: MORNING, cursor: 0, role: "grid_worker".into(), target, intents }
    }

    /// A target in an area that is not there.
    pub fn nowhere(record_type: &str) -> Target {
        Target::Create { record_type: record_type.into(), area: AreaNo(4_000_000) }
    }
}

/// An intent on the ordinary facet.
pub fn intent(field: &str, op: Op) -> Intent {
    Intent { facet: 0, field: field.into(), op }
}

/// A put on the ordinary facet.
pub fn put(field: &str, value: serde_json::Value) -> Intent {
    intent(field, Op::Put { value })
}

/// Delivers bytes to the server; a panic inside is an outcome too.
pub fn deliver(world: &World, body: &[u8]) -> Outcome {
    let answered = catch_unwind(AssertUnwindSafe(|| answer(world, body)));
    match answered {
        Err(_) => Outcome::Panic,
        Ok(Err(error)) => Outcome::Code(error.code()),
        Ok(Ok(bytes)) => Outcome::Frames(read(world, &bytes)),
    }
}

fn read(world: &World, answer: &[u8]) -> Vec<Frame> {
    let packing = read_answer_head([answer[0], answer[1]]).expect("an answer's head");
    let dictionary = world.service.schema.dictionary();
    let mut rest =
        unpack(packing, &answer[2..], dictionary, limits::FRAME_BYTES * 4).expect("an answer's frames");
    let mut frames = Vec::new();
    while let Some(frame) = frames::take_frame(&mut rest, &NoNames).expect("a frame") {
        frames.push(frame);
    }
    frames
}
