//! The sync: one request, one streamed answer. Opens the envelope, checks every signature before the store is asked,
//! pushes, then pulls.

use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::{Signer as _, VerifyingKey};
use gridledger_core::canonical;
use gridledger_core::wire::envelope::{Envelope, answer_head};
use gridledger_core::wire::frames::{self, ReadRequest};
use gridledger_core::wire::squeeze::{self, Packer, Packing};
use gridledger_core::wire::{RecordNames, WireError, sheet};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::{Frame, Grant, GrantSet, Receipt, Request, Ruling, Segment, Welcome};

use crate::auth::codes;
use crate::given::Bounds;
use crate::lease;
use crate::pull::Pull;
use crate::reading::Reader;
use crate::reads::offline;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::people::{Device, FeedRow, User, UserNo};
use crate::store::records::{CheckedSegment, Heard, Push, SegmentVerdict, SignedEntry};
use crate::store::refusals::RulingRow;

/// Why a sync was not answered with frames.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The bytes are not a request.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The request was refused as a whole.
    #[error("{0}")]
    Refused(Code),
    /// The request counter was used before; the highest the device used.
    #[error("counter {0} was used before")]
    Counter(u64),
    /// The device asks too often; it must wait so long.
    #[error("too often; wait {0:?}")]
    TooOften(Duration),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SyncError {
    /// What a phone needs to know beside the code: the counter used, a limit's name.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Counter(used) => Some(used.to_string()),
            Self::Wire(error) => Some(error.to_string()),
            Self::Refused(_) | Self::TooOften(_) | Self::Store(_) => None,
        }
    }

    /// The stable code to answer with.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(code) => *code,
            Self::Counter(_) => Code::CounterBehind,
            Self::TooOften(_) => Code::RateLimited,
            Self::Wire(WireError::Version(_)) => Code::VersionUnsupported,
            Self::Wire(WireError::Dictionary) => Code::DictionaryUnknown,
            Self::Wire(WireError::TooLarge(_)) => Code::BodyTooLarge,
            Self::Wire(WireError::RecordName { .. }) => Code::RecordUnknown,
            Self::Wire(_) => Code::BadRequest,
            Self::Store(StoreError::Busy) => Code::Busy,
            Self::Store(_) => Code::StoreFailed,
        }
    }
}

/// A sync being answered: frames are made as they are sent.
pub struct Answer {
    ready: Vec<Frame>,
    pull: Pull,
    device: DeviceNo,
    user: UserNo,
    /// The user's grants as the answer tells them.
    grants: Vec<Grant>,
    /// The fingerprint of the territory as the answer tells it.
    territory: u32,
    packing: Packing,
    packer: Option<Packer>,
    budget: usize,
    piece_bytes: usize,
    sent: usize,
    ask_again: bool,
    /// Entries pushed and refused, for the metrics.
    pub counted: (usize, usize),
}

/// The number of a device that has none yet.
const STRANGER: DeviceNo = DeviceNo(0);

/// The zstd level of an answer whose length is not known: columns at 9 come within a few percent of 19.
const ANSWER_LEVEL: i32 = 9;

/// Opens a request, enrols if it asks, decides what it pushes; the pull is made while the answer is sent.
pub fn open(service: &Service, body: &[u8]) -> Result<Answer, SyncError> {
    open_for(service, body, |_| Ok(()))
}

