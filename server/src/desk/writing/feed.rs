//! A desk user's feed: its key, its turn, and the signing of drafts as its next entries.

use ed25519_dalek::SigningKey;
use gridledger_core::canonical;
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Intent, Target};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use gridledger_schema::suite::Suite;
use sha2::{Digest as _, Sha256};

use super::entry::DeskVerdict;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::desk::{ImportKey, Notes};
use crate::store::rows::people::{FeedRow, User};
use crate::store::rows::records::{CheckedSegment, Heard, Push, SegmentVerdict, SignedEntry};
use crate::store::rows::refusals::RulingRow;

/// Times a push is tried when another node wrote the feed meanwhile; each miss is a request of the same person that got through.
const TRIES: usize = 32;

/// An entry that has no place in a feed yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) target: Target,
    pub(crate) role: String,
    pub(crate) cursor: u64,
    pub(crate) intents: Vec<Intent>,
    /// The user's name for the request.
    pub(crate) request: Option<String>,
    /// The values that a sheet gives it.
    pub(crate) sheet: Option<Box<SheetNotes>>,
    /// The ruling it carries out.
    pub(crate) ruling: Option<RulingRow>,
}

/// Notes beside an entry that a sheet caused.
#[derive(Clone, Debug)]
pub(crate) struct SheetNotes {
    /// The name that the sheet has for the record.
    pub(crate) names: Vec<ImportKey>,
    /// A record that is there, and the hashes of what the sheet says of it.
    pub(crate) said: Option<(RecordId, String)>,
    /// The import.
    pub(crate) run: u64,
}

impl Draft {
    /// The draft as entry `n`, made at `at`.
    pub(crate) fn entry(&self, n: u64, at: i64) -> Entry {
        Entry {
            n,
            at,
            cursor: self.cursor,
            role: self.role.clone(),
            target: self.target.clone(),
            intents: self.intents.clone(),
        }
    }
}

/// The feed that the server writes for one user.
pub struct DeskFeed {
    key: SigningKey,
    row: FeedRow,
}

impl DeskFeed {
    /// The user's feed, made known to the store. A restored server has a new epoch and so new feeds. A store in a file has
    /// new ones in each process: what it had that was set back since is never written again under the same number. Nodes
    /// that share a store write one feed.
    pub fn open(service: &Service, user: &User) -> Result<Self, StoreError> {
        let mut seed = Sha256::new();
        seed.update(b"gridledger/desk-feed/v1");
        seed.update(service.identity.desk_seed);
        seed.update(service.identity.epoch.0.to_be_bytes());
        if !service.store.is_shared() {
            seed.update(service.run);
        }
        seed.update(user.no.0.to_be_bytes());
        let key = SigningKey::from_bytes(&seed.finalize().into());
        let public_key = key.verifying_key().to_bytes();
        let feed = FeedId::of_key(&public_key, 0);
        let row = FeedRow {
            feed,
            device: None,
            user: user.no,
            author: user.login.clone(),
            public_key,
            suite: Suite::default(),
            ordinal: 0,
        };
        if service.store.feed(feed)?.is_none() {
            service.store.put_feed(&row)?;
        }
        Ok(Self { key, row })
    }

    /// The feed's id.
    pub fn id(&self) -> FeedId {
        self.row.feed
    }

    /// Appends drafts and has them decided. Expects the user's turn to be held.
    pub(crate) fn push(&self, service: &Service, drafts: Vec<Draft>) -> Result<Vec<DeskVerdict>, StoreError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        if !service.has_room() {
            return Err(StoreError::Busy);
        }
        service.check_sound()?;
        if service.is_gathering()? {
            return Err(StoreError::Recovering);
        }
        let (mut told, mut misses) = (Vec::with_capacity(drafts.len()), 0);
        while told.len() < drafts.len() {
            let left = &drafts[told.len()..];
            let (held, hash) = service.store.feed_head(self.row.feed)?;
            let now = service.trusted_now()?;
            let (segment, notes) = self.sign(held, hash, left, now);
            let push = Push { carrier: None, segments: vec![segment], now };
            let verdict = service.store.push_noting(push, notes)?.into_iter().next();
            let verdict = verdict.ok_or(StoreError::Busy)?;
            match &verdict.stopped {
                None => told.extend(self.verdicts(held, left, &verdict)),
                // The writer has others to serve: the rest is a push of its own.
                Some(stop) if stop.code == Code::Busy && verdict.n > held => {
                    let decided = (verdict.n - held) as usize;
                    told.extend(self.verdicts(held, &left[..decided], &verdict));
                }
                // Another node moved the feed on: look again.
                Some(stop) if matches!(stop.code, Code::FeedGap | Code::FeedForked) && misses < TRIES => {
                    misses += 1;
                }
                Some(_) => return Err(StoreError::Busy),
            }
        }
        Ok(told)
    }

    fn sign(&self, held: u64, mut hash: EntryHash, drafts: &[Draft], at: i64) -> (CheckedSegment, Notes) {
        let (feed, user) = (self.row.feed, self.row.user);
        let (mut entries, mut notes) = (Vec::with_capacity(drafts.len()), Notes::default());
        for (n, draft) in (held + 1..).zip(drafts) {
            let entry = draft.entry(n, at);
            let body = canonical::encode(&entry);
            hash = canonical::hash(self.row.suite, hash, &body);
            entries.push(SignedEntry { entry, body, hash });
            let request = draft.request.clone();
            notes.requests.extend(request.map(|request| (user, request, feed, n)));
            if let Some(sheet) = &draft.sheet {
                let names = sheet.names.iter();
                match &draft.target {
                    Target::Create { .. } => notes.imports.extend(names.map(|name| (*name, feed, n))),
                    Target::Edit { record } => notes.names.extend(names.map(|name| (*name, *record))),
                }
                let said = sheet.said.clone();
                notes.said.extend(said.map(|(record, said)| (record, said, Some((feed, n)))));
                notes.run = Some(sheet.run);
            }
            notes.rulings.extend(
                draft.ruling.clone().map(|ruling| RulingRow { admitted_as: Some((feed, n)), ..ruling }),
            );
        }
        let last = held + drafts.len() as u64;
        let segment = CheckedSegment {
            feed: self.row.clone(),
            entries,
            signature: canonical::sign_segment(self.row.suite, &self.key, feed, last, hash),
            heard: Heard::everything(),
            again: None,
        };
        (segment, notes)
    }

    fn verdicts(&self, held: u64, drafts: &[Draft], verdict: &SegmentVerdict) -> Vec<DeskVerdict> {
        let of = |n: u64, draft: &Draft| {
            let refused =
                verdict.refused.iter().find(|(refused, _)| *refused == n).map(|(_, refusal)| refusal.clone());
            let record = draft.entry(n, 0).record(self.row.feed);
            DeskVerdict { n: Some(n), record: refused.is_none().then_some(record), refused }
        };
        (held + 1..).zip(drafts).map(|(n, draft)| of(n, draft)).collect()
    }
}
