//! The second stage of a sync: the device and its user may come in, and the request's counter is used up.

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use gridledger_core::wire::frames::{self, ReadRequest};
use gridledger_schema::code::Code;
use gridledger_schema::ids::FeedId;
use gridledger_schema::limits;
use gridledger_schema::wire::{Enrol, Frame, Request, Welcome};

use crate::auth::codes;
use crate::service::answers::Answering;
use crate::store::rows::people::{Device, User};
use crate::sync::answer::{Answer, Told};
use crate::sync::arrived::Arrived;
use crate::sync::error::SyncError;
use crate::sync::{recovery, set_back};

/// A request whose device and user may come in.
pub(super) struct Admitted<'a> {
    pub(super) arrived: Arrived<'a>,
    pub(super) device: Device,
    pub(super) user: User,
    pub(super) request: Request,
    /// The segments of the push, not read yet.
    pub(super) segments: Option<&'a [u8]>,
    /// The device's feeds, each with the last entry that the phone says it holds.
    pub(super) own: Vec<(FeedId, u64)>,
    pub(super) answering: Answering,
    /// Frames that the answer begins with.
    pub(super) ready: Vec<Frame>,
}

/// A request goes on, or it is answered already: the store is another generation than the phone's.
pub(super) enum Stage<'a> {
    Current(Box<Admitted<'a>>),
    Restored(Box<Answer>),
}

impl<'a> Admitted<'a> {
    /// Reads the request and lets its device in, enrolling one that asks for it.
    pub(super) fn admit<F: FnOnce(&Device) -> Result<(), Duration>>(
        arrived: Arrived<'a>,
        payload: &'a [u8],
        admit: Option<F>,
    ) -> Result<Self, SyncError> {
        let service = arrived.service;
        let ReadRequest { mut request, segments } = frames::read_request(payload)?;
        request.schema = arrived.envelope.schema;
        let device = match &request.enrol {
            Some(enrol) => enrol_device(&arrived, enrol)?,
            None => arrived.device.clone().ok_or(SyncError::Refused(Code::SignatureInvalid))?,
        };
        if device.revoked {
            return Err(SyncError::Refused(Code::DeviceRevoked));
        }
        let user = service.store.user(device.user)?.filter(|user| !user.revoked);
        let user = user.ok_or(SyncError::Refused(Code::UserRevoked))?;
        if let Some(admit) = admit {
            admit(&device).map_err(SyncError::TooOften)?;
        }
        let counted = service.counters.advance(&service.store, &device, arrived.counter, arrived.now)?;
        counted.map_err(SyncError::Counter)?;
        service.counters.save_some(&service.store, arrived.now)?;
        let ready = request.enrol.is_some().then(|| welcome(&arrived, &device, &user)).into_iter().collect();
        let own = own_feeds(&device, &request);
        let answering = service.answers.answer(device.no);
        Ok(Self { arrived, device, user, request, segments, own, answering, ready })
    }

    /// Compares the phone's generation with the store's. A phone of a former one is told, and asks again.
    pub(super) fn compare_generation(mut self) -> Result<Stage<'a>, SyncError> {
        let service = self.arrived.service;
        set_back::check_claim(service, &self.device, &self.request)?;
        if self.request.server_epoch.is_none_or(|epoch| epoch == service.identity.epoch) {
            return Ok(Stage::Current(Box::new(self)));
        }
        let notice = recovery::sign_restore_notice(service, self.arrived.version, &self.request, &self.own)?;
        self.ready.push(Frame::Restored(notice.ok_or(SyncError::Refused(Code::ServerEpochChanged))?));
        let (device, told) = (self.device.no, Told::nothing());
        let answer = Answer::begin(&self.arrived, device, self.answering, self.ready, told);
        Ok(Stage::Restored(Box::new(answer)))
    }
}

/// Enrols the device whose key and code the request brings.
fn enrol_device(arrived: &Arrived<'_>, enrol: &Enrol) -> Result<Device, SyncError> {
    let key = VerifyingKey::from_bytes(&enrol.public_key);
    if !key.is_ok_and(|key| arrived.envelope.verify(&key)) {
        return Err(SyncError::Refused(Code::SignatureInvalid));
    }
    let hash = codes::hash(&enrol.code).ok_or(SyncError::Refused(Code::CodeInvalid))?;
    let label: String = enrol.label.chars().take(limits::ITEM_CHARS).collect();
    let key = (enrol.public_key, arrived.envelope.suite);
    let device = arrived.service.store.enrol(hash, key, &label, arrived.now)?;
    device.ok_or(SyncError::Refused(Code::CodeInvalid))
}

fn welcome(arrived: &Arrived<'_>, device: &Device, user: &User) -> Frame {
    let service = arrived.service;
    Frame::Welcome(Welcome {
        suite: service.suite_of(arrived.version),
        device: device.no,
        server_epoch: service.identity.epoch,
        server_key: service.receipt_key.verifying_key().to_bytes(),
        user: user.login.clone(),
        name: user.name.clone(),
    })
}

fn own_feeds(device: &Device, request: &Request) -> Vec<(FeedId, u64)> {
    request.own.iter().map(|(ordinal, n)| (FeedId::of_key(&device.public_key, *ordinal), *n)).collect()
}
