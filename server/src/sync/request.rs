//! The sync: one request, one streamed answer. Opens the envelope, checks every signature before the store is asked,
//! pushes, then pulls.

use std::cell::RefCell;
use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use gridledger_core::wire::envelope::{Envelope, answer_head};
use gridledger_core::wire::frames::{self, ReadRequest};
use gridledger_core::wire::squeeze::{self, Packer, Packing};
use gridledger_core::wire::{RecordNames, WireError, sheet};
use gridledger_schema::code::Code;
use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::{Frame, Grant, GrantSet, OLDEST_PROTOCOL, Request, Ruling, Segment, Welcome};

use crate::auth::codes;
use crate::rights::reader::Reader;
use crate::service::Service;
use crate::service::answers::Answering;
use crate::store::StoreError;
use crate::store::rows::people::{Device, User};
use crate::store::rows::refusals::RulingRow;
use crate::sync::error::SyncError;
use crate::sync::lease;
use crate::sync::offline_reads as offline;
use crate::sync::pull::Pull;
use crate::sync::recovery;
use crate::sync::segments::{Pushed, ahead_of, push};
use crate::sync::set_back;

/// A sync being answered: frames are made as they are sent.
pub struct Answer {
    ready: Vec<Frame>,
    pull: Pull,
    device: DeviceNo,
    answering: Answering,
    /// The counter of the request that is answered.
    counter: u64,
    /// The user's grants as the answer tells them.
    grants: Vec<Grant>,
    /// The fingerprint of the territory as the answer tells it.
    territory: u32,
    /// The first two bytes: the request's version, and how the answer is packed.
    version: u8,
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
    let envelope = Envelope::open(body)?;
    let dictionary = dictionary(service, &envelope)?;
    let known = sealed_by(service, &envelope)?;
    if let Some(device) = &known {
        service.hear_clock(device, envelope.counter)?;
    }
    // Without a clock nothing is judged, and nothing told: a phone would believe it.
    let now = service.trusted_now()?;
    let mut admit = Some(admit);
    if let Some(device) = known.as_ref().filter(|device| !device.revoked)
        && let Some(admit) = admit.take()
    {
        admit(device).map_err(SyncError::TooOften)?;
    }
    let opening = known.as_ref().map(|device| service.answers.open(device.no));
    if matches!(opening, Some(None)) {
        return Err(SyncError::Refused(Code::Busy));
    }
    // A stranger's is unpacked too: an enrolling device's key is inside. A small limit of its own bounds it.
    let most = match known {
        Some(_) => limits::SYNC_INFLATED_BYTES,
        None => limits::STRANGER_INFLATED_BYTES,
    };
    let payload = squeeze::unpack(envelope.packing, envelope.payload, dictionary, most)?;
    let ReadRequest { mut request, segments } = frames::read_request(&payload)?;
    request.schema = envelope.schema;
    let mut ready = Vec::new();
    let (device, user) = door(service, (&envelope, now), &request, known, admit, &mut ready)?;
    let answering = service.answers.answer(device.no);
    let own = own_feeds(&device, &request);
    let packing = packing_of(service, &envelope);
    let version = envelope.version;
    set_back::look(service, &device, &request)?;
    if request.server_epoch.is_some_and(|epoch| epoch != service.identity.epoch) {
        let notice = recovery::notice(service, version, &request, &own)?;
        let notice = notice.ok_or(SyncError::Refused(Code::ServerEpochChanged))?;
        ready.push(Frame::Restored(notice));
        return Ok(Answer::of_notice((&device, answering), ready, (version, packing)));
    }
    let (grants, territory) = (service.store.grants(user.no)?, service.territory()?.1);
    let segments = match segments {
        Some(sheet) => Names::new(service).read(version, sheet)?,
        None => Vec::new(),
    };
    ready.push(Frame::Time { at: now, epoch: service.identity.epoch });
    // Before everything that a phone without one could not take in.
    if request.lease || request.enrol.is_some() {
        ready.push(Frame::Lease(lease::lease(service, &device, now)));
    }
    let seen_offline = std::mem::take(&mut request.reads);
    ready.extend(offline::keep(service, (&device, &user), seen_offline, now)?.map(Frame::ReadsKept));
    let pushed = segments.iter().map(|s| s.entries.len()).sum();
    let reader = Reader::new(service, &user.login, &grants);
    let known = (version, &request, &own[..]);
    let Pushed { receipts, times } = push(service, (&reader, &device), known, segments, now)?;
    let refused = receipts.iter().map(|r| r.refused.len()).sum();
    // What was not decided comes again.
    let waits = receipts.iter().any(|receipt| receipt.stopped.is_some());
    let phase = recovery::note(service, (&reader, &device), &request, &receipts, &own)?;
    if request.recovery.is_some() && service.restore().is_some() {
        ready.push(Frame::Recovery(phase));
    }
    let ahead = ahead_of(service, version, &own)?;
    ready.extend(times.into_iter().map(Frame::Times));
    ready.extend(receipts.into_iter().chain(ahead).map(Frame::Receipt));
    if !request.asks.is_empty() {
        let rulings = service.store.ask(user.no, &request.asks, now)?;
        ready.extend(rulings.into_iter().map(ruling));
    }
    let told_anew = news_of_rights(service, &request, (&grants, territory), &mut ready);
    // Only now: what this request brought was made before. What waits comes again.
    if !told_anew && !waits && device.told < user.rights_cut {
        service.store.note_told(device.no, user.rights_cut)?;
    }
    let mut pull = Pull::plan(&reader, &request, own);
    if told_anew {
        pull.tell_areas();
    }
    let budget = if request.budget == 0 { usize::MAX } else { request.budget as usize };
    Ok(Answer {
        ready,
        pull,
        device: device.no,
        answering,
        counter: envelope.counter,
        grants,
        territory,
        version,
        packing,
        packer: None,
        budget,
        piece_bytes: if request.budget == 0 { PIECE_BYTES } else { 1 },
        sent: 0,
        ask_again: false,
        counted: (pushed, refused),
    })
}