/// Opens a request as [`open`] does, asking `admit` about the device once it is proven and before anything is done for
/// it; an error is how long it must wait.
pub fn open_for(
    service: &Service,
    body: &[u8],
    admit: impl FnOnce(&Device) -> Result<(), Duration>,
) -> Result<Answer, SyncError> {
    let now = service.now();
    let envelope = Envelope::open(body)?;
    let dictionary = dictionary(service, &envelope)?;
    let known = sealed_by(service, &envelope)?;
    // A stranger's is unpacked too: an enrolling device's key is inside. Its own limit bounds it.
    let payload = squeeze::unpack(
        envelope.packing,
        envelope.payload,
        dictionary,
        limits::SYNC_INFLATED_BYTES,
    )?;
    let ReadRequest {
        mut request,
        segments,
    } = frames::read_request(&payload)?;
    request.schema = envelope.schema;
    let mut ready = Vec::new();
    let (device, user) = door(service, &envelope, &request, known, admit, &mut ready)?;
    if request
        .server_epoch
        .is_some_and(|epoch| epoch != service.identity.epoch)
    {
        return Err(SyncError::Refused(Code::ServerEpochChanged));
    }
    let (grants, territory) = (service.store.grants(user.no)?, service.territory()?.1);
    let segments = match segments {
        Some(sheet) => sheet::read_segments(sheet, &Names { service })?,
        None => Vec::new(),
    };
    ready.push(Frame::Time(now));
    // Before everything that a phone without one could not take in.
    if request.lease || request.enrol.is_some() {
        ready.push(Frame::Lease(lease::lease(service, &device, now)));
    }
    let seen_offline = std::mem::take(&mut request.reads);
    ready.extend(offline::keep(service, (&device, &user), seen_offline, now)?.map(Frame::ReadsKept));
    let pushed = segments.iter().map(|s| s.entries.len()).sum();
    let own = own_feeds(&device, &request);
    let receipts = push(service, &device, (&request, &own), segments, now)?;
    let refused = receipts.iter().map(|r| r.refused.len()).sum();
    let ahead = ahead_of(service, &own)?;
    ready.extend(receipts.into_iter().chain(ahead).map(Frame::Receipt));
    if !request.asks.is_empty() {
        let rulings = service.store.ask(user.no, &request.asks, now)?;
        ready.extend(rulings.into_iter().map(ruling));
    }
    let told_anew = news_of_rights(service, &request, (&grants, territory), &mut ready);
    // Only now: what this request brought was made before.
    if !told_anew && device.told < user.rights_cut {
        service.store.note_told(device.no, user.rights_cut)?;
    }
    let reader = Reader::new(service, &user.login, &grants);
    let mut pull = Pull::plan(&reader, &request, own);
    if told_anew {
        pull.tell_areas();
    }
    // The same packing comes back: what the phone used, it can read.
    let packing = if envelope.schema == service.schema.fingerprint() {
        Packing::Dictionary
    } else {
        Packing::Zstd
    };
    let budget = if request.budget == 0 {
        usize::MAX
    } else {
        request.budget as usize
    };
    Ok(Answer {
        ready,
        pull,
        device: device.no,
        user: user.no,
        grants,
        territory,
        packing,
        packer: None,
        budget,
        piece_bytes: if request.budget == 0 { PIECE_BYTES } else { 1 },
        sent: 0,
        ask_again: false,
        counted: (pushed, refused),
    })
}

fn dictionary<'a>(service: &'a Service, envelope: &Envelope<'_>) -> Result<&'a [u8], WireError> {
    let known = envelope.schema == service.schema.fingerprint();
    if envelope.packing == Packing::Dictionary && !known {
        return Err(WireError::Dictionary);
    }
    Ok(service.schema.dictionary())
}

/// Whether a request says that an enrolled device sealed it; who says so is looked at before anything is unpacked.
pub fn names_a_device(body: &[u8]) -> bool {
    Envelope::open(body).is_ok_and(|envelope| envelope.device != STRANGER)
}

/// The device that sealed a request, if it is one with a number; checked before anything is unpacked.
fn sealed_by(service: &Service, envelope: &Envelope<'_>) -> Result<Option<Device>, SyncError> {
    if envelope.device == STRANGER {
        return Ok(None);
    }
    let sealed =
        |device: &Device| VerifyingKey::from_bytes(&device.public_key).is_ok_and(|key| envelope.verify(&key));
    let device = service.store.device(envelope.device)?.filter(sealed);
    let device = device.ok_or(SyncError::Refused(Code::SignatureInvalid))?;
    Ok(Some(device))
}

/// Who is at the door: the device that sealed the request, and its user; enrols a new one.
fn door(
    service: &Service,
    envelope: &Envelope<'_>,
    request: &Request,
    known: Option<Device>,
    admit: impl FnOnce(&Device) -> Result<(), Duration>,
    ready: &mut Vec<Frame>,
) -> Result<(Device, User), SyncError> {
    let refused = |code| Err(SyncError::Refused(code));
    let now = service.now();
    let device = match &request.enrol {
        None => known.ok_or(SyncError::Refused(Code::SignatureInvalid))?,
        Some(enrol) => {
            let key = VerifyingKey::from_bytes(&enrol.public_key);
            if !key.is_ok_and(|key| envelope.verify(&key)) {
                return refused(Code::SignatureInvalid);
            }
            let Some(hash) = codes::hash(&enrol.code) else {
                return refused(Code::CodeInvalid);
            };
            let label: String = enrol.label.chars().take(limits::ITEM_CHARS).collect();
            match service.store.enrol(hash, enrol.public_key, &label, now)? {
                Some(device) => device,
                None => return refused(Code::CodeInvalid),
            }
        }
    };
    if device.revoked {
        return refused(Code::DeviceRevoked);
    }
    let Some(user) = service.store.user(device.user)?.filter(|user| !user.revoked) else {
        return refused(Code::UserRevoked);
    };
    admit(&device).map_err(SyncError::TooOften)?;
    service
        .counters
        .advance(&*service.store, &device, envelope.counter, now)?
        .map_err(SyncError::Counter)?;
    service.counters.save_some(&*service.store, now)?;
    if request.enrol.is_some() {
        ready.push(Frame::Welcome(Welcome {
            device: device.no,
            server_epoch: service.identity.epoch,
            server_key: service.receipt_key.verifying_key().to_bytes(),
            user: user.login.clone(),
            name: user.name.clone(),
        }));
    }
    Ok((device, user))
}

