//! The first stage of a sync: a request whose signature, rate and turn are good. Nothing of it was unpacked yet.

use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use gridledger_core::wire::WireError;
use gridledger_core::wire::envelope::{Envelope, device_of};
use gridledger_core::wire::squeeze::{self, Packing};
use gridledger_schema::code::Code;
use gridledger_schema::ids::DeviceNo;
use gridledger_schema::limits;

use crate::service::Service;
use crate::service::answers::Opening;
use crate::store::rows::people::Device;
use crate::sync::error::SyncError;

/// The number of a device that has none yet.
const STRANGER: DeviceNo = DeviceNo(0);

/// Whether a request says that an enrolled device signed it; this is looked at before anything is unpacked.
pub fn names_a_device(body: &[u8]) -> bool {
    Envelope::open(body).is_ok_and(|envelope| envelope.device != STRANGER)
}

/// Whether the first bytes of a request say that no known device signed it.
pub fn begins_as_stranger(begins: &[u8]) -> bool {
    device_of(begins) == Some(STRANGER)
}

/// A request that arrived: its envelope was read, and the device that signed it is known, unless it is a stranger's.
pub(super) struct Arrived<'a> {
    pub(super) service: &'a Service,
    pub(super) envelope: Envelope<'a>,
    /// The protocol version that the phone speaks.
    pub(super) version: u8,
    /// The request counter.
    pub(super) counter: u64,
    /// How the answer is packed: as the request was, since the phone can read that.
    pub(super) packing: Packing,
    /// The server's trusted clock, ms since 1970.
    pub(super) now: i64,
    /// The device that signed the request; `None` for a stranger.
    pub(super) device: Option<Device>,
    dictionary: &'a [u8],
    /// Keeps other requests of the device out until this one is answered.
    _opening: Option<Opening>,
}

impl<'a> Arrived<'a> {
    /// Reads the envelope and checks the signature. `admit` is asked about a device that is known; without an answer it is
    /// kept for the device that enrols.
    pub(super) fn check<F: FnOnce(&Device) -> Result<(), Duration>>(
        service: &'a Service,
        body: &'a [u8],
        admit: &mut Option<F>,
    ) -> Result<Self, SyncError> {
        let envelope = Envelope::open(body)?;
        let dictionary = find_dictionary(service, &envelope)?;
        let device = find_signer(service, &envelope)?;
        if let Some(device) = &device {
            service.hear_clock(device, envelope.counter)?;
        }
        // Without a clock nothing is judged, and nothing told: a phone would believe it.
        let now = service.trusted_now()?;
        if let Some(device) = device.as_ref().filter(|device| !device.revoked)
            && let Some(admit) = admit.take()
        {
            admit(device).map_err(SyncError::TooOften)?;
        }
        let opening = match &device {
            Some(device) => Some(service.answers.open(device.no).ok_or(SyncError::Refused(Code::Busy))?),
            None => None,
        };
        let is_known_schema = envelope.schema == service.schema.fingerprint();
        let packing = if is_known_schema { Packing::Dictionary } else { Packing::Zstd };
        let (version, counter) = (envelope.version, envelope.counter);
        Ok(Self { service, envelope, version, counter, packing, now, device, dictionary, _opening: opening })
    }

    /// Unpacks the request. A stranger's is unpacked too, since an enrolling device's key is inside; a small limit of its
    /// own bounds it.
    pub(super) fn unpack(&self) -> Result<Vec<u8>, SyncError> {
        let most = match self.device {
            Some(_) => limits::SYNC_INFLATED_BYTES,
            None => limits::STRANGER_INFLATED_BYTES,
        };
        Ok(squeeze::unpack(self.envelope.packing, self.envelope.payload, self.dictionary, most)?)
    }
}

fn find_dictionary<'a>(service: &'a Service, envelope: &Envelope<'_>) -> Result<&'a [u8], WireError> {
    let is_known = envelope.schema == service.schema.fingerprint();
    if envelope.packing == Packing::Dictionary && !is_known {
        return Err(WireError::Dictionary);
    }
    Ok(service.schema.dictionary())
}

/// Finds the device that signed a request, if it is one with a number.
fn find_signer(service: &Service, envelope: &Envelope<'_>) -> Result<Option<Device>, SyncError> {
    if envelope.device == STRANGER {
        return Ok(None);
    }
    let signed = |device: &Device| {
        let key = VerifyingKey::from_bytes(&device.public_key);
        device.suite == envelope.suite && key.is_ok_and(|key| envelope.verify(&key))
    };
    let device = service.store.device(envelope.device)?.filter(signed);
    if device.is_none() && service.restore().is_some() {
        // The device was enrolled after the backup; its number may have been given again.
        return Err(SyncError::Refused(Code::DeviceUnknown));
    }
    Ok(Some(device.ok_or(SyncError::Refused(Code::SignatureInvalid))?))
}
