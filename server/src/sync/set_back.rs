//! A store that was set back: it holds less than it once confirmed, and nobody has said so. A virtual machine's snapshot
//! does that, a file copied back by hand, a database that fails over to a server that lags behind.
//!
//! Two things prove it: a receipt that this store has signed and cannot account for, which a phone brings; and the position
//! beside the store's file (`store/sqlite/position.rs`). What is proven is kept in the store. From then on it takes nothing and
//! tells nothing, until `admin restore --in-place` makes it another generation, in which phones offer again what was lost.
//!
//! Three things are claims of phones: a cursor beyond an area's log; a mark that the log does not have at a cursor
//! (`store/tables/marks.rs`); a later generation than any known here. Such a phone is asked for its receipts, is told nothing,
//! and waits; the log, `/readyz` and the metrics say how many phones do.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use gridledger_core::{receipt, recovery};
use gridledger_schema::code::Code;
use gridledger_schema::ids::{AreaNo, FeedId, ServerEpoch};
use gridledger_schema::wire::{Receipt, Request};

use crate::faults;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::Device;
use crate::store::rows::restores::Position;
use crate::sync::error::SyncError;

/// The interval between writes of the position beside the store.
const EVERY: Duration = Duration::from_secs(2);

/// Compares the store with the position kept beside it. If the position counts more than the store holds, the store was
/// set back.
pub fn look_beside(service: &Service) -> Result<(), StoreError> {
    let Some(kept) = service.store.position_beside() else {
        return Ok(());
    };
    let here = service.store.position()?;
    if !service.store.epochs()?.contains(&kept.epoch) {
        let why = format!(
            "the position beside the store is of generation {}, which is not known here",
            kept.epoch.0
        );
        return service.hold_set_back(&why);
    }
    if kept.epoch == here.epoch && (here.entries < kept.entries || here.longest < kept.longest) {
        let why = format!(
            "the position beside the store counts {} entries, and {} are here",
            kept.entries, here.entries
        );
        return service.hold_set_back(&why);
    }
    Ok(())
}