/// The device's feeds, each with the last entry it says it holds.
fn own_feeds(device: &Device, request: &Request) -> Vec<(FeedId, u64)> {
    request
        .own
        .iter()
        .map(|(ordinal, n)| (FeedId::of_key(&device.public_key, *ordinal), *n))
        .collect()
}

/// A receipt for the feed the phone writes, if more of it is decided here than the phone holds: it came back from a backup,
/// and must not write on where it stands.
fn ahead_of(service: &Service, own: &[(FeedId, u64)]) -> Result<Option<Receipt>, StoreError> {
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
        n,
        hash,
        refused: Vec::new(),
        stopped: None,
    };
    Ok(Some(receipt(service, verdict)))
}

struct Names<'a> {
    service: &'a Service,
}

impl RecordNames for Names<'_> {
    fn short(&self, _: RecordId) -> Option<(AreaNo, u64)> {
        None
    }
    fn record(&self, area: AreaNo, created: u64) -> Option<RecordId> {
        self.service.store.record_named(area, created).ok().flatten()
    }
}

/// Checks every segment's chain and signature, has the good ones decided, and signs a receipt for each.
fn push(
    service: &Service,
    device: &Device,
    (request, own): (&Request, &[(FeedId, u64)]),
    segments: Vec<Segment>,
    now: i64,
) -> Result<Vec<Receipt>, SyncError> {
    let mut receipts = Vec::new();
    let mut checked = Vec::new();
    if segments.is_empty() {
        return Ok(receipts);
    }
    if !service.has_room() {
        let full = Refusal::new(Code::Busy, "the disk is nearly full");
        let stopped = |segment: Segment| receipt(service, stopped(segment.feed, full.clone()));
        return Ok(segments.into_iter().map(stopped).collect());
    }
    let given = Arc::new(service.given.meet(&*service.store, device.no, &request.cursors)?);
    for segment in segments {
        let feed = segment.feed;
        match check(service, device, (&given, own), segment)? {
            Ok(segment) => checked.push(segment),
            Err(refusal) => receipts.push(receipt(service, stopped(feed, refusal))),
        }
    }
    if !checked.is_empty() {
        let push = Push {
            carrier: Some(device.no),
            segments: checked,
            now,
        };
        receipts.extend(
            service
                .store
                .push(push)?
                .into_iter()
                .map(|verdict| receipt(service, verdict)),
        );
    }
    Ok(receipts)
}

/// That nothing of a segment was decided, and why.
fn stopped(feed: FeedId, why: Refusal) -> SegmentVerdict {
    SegmentVerdict {
        feed,
        n: 0,
        hash: EntryHash::ZERO,
        refused: Vec::new(),
        stopped: Some(why),
    }
}

