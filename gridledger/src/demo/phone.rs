//! One phone of the demo: its own store, line and chance; and the diary of everything that was saved on any of them.

use std::path::Path;
use std::sync::Arc;

use gridledger_client::{Client, ClientError, Intents, Lock, Options, Query, Record, RecordId, SyncReport};
use gridledger_schema::code::Refusal;
use gridledger_schema::entry::Intent;
use gridledger_schema::ids::FeedId;
use serde_json::Value;

use super::clock::DayClock;
use super::cut::{Line, Signal};
use super::rng::Rng;
use super::world::Part;

/// Bytes and requests a phone needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes sent, HTTP heads included.
    pub up: u64,
    /// Bytes received, HTTP heads included.
    pub down: u64,
    /// Requests answered to the end, or broken off.
    pub requests: u64,
    /// Syncs that broke off.
    pub broken: u64,
}

impl Traffic {
    fn add(&mut self, (up, down): (u64, u64), synced: &Synced) {
        self.up += up;
        self.down += down;
        match synced {
            Synced::Whole(report) => self.requests += u64::from(report.round_trips),
            Synced::Broken => {
                self.requests += 1;
                self.broken += 1;
            }
        }
    }
}

/// The purpose of a sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The first, with enrolment.
    #[default]
    First,
    /// Back in signal, with half a day's work.
    Push,
    /// In between, to see what others did.
    Between,
    /// When nothing is new.
    Idle,
}

/// Something saved, as it was meant.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Index of the phone.
    pub phone: usize,
    /// Its feed.
    pub feed: FeedId,
    /// The entry's number there.
    pub n: u64,
    /// The record.
    pub record: RecordId,
    /// Its type.
    pub record_type: String,
    /// Whether it created the record.
    pub creates: bool,
    /// The intents of the edit.
    pub intents: Vec<Intent>,
}

/// An edit the phone itself refused: nothing was saved.
#[derive(Clone, Debug)]
pub struct Early {
    /// Index of the phone.
    pub phone: usize,
    /// The attempt in words, (zh, en).
    pub tried: (&'static str, &'static str),
    /// Why not.
    pub refusal: Refusal,
}

/// A field several phones wrote with no signal: every value must be found again.
#[derive(Clone, Debug)]
pub struct Contest {
    /// The record.
    pub record: RecordId,
    /// The field.
    pub field: &'static str,
    /// Every value written, in the order of writing.
    pub values: Vec<Value>,
    /// The value that settled it, if somebody did.
    pub settled: Option<Value>,
}

/// Everything that happened, kept apart from phones and server to be held against both.
#[derive(Debug, Default)]
pub struct Diary {
    /// Every edit saved.
    pub kept: Vec<Kept>,
    /// Every edit refused on the phone.
    pub early: Vec<Early>,
    /// Fields written by several at once.
    pub contests: Vec<Contest>,
}

impl Diary {
    /// Notes that a value was written where others write too.
    pub fn contest(&mut self, record: RecordId, field: &'static str, value: Value) {
        let found = self.contests.iter_mut().find(|c| c.record == record && c.field == field);
        match found {
            Some(contest) => contest.values.push(value),
            None => self.contests.push(Contest { record, field, values: vec![value], settled: None }),
        }
    }
}

/// A phone and who carries it.
pub struct Phone {
    /// Its index.
    pub index: usize,
    /// The person who carries it.
    pub part: Part,
    /// The store and the sync.
    pub client: Client,
    /// The line to the server.
    pub line: Line,
    /// The feed it writes.
    pub feed: FeedId,
    /// Its chance.
    pub rng: Rng,
    /// The time of the day.
    pub clock: DayClock,
    /// The purpose of the present syncs.
    pub stage: Stage,
    /// The traffic of the first sync.
    pub first: Traffic,
    /// The traffic of sending the day's work, noon and evening together.
    pub push: Traffic,
    /// The traffic of all other syncs.
    pub between: Traffic,
    /// The traffic of the last sync that brought nothing new.
    pub idle: Traffic,
    /// Records held after the first sync.
    pub held_first: u64,
    /// Edits saved on it.
    pub saves: u64,
    /// Areas proven equal by digest, over all syncs.
    pub proven: u64,
    /// Tickets it reported.
    pub tickets: Vec<RecordId>,
    /// The patrol it is on.
    pub patrol: Option<RecordId>,
}

/// The outcome of a sync.
#[derive(Debug)]
pub enum Synced {
    /// It ended.
    Whole(SyncReport),
    /// The line broke; the rest comes next time.
    Broken,
}

