//! The sync: one request, one streamed answer. A request passes through stages, each a type of its own, so that none can be
//! left out: `arrived`, `admitted`, `decided`, `answer`.

use std::time::Duration;

use crate::service::Service;
use crate::store::rows::people::Device;
use crate::sync::admitted::{Admitted, Stage};
use crate::sync::answer::Answer;
use crate::sync::arrived::Arrived;
use crate::sync::decided::Decided;
use crate::sync::error::SyncError;

/// Opens a request, enrols if it asks, decides what it pushes; the pull is made while the answer is sent.
pub fn open(service: &Service, body: &[u8]) -> Result<Answer, SyncError> {
    open_for(service, body, |_| Ok(()))
}

/// Opens a request as [`open`] does. `admit` is asked about the device once its signature is checked, before anything is
/// done for it; its error is how long the device must wait.
pub fn open_for(
    service: &Service,
    body: &[u8],
    admit: impl FnOnce(&Device) -> Result<(), Duration>,
) -> Result<Answer, SyncError> {
    let mut admit = Some(admit);
    let arrived = Arrived::check(service, body, &mut admit)?;
    let payload = arrived.unpack()?;
    match Admitted::admit(arrived, &payload, admit)?.compare_generation()? {
        Stage::Restored(answer) => Ok(*answer),
        Stage::Current(admitted) => Decided::decide(*admitted)?.answer(),
    }
}