/// A segment whose author is known, whose chain joins what the server holds, and whose signature is the author's.
fn check(
    service: &Service,
    carrier: &Device,
    (given, own): (&Arc<Bounds>, &[(FeedId, u64)]),
    segment: Segment,
) -> Result<Result<CheckedSegment, Refusal>, StoreError> {
    let refused = |code, rule: &str| Ok(Err(Refusal::new(code, rule)));
    let Some((feed, told)) = feed_of(service, carrier, segment.feed)? else {
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
    let mut entries = Vec::with_capacity(segment.entries.len());
    for entry in segment.entries {
        let body = canonical::encode(&entry);
        before = canonical::hash(before, &body);
        entries.push(SignedEntry {
            entry,
            body,
            hash: before,
        });
    }
    let last = first + entries.len() as u64 - 1;
    let key = VerifyingKey::from_bytes(&feed.public_key);
    if !key.is_ok_and(|key| canonical::verify_segment(&key, segment.feed, last, before, &segment.signature)) {
        return refused(Code::SignatureInvalid, "the segment is not signed by its author");
    }
    let is_own = feed.device == Some(carrier.no);
    let earlier = own.iter().take_while(|(of, _)| *of != feed.feed);
    let before = if is_own {
        earlier.copied().collect()
    } else {
        Vec::new()
    };
    Ok(Ok(CheckedSegment {
        feed,
        entries,
        signature: segment.signature,
        heard: Heard {
            told,
            given: is_own.then(|| given.clone()),
            before,
        },
    }))
}

/// The feed's row, and the latest cut of its author's rights that its device was told of. A carrier's own new feed is
/// made known.
fn feed_of(service: &Service, carrier: &Device, feed: FeedId) -> Result<Option<(FeedRow, i64)>, StoreError> {
    if let Some(row) = service.store.feed(feed)? {
        let device = row
            .device
            .map(|no| service.store.device(no))
            .transpose()?
            .flatten();
        let told = device.as_ref().map_or(i64::MAX, |device| device.told);
        return Ok(device.is_none_or(|d| !d.revoked).then_some((row, told)));
    }
    let Some(ordinal) = (0..limits::DEVICE_FEEDS).find(|&o| FeedId::of_key(&carrier.public_key, o) == feed)
    else {
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
        ordinal,
    };
    service.store.put_feed(&row)?;
    Ok(Some((row, carrier.told)))
}

fn ruling(row: RulingRow) -> Frame {
    Frame::Ruling(Ruling {
        feed: row.feed,
        n: row.n,
        admitted: row.admitted_as.is_some(),
        by: row.by,
        at: row.at,
        note: row.note,
    })
}

fn receipt(service: &Service, verdict: SegmentVerdict) -> Receipt {
    let SegmentVerdict {
        feed,
        n,
        hash,
        refused,
        stopped,
    } = verdict;
    let mut receipt = Receipt {
        feed,
        n,
        hash,
        refused,
        stopped,
        signature: [0; 64],
    };
    let message = gridledger_core::receipt::message(service.identity.epoch, &receipt);
    receipt.signature = service.receipt_key.sign(&message).to_bytes();
    receipt
}

/// The user's rights and the schema set travel only when the phone's are others. Whether the rights did: then the areas
/// held are told of as well, for the territory may have changed.
fn news_of_rights(
    service: &Service,
    request: &Request,
    (grants, territory): (&[Grant], u32),
    ready: &mut Vec<Frame>,
) -> bool {
    let set = GrantSet {
        grants: grants.to_vec(),
        territory,
    };
    let changed = gridledger_core::receipt::grants_fingerprint(&set) != request.grants;
    if changed {
        ready.push(Frame::Grants(set));
    }
    if request.schema != service.schema.fingerprint() {
        ready.push(Frame::Schema(service.schema.bundle().to_owned()));
    }
    changed
}

/// Bytes of frames gathered before a piece is sent; a phone that named a budget gets every frame by itself.
const PIECE_BYTES: usize = 32 << 10;

impl Answer {
    /// The next bytes to send, and whether they are the last.
    pub fn next(&mut self, service: &Service) -> Result<(Vec<u8>, bool), StoreError> {
        let mut piece: Vec<u8> = std::mem::take(&mut self.ready)
            .iter()
            .flat_map(frames::write_frame)
            .collect();
        let last = self.gather(service, &mut piece)?;
        let out = match (self.packer.take(), last) {
            (None, true) => self.whole(service, &piece),
            (None, false) => {
                let mut out = answer_head(self.packing).to_vec();
                let mut packer = Packer::new(self.packing, service.schema.dictionary(), ANSWER_LEVEL);
                out.extend(packer.push(&piece));
                out.extend(packer.flush());
                self.packer = Some(packer);
                out
            }
            (Some(mut packer), true) => {
                let mut out = packer.push(&piece);
                out.extend(packer.finish());
                out
            }
            (Some(mut packer), false) => {
                let mut out = packer.push(&piece);
                out.extend(packer.flush());
                self.packer = Some(packer);
                out
            }
        };
        self.sent += out.len();
        Ok((out, last))
    }

    /// Gathers frames until there are enough for a piece; `true` when the last is among them.
    fn gather(&mut self, service: &Service, piece: &mut Vec<u8>) -> Result<bool, StoreError> {
        while piece.len() < self.piece_bytes {
            let full = self.sent >= self.budget;
            let next = if full { None } else { self.pull.next(service)? };
            let Some(frame) = self.still_true(service, next)? else {
                let more = full || self.ask_again;
                piece.extend(frames::write_frame(&Frame::End { more }));
                return Ok(true);
            };
            piece.extend(frames::write_frame(&frame));
        }
        Ok(false)
    }

    /// News of an area, unless the user's rights changed since they were told: whoever holds a log up to an event of
    /// rights was told of it. The phone then asks again.
    fn still_true(&mut self, service: &Service, next: Option<Frame>) -> Result<Option<Frame>, StoreError> {
        let Some(Frame::Delta(delta)) = &next else {
            return Ok(next);
        };
        if service.store.grants(self.user)? != self.grants || service.territory()?.1 != self.territory {
            self.ask_again = true;
            return Ok(None);
        }
        let to = delta.to;
        service
            .given
            .give(&*service.store, self.device, to.area, to.reached)?;
        Ok(next)
    }

    /// A whole answer in one piece, packed whichever way is shortest.
    fn whole(&self, service: &Service, piece: &[u8]) -> Vec<u8> {
        let dictionary = (self.packing == Packing::Dictionary).then(|| service.schema.dictionary());
        let (packing, packed) = squeeze::pack(piece, dictionary);
        [&answer_head(packing)[..], &packed].concat()
    }
}