/// How long a save takes, in the time of the day.
const SAVE_MS: i64 = 7_000;

impl Phone {
    /// A new phone with a clock that is `skew_ms` off.
    pub fn new(
        index: usize,
        part: Part,
        dir: &Path,
        line: Line,
        mut rng: Rng,
        (clock, skew_ms): (&DayClock, i64),
    ) -> Result<Self, ClientError> {
        let time = clock.clone();
        let options = Options {
            clock: Some(Arc::new(move || time.now() + skew_ms)),
            device_seed: Some(rng.bytes()),
            ..Options::default()
        };
        let client = Client::open(
            dir.join(format!("phone-{:02}-{}.db", index + 1, part.login)),
            &Lock::host_key([index as u8; 32]),
            options,
        )?;
        let feed = FeedId::of_key(&client.engine().public_key(), 0);
        Ok(Self {
            index,
            part,
            client,
            line,
            feed,
            rng,
            clock: clock.clone(),
            stage: Stage::First,
            first: Traffic::default(),
            push: Traffic::default(),
            between: Traffic::default(),
            idle: Traffic::default(),
            held_first: 0,
            saves: 0,
            proven: 0,
            tickets: Vec::new(),
            patrol: None,
        })
    }

    /// Whether its user acts under a role.
    pub fn is(&self, role: &str) -> bool {
        self.part.role == role
    }

    /// Records of a type in an area (code), in the order of their ids.
    pub fn list(&self, record_type: &str, area: &str) -> Result<Vec<Record>, ClientError> {
        let mut records = self.client.list(&Query::of_type(record_type).area(area))?;
        records.sort_by_key(|record| record.id);
        Ok(records)
    }

    /// Creates a record and notes it in the diary.
    pub fn create(
        &mut self,
        diary: &mut Diary,
        record_type: &str,
        area: &str,
        intents: Intents,
    ) -> Result<RecordId, ClientError> {
        let saved = self.client.engine().create(record_type, area, intents.clone())?;
        self.keep(diary, saved.record, saved.n, record_type, true, intents);
        Ok(saved.record)
    }

    /// Edits a record and notes it in the diary.
    pub fn edit(&mut self, diary: &mut Diary, record: &Record, intents: Intents) -> Result<(), ClientError> {
        let saved = self.client.edit(record.id, intents.clone())?;
        self.keep(diary, record.id, saved.n, &record.record_type, false, intents);
        Ok(())
    }

    /// Tries what the rules forbid. The phone must say no, and why; that it saved is the error.
    pub fn must_not(
        &mut self,
        diary: &mut Diary,
        record: &Record,
        tried: (&'static str, &'static str),
        intents: Intents,
    ) -> Result<(), ClientError> {
        match self.edit(diary, record, intents) {
            Err(ClientError::Refused(refusal)) => {
                diary.early.push(Early { phone: self.index, tried, refusal });
                Ok(())
            }
            other => other,
        }
    }

    fn keep(
        &mut self,
        diary: &mut Diary,
        record: RecordId,
        n: u64,
        record_type: &str,
        creates: bool,
        intents: Intents,
    ) {
        self.saves += 1;
        self.clock.pass(SAVE_MS);
        diary.kept.push(Kept {
            phone: self.index,
            feed: self.feed,
            n,
            record,
            record_type: record_type.to_owned(),
            creates,
            intents: intents.into_vec(),
        });
    }

    /// Notes what a sync needed: `before` is what the line had carried.
    pub fn note(&mut self, before: (u64, u64), synced: &Synced) {
        let (up, down) = self.line.carried();
        let traffic = match self.stage {
            Stage::First => &mut self.first,
            Stage::Push => &mut self.push,
            Stage::Between => &mut self.between,
            Stage::Idle => &mut self.idle,
        };
        traffic.add((up - before.0, down - before.1), synced);
        if let Synced::Whole(report) = synced {
            self.proven += u64::from(report.proven);
        }
    }

    /// The first sync is done.
    pub fn enrolled(&mut self) -> Result<(), ClientError> {
        self.held_first = self.client.status()?.records;
        self.stage = Stage::Between;
        Ok(())
    }

    /// Syncs of this phone that broke off.
    pub fn broken(&self) -> u64 {
        [self.first, self.push, self.between, self.idle].iter().map(|traffic| traffic.broken).sum()
    }

    /// Gives the line a signal.
    pub fn signal(&self, signal: Signal) {
        self.line.set(signal);
    }
}
