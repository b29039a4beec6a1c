//! The third stage of a sync: everything that the request brought is decided and durable.

use gridledger_schema::wire::{Frame, Grant, GrantSet, Request, Ruling};

use crate::rights::reader::Reader;
use crate::service::Service;
use crate::store::rows::refusals::RulingRow;
use crate::sync::admitted::Admitted;
use crate::sync::answer::{Answer, Counted, PIECE_BYTES, Told};
use crate::sync::error::SyncError;
use crate::sync::names::read_segments;
use crate::sync::pull::Pull;
use crate::sync::segments::{Pushed, ahead_of, push};
use crate::sync::{lease, phone_read_log, recovery};

/// A request of which everything was decided.
pub(super) struct Decided<'a> {
    admitted: Admitted<'a>,
    grants: Vec<Grant>,
    /// The fingerprint of the territory.
    territory: u32,
    counted: Counted,
    /// Whether something was not decided, and comes again.
    waits: bool,
}

impl<'a> Decided<'a> {
    /// Decides what a request brings: read-log rows, entries, what it says of a recovery, questions about refused entries.
    /// The frames that tell of it stand in the order in which a phone can take them in: the lease comes first, since a phone
    /// without one cannot take in the rest.
    pub(super) fn decide(mut admitted: Admitted<'a>) -> Result<Self, SyncError> {
        let (service, now, version) =
            (admitted.arrived.service, admitted.arrived.now, admitted.arrived.version);
        let (grants, territory) = (service.store.grants(admitted.user.no)?, service.territory()?.1);
        let segments = match admitted.segments {
            Some(sheet) => read_segments(service, version, sheet)?,
            None => Vec::new(),
        };
        let Admitted { device, user, request, own, ready, .. } = &mut admitted;
        ready.push(Frame::Time { at: now, epoch: service.identity.epoch });
        if request.lease || request.enrol.is_some() {
            ready.push(Frame::Lease(lease::lease(service, device, now)));
        }
        let reads = std::mem::take(&mut request.reads);
        ready.extend(phone_read_log::write_reads(service, (device, user), reads, now)?.map(Frame::ReadsKept));
        let entries = segments.iter().map(|segment| segment.entries.len()).sum();
        let reader = Reader::new(service, &user.login, &grants);
        let Pushed { receipts, times } =
            push(service, (&reader, device), (version, request, own), segments, now)?;
        let refused = receipts.iter().map(|receipt| receipt.refused.len()).sum();
        let waits = receipts.iter().any(|receipt| receipt.stopped.is_some());
        let phase = recovery::note(service, (&reader, device), request, &receipts, own)?;
        if request.recovery.is_some() && service.restore().is_some() {
            ready.push(Frame::Recovery(phase));
        }
        let ahead = ahead_of(service, version, own)?;
        ready.extend(times.into_iter().map(Frame::Times));
        ready.extend(receipts.into_iter().chain(ahead).map(Frame::Receipt));
        if !request.asks.is_empty() {
            let rulings = service.store.ask(user.no, &request.asks, now)?;
            ready.extend(rulings.into_iter().map(ruling_frame));
        }
        let counted = Counted { pushed: entries, refused };
        Ok(Self { admitted, grants, territory, counted, waits })
    }

    /// Tells the phone's rights anew where they changed, and plans what the answer pulls.
    pub(super) fn answer(mut self) -> Result<Answer, SyncError> {
        let service = self.admitted.arrived.service;
        let rights_changed = self.tell_rights(service);
        let Self {
            admitted: Admitted { arrived, device, user, request, own, answering, ready, .. },
            grants,
            ..
        } = self;
        // A phone learns of a shortened grant once all that it made before is decided. Entries that wait were made before.
        if !rights_changed && !self.waits && device.told < user.rights_cut {
            service.store.note_told(device.no, user.rights_cut)?;
        }
        let mut pull = Pull::plan(&Reader::new(service, &user.login, &grants), &request, own);
        if rights_changed {
            pull.tell_areas();
        }
        let (budget, piece_bytes) = budget(&request);
        let (territory, counted) = (self.territory, self.counted);
        let told = Told { pull, grants, territory, budget, piece_bytes, asks_again: false, counted };
        Ok(Answer::begin(&arrived, device.no, answering, ready, told))
    }

    /// Adds the user's rights and the schema set where the phone has others. Whether the rights are others: then the areas
    /// that the phone holds are told of as well, since the territory may have changed.
    fn tell_rights(&mut self, service: &Service) -> bool {
        let (request, ready) = (&self.admitted.request, &mut self.admitted.ready);
        let set = GrantSet { grants: self.grants.clone(), territory: self.territory };
        let changed = gridledger_core::receipt::grants_fingerprint(&set) != request.grants;
        if changed {
            ready.push(Frame::Grants(set));
        }
        if request.schema != service.schema.fingerprint() {
            ready.push(Frame::Schema(service.schema.bundle().to_owned()));
        }
        changed
    }
}

/// The bytes that an answer may have, and those that it gathers before it sends a piece. A phone that names a budget gets
/// every frame by itself.
fn budget(request: &Request) -> (usize, usize) {
    match request.budget {
        0 => (usize::MAX, PIECE_BYTES),
        budget => (budget as usize, 1),
    }
}

fn ruling_frame(row: RulingRow) -> Frame {
    Frame::Ruling(Ruling {
        feed: row.feed,
        n: row.n,
        admitted: row.admitted_as.is_some(),
        by: row.by,
        at: row.at,
        note: row.note,
    })
}
