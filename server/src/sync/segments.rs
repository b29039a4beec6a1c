//! A request's segments: whose they are, whether their chains join and are signed, what is known of them from before a
//! restore; and the receipts for them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use gridledger_core::canonical;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Target;
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::{OLDEST_PROTOCOL, Receipt, Recovery, RecoveryPhase, Request, Segment, Times};

use crate::faults;
use crate::rights::reader::Reader;
use crate::rights::reader::reads_parts;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::nodes::{Bounds, Sent};
use crate::store::rows::people::{Device, FeedRow};
use crate::store::rows::records::{CheckedSegment, Heard, Push, SegmentVerdict, SignedEntry};
use crate::sync::error::SyncError;
use crate::sync::recovery;

/// Checks every segment's chain and signature, has the good ones decided, and signs a receipt for each.
pub fn push(
    service: &Service,
    (reader, device): (&Reader<'_>, &Device),
    (version, request, own): (u8, &Request, &[(FeedId, u64)]),
    segments: Vec<Segment>,
    now: i64,
) -> Result<Pushed, SyncError> {
    let mut pushed = Pushed::default();
    let mut checked = Vec::new();
    if segments.is_empty() {
        return Ok(pushed);
    }
    if has_doubles(&segments) {
        return Err(SyncError::Refused(Code::BadRequest));
    }
    if !service.has_room() {
        let full = Refusal::new(Code::Busy, "the disk is nearly full");
        let none = |segment: Segment| receipt(service, version, stopped(&segment, full.clone()));
        pushed.receipts = segments.into_iter().map(none).collect();
        return Ok(pushed);
    }
    let given = given(service, (reader, device), &segments)?;
    let brought = Brought::of(service, request)?;
    let first_shown = segments[0].entries.first().map(|entry| entry.n);
    let planted = first_shown.filter(|_| faults::is_planted("08"));
    let mut bytes = 0;
    for segment in segments {
        let nothing = stopped(&segment, Refusal::new(Code::BadRequest, ""));
        let known = (&given, (&*request.own, own), brought.as_ref());
        match check(service, device, known, segment)? {
            Ok(mut segment) => {
                // An app of before does not know how: what it brings is taken as it is.
                segment.heard.corrects &= version > OLDEST_PROTOCOL;
                bytes += segment.entries.iter().map(|signed| signed.body.len()).sum::<usize>();
                if bytes <= limits::PUSH_BYTES {
                    checked.push(segment);
                } else {
                    let rule = format!("at most {} bytes of entries a request", limits::PUSH_BYTES);
                    let stopped = Some(Refusal::new(Code::BodyTooLarge, rule));
                    pushed.receipts.push(receipt(service, version, SegmentVerdict { stopped, ..nothing }));
                }
            }
            Err(refusal) => {
                let stopped = Some(refusal);
                pushed.receipts.push(receipt(service, version, SegmentVerdict { stopped, ..nothing }));
            }
        }
    }
    if !checked.is_empty() {
        let push = Push { carrier: Some(device.no), segments: checked, now };
        let mut verdicts = service.store.push(push)?;
        if let Some(first) = planted {
            for verdict in &mut verdicts {
                verdict.first = first;
            }
        }
        for mut verdict in verdicts {
            let (feed, n, at) = (verdict.feed, verdict.n, std::mem::take(&mut verdict.times));
            if !at.is_empty() {
                pushed.times.push(Times { feed, n, at });
            }
            pushed.receipts.push(receipt(service, version, verdict));
        }
    }
    Ok(pushed)
}

/// The outcome of a request's segments.
#[derive(Default)]
pub struct Pushed {
    /// A receipt for each.
    pub receipts: Vec<Receipt>,
    /// The times of entries that were decided under others than they came with.
    pub times: Vec<Times>,
}

/// Whether a request brings two segments of one feed. Each would be judged alone, and a receipt speaks of one stretch.
fn has_doubles(segments: &[Segment]) -> bool {
    let feeds: BTreeSet<FeedId> = segments.iter().map(|segment| segment.feed).collect();
    feeds.len() < segments.len() && !faults::is_planted("08")
}

/// The positions that a device was given: of the areas that it may read, and of records where it reads only some of an area's.
fn given(
    service: &Service,
    (reader, device): (&Reader<'_>, &Device),
    segments: &[Segment],
) -> Result<(Arc<Bounds>, Arc<Sent>), StoreError> {
    let allowed = reader.rights().areas(reader.now);
    // An area that the phone says nothing of is met as well: what is claimed of it later is bounded.
    let bounds = service.given.meet(&service.store, device.no, &allowed)?;
    let mut sent = Sent::new();
    if reads_parts(&service.schema, reader.grants()) {
        let entries = segments.iter().flat_map(|segment| &segment.entries);
        let edited = entries.filter_map(|entry| match entry.target {
            Target::Edit { record } => Some(record),
            Target::Create { .. } => None,
        });
        let records: BTreeSet<RecordId> = edited.collect();
        let records: Vec<RecordId> = records.into_iter().collect();
        sent = service.given.sent(&service.store, device.no, &records)?;
    }
    Ok((Arc::new(bounds), Arc::new(sent)))
}

/// The feeds that a request names as its device's own: by ordinal, and in the same order by id.
type OwnFeeds<'a> = (&'a [(u32, u64)], &'a [(FeedId, u64)]);

/// That nothing of a segment was decided, and why.
fn stopped(segment: &Segment, why: Refusal) -> SegmentVerdict {
    SegmentVerdict {
        feed: segment.feed,
        first: segment.entries.first().map_or(1, |entry| entry.n),
        n: 0,
        hash: EntryHash::ZERO,
        refused: Vec::new(),
        times: Vec::new(),
        stopped: Some(why),
    }
}

/// A segment whose author is known, whose chain joins what the server holds, and whose signature is the author's.
fn check(
    service: &Service,
    carrier: &Device,
    ((given, sent), (ordinals, own), brought): (
        &(Arc<Bounds>, Arc<Sent>),
        OwnFeeds<'_>,
        Option<&Brought<'_>>,
    ),
    segment: Segment,
) -> Result<Result<CheckedSegment, Refusal>, StoreError> {
    let refused = |code, rule: &str| Ok(Err(Refusal::new(code, rule)));
    let Some((feed, told)) = feed_of(service, carrier, (ordinals, own), segment.feed)? else {
        return refused(Code::FeedUnknown, "no enrolled device writes this feed");
    };
    let Some(first) = segment.entries.first().map(|e| e.n) else {
        return refused(Code::BadRequest, "an empty segment");
    };
    let Some(mut before) = service.store.entry_hash(segment.feed, first - 1)? else {
        return refused(Code::FeedGap, "the entry before is not here");
    };
    if before.0[..8] != segment.before {
        return refused(Code::FeedForked, "the entry before was another");
    }
    if segment.suite != feed.suite {
        return refused(Code::SuiteUnknown, "the feed is of another suite");
    }
    let is_own = feed.device == Some(carrier.no);
    let mut entries = Vec::with_capacity(segment.entries.len());
    // Only its own device says that an entry lost what it said: nobody else may take words out of a feed.
    let emptied: BTreeMap<u64, EntryHash> = brought
        .filter(|_| is_own)
        .into_iter()
        .flat_map(|b| recovery::emptied(b.recovery, feed.feed))
        .collect();
    for entry in segment.entries {
        let (body, hash) = if let Some(hash) = emptied.get(&entry.n) {
            (Vec::new(), *hash)
        } else {
            let body = canonical::encode(&entry);
            let hash = canonical::hash(feed.suite, before, &body);
            (body, hash)
        };
        before = hash;
        entries.push(SignedEntry { entry, body, hash: before });
    }
    let last = first + entries.len() as u64 - 1;
    let key = VerifyingKey::from_bytes(&feed.public_key);
    if !key.is_ok_and(|key| {
        canonical::verify_segment(feed.suite, &key, segment.feed, last, before, &segment.signature)
    }) {
        return refused(Code::SignatureInvalid, "the segment is not signed by its author");
    }
    let emptied: BTreeSet<u64> = emptied.into_keys().collect();
    let again = brought
        .map(|b| recovery::again(service, b.phase, b.recovery, (feed.feed, &emptied), &entries))
        .transpose()?;
    if again.as_ref().is_some_and(|again| !again.is_bound(first)) {
        return refused(
            Code::SignatureInvalid,
            "nothing binds the entries before one that lost what it said",
        );
    }
    let earlier = own.iter().take_while(|(of, _)| *of != feed.feed);
    let before = if is_own { earlier.copied().collect() } else { Vec::new() };
    Ok(Ok(CheckedSegment {
        again: again.map(Arc::new),
        feed,
        entries,
        signature: segment.signature,
        heard: Heard {
            told,
            given: is_own.then(|| given.clone()),
            sent: if is_own { sent.clone() } else { Arc::default() },
            before,
            corrects: is_own,
        },
    }))
}

/// The feed's row, and the latest cut of its author's rights that its device was told of. A carrier's own new feed is
/// made known.
fn feed_of(
    service: &Service,
    carrier: &Device,
    (ordinals, own): OwnFeeds<'_>,
    feed: FeedId,
) -> Result<Option<(FeedRow, i64)>, StoreError> {
    if let Some(row) = service.store.feed(feed)? {
        let device = row.device.map(|no| service.store.device(no)).transpose()?.flatten();
        let told = device.as_ref().map_or(i64::MAX, |device| device.told);
        return Ok(device.is_none_or(|d| !d.revoked).then_some((row, told)));
    }
    let named = own.iter().position(|(of, _)| *of == feed);
    let named = named.and_then(|place| ordinals.get(place)).map(|(ordinal, _)| *ordinal);
    let usual = || (0..limits::DEVICE_FEEDS).find(|&o| FeedId::of_key(&carrier.public_key, o) == feed);
    let Some(ordinal) = named.or_else(usual).filter(|ordinal| *ordinal < limits::DEVICE_FORKS) else {
        return Ok(None);
    };
    let Some(user) = service.store.user(carrier.user)? else {
        return Ok(None);
    };
    let row = FeedRow {
        feed,
        device: Some(carrier.no),
        user: user.no,
        author: user.login,
        public_key: carrier.public_key,
        suite: carrier.suite,
        ordinal,
    };
    service.store.put_feed(&row)?;
    Ok(Some((row, carrier.told)))
}

/// The part of a request, besides its segments, for a server that was restored.
struct Brought<'a> {
    recovery: &'a Recovery,
    phase: RecoveryPhase,
}

impl<'a> Brought<'a> {
    fn of(service: &Service, request: &'a Request) -> Result<Option<Self>, StoreError> {
        const NOTHING: &Recovery = &Recovery {
            receipts: Vec::new(),
            seen: Vec::new(),
            emptied: Vec::new(),
            left: 0,
            missing: Vec::new(),
        };
        if service.restore().is_none() {
            return Ok(None);
        }
        let phase = service.recovery_phase()?;
        let recovery = request.recovery.as_ref();
        let concerned = recovery.is_some() || phase != RecoveryPhase::Over;
        Ok(concerned.then_some(Self { recovery: recovery.unwrap_or(NOTHING), phase }))
    }
}

/// The server's word on a segment, in the form of the request's protocol version.
fn receipt(service: &Service, version: u8, verdict: SegmentVerdict) -> Receipt {
    let SegmentVerdict { feed, first, n, hash, refused, times: _, stopped } = verdict;
    let mut receipt = Receipt {
        suite: service.suite_of(version),
        feed,
        first,
        n,
        hash,
        refused,
        stopped,
        signature: [0; 64],
    };
    gridledger_core::receipt::sign(&service.receipt_key, service.identity.epoch, &mut receipt);
    receipt
}

/// A receipt for the feed the phone writes, if more of it is decided here than the phone holds: it came back from a backup,
/// and must not write on where it stands.
pub fn ahead_of(
    service: &Service,
    version: u8,
    own: &[(FeedId, u64)],
) -> Result<Option<Receipt>, StoreError> {
    // The feeds before the last are not written any more.
    let Some((feed, held)) = own.last() else {
        return Ok(None);
    };
    let (n, hash) = service.store.feed_head(*feed)?;
    if n <= *held {
        return Ok(None);
    }
    let verdict = SegmentVerdict {
        feed: *feed,
        // It tells of no entry.
        first: n + 1,
        n,
        hash,
        refused: Vec::new(),
        times: Vec::new(),
        stopped: None,
    };
    Ok(Some(receipt(service, version, verdict)))
}