/// The same packing comes back: what the phone used, it can read.
fn packing_of(service: &Service, envelope: &Envelope<'_>) -> Packing {
    if envelope.schema == service.schema.fingerprint() { Packing::Dictionary } else { Packing::Zstd }
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

/// Whether the first bytes of a request say that nobody who is known sealed it.
pub fn begins_as_stranger(begins: &[u8]) -> bool {
    gridledger_core::wire::envelope::device_of(begins) == Some(STRANGER)
}

/// The device that sealed a request, if it is one with a number; checked before anything is unpacked.
fn sealed_by(service: &Service, envelope: &Envelope<'_>) -> Result<Option<Device>, SyncError> {
    if envelope.device == STRANGER {
        return Ok(None);
    }
    let sealed = |device: &Device| {
        let key = VerifyingKey::from_bytes(&device.public_key);
        device.suite == envelope.suite && key.is_ok_and(|key| envelope.verify(&key))
    };
    let device = service.store.device(envelope.device)?.filter(sealed);
    if device.is_none() && service.restore().is_some() {
        // One that was enrolled since the backup; its number may have been given again.
        return Err(SyncError::Refused(Code::DeviceUnknown));
    }
    let device = device.ok_or(SyncError::Refused(Code::SignatureInvalid))?;
    Ok(Some(device))
}

/// Who is at the door: the device that sealed the request, and its user; enrols a new one.
fn door(
    service: &Service,
    (envelope, now): (&Envelope<'_>, i64),
    request: &Request,
    known: Option<Device>,
    admit: Option<impl FnOnce(&Device) -> Result<(), Duration>>,
    ready: &mut Vec<Frame>,
) -> Result<(Device, User), SyncError> {
    let refused = |code| Err(SyncError::Refused(code));
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
            let key = (enrol.public_key, envelope.suite);
            match service.store.enrol(hash, key, &label, now)? {
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
    if let Some(admit) = admit {
        admit(&device).map_err(SyncError::TooOften)?;
    }
    service.counters.advance(&*service.store, &device, envelope.counter, now)?.map_err(SyncError::Counter)?;
    service.counters.save_some(&*service.store, now)?;
    if request.enrol.is_some() {
        ready.push(Frame::Welcome(Welcome {
            suite: service.suite_of(envelope.version),
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
    request.own.iter().map(|(ordinal, n)| (FeedId::of_key(&device.public_key, *ordinal), *n)).collect()
}

/// Looks short names up. A store that failed is no name that means nothing.
struct Names<'a> {
    service: &'a Service,
    failed: RefCell<Option<StoreError>>,
}

impl<'a> Names<'a> {
    fn new(service: &'a Service) -> Self {
        let failed = RefCell::default();
        Self { service, failed }
    }

    /// Reads the segments of a push.
    fn read(self, version: u8, sheet: &[u8]) -> Result<Vec<Segment>, SyncError> {
        let read = sheet::read_segments(version, sheet, &self);
        match self.failed.into_inner() {
            Some(error) => Err(error.into()),
            None => Ok(read?),
        }
    }
}

impl RecordNames for Names<'_> {
    fn short(&self, _: RecordId) -> Option<(AreaNo, u64)> {
        None
    }
    fn record(&self, area: AreaNo, created: u64) -> Option<RecordId> {
        match self.service.store.record_named(area, created) {
            Ok(found) => found,
            Err(error) => {
                *self.failed.borrow_mut() = Some(error);
                None
            }
        }
    }
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

/// The user's rights and the schema set travel only when the phone's are others. Whether the rights did: then the areas
/// held are told of as well, for the territory may have changed.
fn news_of_rights(
    service: &Service,
    request: &Request,
    (grants, territory): (&[Grant], u32),
    ready: &mut Vec<Frame>,
) -> bool {
    let set = GrantSet { grants: grants.to_vec(), territory };
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
    /// An answer that only says that the store is another generation; the phone asks again.
    fn of_notice(
        (device, answering): (&Device, Answering),
        ready: Vec<Frame>,
        (version, packing): (u8, Packing),
    ) -> Self {
        Self {
            ready,
            pull: Pull::default(),
            device: device.no,
            answering,
            counter: 0,
            grants: Vec::new(),
            territory: 0,
            version,
            packing,
            packer: None,
            budget: usize::MAX,
            piece_bytes: PIECE_BYTES,
            sent: 0,
            ask_again: true,
            counted: (0, 0),
        }
    }

    /// The next bytes to send, and whether they are the last.
    pub fn next(&mut self, service: &Service) -> Result<(Vec<u8>, bool), StoreError> {
        let mut piece: Vec<u8> =
            std::mem::take(&mut self.ready).iter().flat_map(frames::write_frame).collect();
        let last = self.gather(service, &mut piece)?;
        let out = match (self.packer.take(), last) {
            (None, true) => self.whole(service, &piece),
            (None, false) => {
                let mut out = answer_head(self.version, self.packing).to_vec();
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
            let Some(mut frame) = self.still_true(service, next)? else {
                let more = full || self.ask_again;
                piece.extend(frames::write_frame(&Frame::End { more }));
                return Ok(true);
            };
            if let Frame::Delta(delta) = &mut frame
                && self.version == OLDEST_PROTOCOL
            {
                // An app of before knows of no marks.
                delta.mark = 0;
            }
            piece.extend(frames::write_frame(&frame));
        }
        Ok(false)
    }

    /// News of an area, unless the phone is not let in any more, has asked again, or its user's rights changed since they were
    /// told, or a date came at which they change: whoever holds a log up to an event of rights was told of it. The phone then asks again.
    fn still_true(&mut self, service: &Service, next: Option<Frame>) -> Result<Option<Frame>, StoreError> {
        let Some(Frame::Delta(delta)) = &next else {
            return Ok(next);
        };
        let admission = service.store.admission(self.device)?;
        let admission = admission.filter(|admission| admission.is_in && admission.counter <= self.counter);
        let stands = match admission {
            _ if !self.pull.holds(service.now()) => false,
            Some(admission) if self.answering.is_last() && admission.grants == self.grants => {
                service.territory_of(admission.territory)?.1 == self.territory
            }
            _ => false,
        };
        if !stands {
            self.ask_again = true;
            return Ok(None);
        }
        let to = delta.to;
        service.given.give(&*service.store, self.device, to.area, to.reached)?;
        let sent = self.pull.take_sent();
        service.given.send(&*service.store, self.device, &sent)?;
        Ok(next)
    }

    /// A whole answer in one piece, packed whichever way is shortest.
    fn whole(&self, service: &Service, piece: &[u8]) -> Vec<u8> {
        let dictionary = (self.packing == Packing::Dictionary).then(|| service.schema.dictionary());
        let (packing, packed) = squeeze::pack(piece, dictionary);
        [&answer_head(self.version, packing)[..], &packed].concat()
    }
}