/// Writes the position beside the store at intervals, in a thread of its own, until it is dropped, and once more then.
pub struct Beside {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    /// Starts the thread.
    pub fn start(service: Arc<Service>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(0);
        let thread = std::thread::Builder::new().name("position".into()).spawn(move || {
            let mut last = None;
            loop {
                let waits = stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout);
                last = put(&service, last);
                if !waits {
                    return;
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes the position if it differs from the last, and returns the written one. A store that was set back writes none:
/// the file is the evidence.
fn put(service: &Service, last: Option<Position>) -> Option<Position> {
    let sound = matches!(service.why_set_back(), Ok(None));
    match service.store.position() {
        Ok(at) if sound && last != Some(at) => {
            service.store.put_position_beside(at);
            Some(at)
        }
        _ => last,
    }
}

/// Refuses a phone's request for now while the store is held to be set back, or when the phone's claim proves it.
pub fn check_claim(service: &Service, device: &Device, request: &Request) -> Result<(), SyncError> {
    service.check_sound()?;
    let receipts = request.recovery.iter().flat_map(|brought| &brought.receipts);
    for (epoch, told) in receipts {
        if let Some(why) = contradicts(service, *epoch, told)? {
            let lost = (*epoch != service.identity.epoch).then_some(*epoch);
            service.note_set_back(&why, lost)?;
            service.check_sound()?;
        }
    }
    if faults::is_planted("22") {
        return Ok(());
    }
    // Claims alone prove nothing: the phone is asked for its receipts.
    let claims = find_claim(service, device, request)?;
    service.note_claim(device.no, claims.is_some());
    let Some(claims) = claims else {
        return Ok(());
    };
    tracing::warn!(
        device = device.no.0,
        claims,
        "a phone holds what is not here, and waits: if the store was set back, run `gridledger admin restore --in-place`"
    );
    Err(SyncError::Refused(Code::ServerBehind))
}

/// The claim of a phone that this store does not hold; `None` if there is none.
fn find_claim(
    service: &Service,
    device: &Device,
    request: &Request,
) -> Result<Option<&'static str>, StoreError> {
    if let Some(epoch) = request.server_epoch
        && is_lost(service, epoch)?
    {
        // An operator who restores in place confirms that it was lost.
        service.store.note_claimed(device.no, epoch)?;
        return Ok(Some("a generation that is not known here"));
    }
    if is_of_another(service, request)? {
        return Ok(None);
    }
    if is_beyond(service, request)? {
        return Ok(Some("more of an area's log than there is"));
    }
    Ok((!are_marked(service, request)?).then_some("another log of an area"))
}

/// Whether a phone's positions are of another generation. A phone of a known generation that is not this one gets a
/// restore notice. A phone of an unknown generation that has shown its receipts has no more to say.
fn is_of_another(service: &Service, request: &Request) -> Result<bool, StoreError> {
    let other = request.server_epoch.filter(|epoch| *epoch != service.identity.epoch);
    Ok(match other {
        Some(epoch) => request.recovery.is_some() || service.store.epochs()?.contains(&epoch),
        None => false,
    })
}

/// Whether the phone holds more of some area's log than there is.
fn is_beyond(service: &Service, request: &Request) -> Result<bool, StoreError> {
    if request.cursors.is_empty() {
        return Ok(false);
    }
    let areas: Vec<AreaNo> = request.cursors.iter().map(|cursor| cursor.area).collect();
    let heads = service.store.heads(&areas)?;
    Ok(request.cursors.iter().any(|cursor| {
        let head = heads.get(&cursor.area);
        head.is_some_and(|head| cursor.reached > *head || cursor.floor > *head)
    }))
}

/// Whether the logs have the marks that the phone shows.
fn are_marked(service: &Service, request: &Request) -> Result<bool, StoreError> {
    let shown: Vec<(AreaNo, u64, u16)> = request
        .cursors
        .iter()
        .zip(&request.marks)
        .filter(|(cursor, mark)| **mark != 0 && cursor.floor == cursor.reached)
        .map(|(cursor, mark)| (cursor.area, cursor.reached, *mark))
        .collect();
    Ok(shown.is_empty() || service.store.are_marked(&shown)?)
}

/// The reason why a receipt of this server proves that the store was set back; `None` if the store can account for it.
fn contradicts(service: &Service, epoch: ServerEpoch, told: &Receipt) -> Result<Option<String>, StoreError> {
    if told.n == 0 || !receipt::verify(&service.receipt_key.verifying_key(), epoch, told) {
        return Ok(None);
    }
    let (feed, n) = (told.feed, told.n);
    if epoch != service.identity.epoch {
        let lost = is_lost(service, epoch)?;
        return Ok(lost.then(|| format!("a receipt of generation {}, which is not known here", epoch.0)));
    }
    Ok(match held(service, feed, n)? {
        Some(hash) if hash == told.hash.0 => None,
        Some(_) => Some(format!("entry {n} of feed {feed} was confirmed, and another is here")),
        None => Some(format!("entry {n} of feed {feed} was confirmed, and is not here")),
    })
}

/// Whether a generation is not known here and cannot have ended before the last that is.
fn is_lost(service: &Service, epoch: ServerEpoch) -> Result<bool, StoreError> {
    Ok(epoch != service.identity.epoch
        && is_later(service, epoch)?
        && !service.store.epochs()?.contains(&epoch))
}

/// Whether a generation began after the last one that is known here. One that began before it may have been lost with an
/// older backup, and that is known. Generations of before protocol 2 do not tell when they began.
fn is_later(service: &Service, epoch: ServerEpoch) -> Result<bool, StoreError> {
    let began = recovery::began(epoch, service.now());
    let last = service.store.restored()?.map_or(0, |restore| restore.at / 1_000);
    Ok(began.is_some_and(|began| began > last))
}

fn held(service: &Service, feed: FeedId, n: u64) -> Result<Option<[u8; 32]>, StoreError> {
    Ok(service.store.entry_hash(feed, n)?.map(|hash| hash.0))
}
