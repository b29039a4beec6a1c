//! The answer to a sync: frames, made while they are sent.

use gridledger_core::wire::envelope::answer_head;
use gridledger_core::wire::frames;
use gridledger_core::wire::squeeze::{self, Packer, Packing};
use gridledger_schema::ids::DeviceNo;
use gridledger_schema::wire::{Frame, Grant, OLDEST_PROTOCOL};

use crate::service::Service;
use crate::service::answers::Answering;
use crate::store::StoreError;
use crate::sync::arrived::Arrived;
use crate::sync::pull::Pull;

/// The zstd level of an answer whose length is not known: columns at 9 come within a few percent of 19.
const ANSWER_LEVEL: i32 = 9;

/// A sync being answered.
pub struct Answer {
    ready: Vec<Frame>,
    told: Told,
    device: DeviceNo,
    answering: Answering,
    /// The counter of the request that is answered.
    counter: u64,
    /// The first two bytes: the request's version, and how the answer is packed.
    version: u8,
    packing: Packing,
    packer: Option<Packer>,
    /// Bytes sent so far.
    sent: usize,
}

/// The part of an answer after its first frames, and the rights under which it is told.
pub(super) struct Told {
    pub(super) pull: Pull,
    /// The user's grants as the answer tells them.
    pub(super) grants: Vec<Grant>,
    /// The fingerprint of the territory as the answer tells it.
    pub(super) territory: u32,
    /// Bytes after which the answer ends and the phone asks again.
    pub(super) budget: usize,
    /// Bytes of frames gathered before a piece is sent.
    pub(super) piece_bytes: usize,
    /// Whether the phone is to ask again at once.
    pub(super) asks_again: bool,
    pub(super) counted: Counted,
}

/// Entries of a request, for the metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Entries pushed.
    pub pushed: usize,
    /// Refused ones among them.
    pub refused: usize,
}

impl Told {
    /// Nothing but that the phone is to ask again.
    pub(super) fn nothing() -> Self {
        Self {
            pull: Pull::default(),
            grants: Vec::new(),
            territory: 0,
            budget: usize::MAX,
            piece_bytes: PIECE_BYTES,
            asks_again: true,
            counted: Counted::default(),
        }
    }
}

/// Bytes of frames gathered before a piece is sent; a phone that named a budget gets every frame by itself.
pub(super) const PIECE_BYTES: usize = 32 << 10;

impl Answer {
    /// An answer that begins with frames that are ready, and goes on with what `told` says.
    pub(super) fn begin(
        request: &Arrived<'_>,
        device: DeviceNo,
        answering: Answering,
        ready: Vec<Frame>,
        told: Told,
    ) -> Self {
        Self {
            ready,
            told,
            device,
            answering,
            counter: request.counter,
            version: request.version,
            packing: request.packing,
            packer: None,
            sent: 0,
        }
    }

    /// The entries that the request pushed, and the refused ones among them.
    pub fn counted(&self) -> Counted {
        self.told.counted
    }

    /// The next bytes to send, and whether they are the last.
    pub fn next(&mut self, service: &Service) -> Result<(Vec<u8>, bool), StoreError> {
        let mut piece: Vec<u8> =
            std::mem::take(&mut self.ready).iter().flat_map(frames::write_frame).collect();
        let last = self.gather_frames(service, &mut piece)?;
        let out = match (self.packer.take(), last) {
            (None, true) => self.pack_whole(service, &piece),
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
    fn gather_frames(&mut self, service: &Service, piece: &mut Vec<u8>) -> Result<bool, StoreError> {
        while piece.len() < self.told.piece_bytes {
            let full = self.sent >= self.told.budget;
            let next = if full { None } else { self.told.pull.next(service)? };
            let Some(mut frame) = self.check_still_true(service, next)? else {
                let more = full || self.told.asks_again;
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
    fn check_still_true(
        &mut self,
        service: &Service,
        next: Option<Frame>,
    ) -> Result<Option<Frame>, StoreError> {
        let Some(Frame::Delta(delta)) = &next else {
            return Ok(next);
        };
        let admission = service.store.admission(self.device)?;
        let admission = admission.filter(|admission| admission.is_in && admission.counter <= self.counter);
        let stands = match admission {
            _ if !self.told.pull.holds(service.now()) => false,
            Some(admission) if self.answering.is_last() && admission.grants == self.told.grants => {
                service.territory_of(admission.territory)?.1 == self.told.territory
            }
            _ => false,
        };
        if !stands {
            self.told.asks_again = true;
            return Ok(None);
        }
        let to = delta.to;
        service.given.give(&service.store, self.device, to.area, to.reached)?;
        let sent = self.told.pull.take_sent();
        service.given.send(&service.store, self.device, &sent)?;
        Ok(next)
    }

    /// A whole answer in one piece, packed whichever way is shortest.
    fn pack_whole(&self, service: &Service, piece: &[u8]) -> Vec<u8> {
        let dictionary = (self.packing == Packing::Dictionary).then(|| service.schema.dictionary());
        let (packing, packed) = squeeze::pack(piece, dictionary);
        [&answer_head(self.version, packing)[..], &packed].concat()
    }
}
