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

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gridledger_core::calendar::DAY_MS;
use gridledger_core::{receipt, recovery};
use gridledger_schema::code::Code;
use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId, ServerEpoch};
use gridledger_schema::wire::{Receipt, Request};

use crate::faults;
use crate::service::running::Service;
use crate::store::rows::people::Device;
use crate::store::rows::restores::Position;
use crate::store::{Store, StoreError};
use crate::sync::request::SyncError;

/// The setting that says so.
pub const SET_BACK: &str = "set_back";
/// Milliseconds for which a node does not ask again whether another has found the store set back.
const KNOWN_MS: i64 = 1_000;
/// Why a node stops that served while the store was restored.
const RESTORED: &str = "the store became another generation while this node served it";

/// How often the position beside the store is written.
const EVERY: Duration = Duration::from_secs(2);

/// What this node knows of it.
pub struct SetBack {
    /// Why the store is held to be set back, and when that was looked up.
    known: Mutex<(Option<String>, i64)>,
    /// Devices that claim more than there is, and have not been answered since, with the time of the claim; of enrolled ones alone.
    claims: Mutex<BTreeMap<DeviceNo, i64>>,
}

impl SetBack {
    /// What the store says of itself.
    pub fn new(store: &Store) -> Result<Self, StoreError> {
        Ok(Self { known: Mutex::new((read(store)?, i64::MIN)), claims: Mutex::default() })
    }

    /// Why the store is held to be set back; `None` if it is not.
    pub fn why(&self, service: &Service) -> Result<Option<String>, StoreError> {
        let now = service.now();
        if let Ok(known) = self.known.lock()
            && is_settled(&known, service, now)
        {
            return Ok(known.0.clone());
        }
        let restored = || -> Result<Option<String>, StoreError> {
            let other = service.store.identity()?.epoch != service.identity.epoch;
            Ok(other.then(|| RESTORED.to_owned()))
        };
        let why = match read(&*service.store)? {
            None => restored()?,
            why => why,
        };
        self.know(why.clone(), now);
        Ok(why)
    }

    /// Why the store is held to be set back, and what to do.
    pub fn advice(&self, service: &Service) -> Result<Option<String>, StoreError> {
        let todo = |why: &str| match why {
            RESTORED => "start this node again",
            _ => "stop the server and run `gridledger admin restore --in-place`",
        };
        Ok(self.why(service)?.map(|why| format!("{why}: {}", todo(&why))))
    }

    /// Whether nothing speaks against the store, without a look at it.
    pub fn is_known_sound(&self, service: &Service) -> bool {
        let known = self.known.try_lock();
        known.is_ok_and(|known| known.0.is_none() && is_settled(&known, service, service.now()))
    }

    /// Fails while the store is held to be set back: nothing is taken then, and nothing is done that cannot be undone.
    pub fn check(&self, service: &Service) -> Result<(), StoreError> {
        match self.why(service)? {
            Some(_) => Err(StoreError::SetBack),
            None => Ok(()),
        }
    }

    /// How many devices claimed more than there is when they came last, within a day.
    pub fn claims(&self, service: &Service) -> usize {
        let since = service.now() - DAY_MS;
        let late = |claims: &BTreeMap<DeviceNo, i64>| claims.values().filter(|at| **at >= since).count();
        self.claims.lock().map_or(0, |claims| late(&claims))
    }

    /// Notes whether a device claims more than there is.
    fn note_claim(&self, service: &Service, device: DeviceNo, claims: bool) {
        if let Ok(mut known) = self.claims.lock() {
            if claims {
                known.insert(device, service.now());
            } else {
                known.remove(&device);
            }
        }
    }

    /// Notes that the store was set back, for this node and every other, also after a restart.
    pub fn note(&self, service: &Service, why: &str, lost: Option<ServerEpoch>) -> Result<(), StoreError> {
        if faults::is_planted("22") {
            return Ok(());
        }
        service.store.note_set_back(why, lost)?;
        self.hold(service, why)
    }

    /// Holds the store to be set back as long as this process runs. The file beside it is looked at again at each start: it may
    /// be another store's, laid there by mistake.
    fn hold(&self, service: &Service, why: &str) -> Result<(), StoreError> {
        self.know(Some(why.to_owned()), service.now());
        self.say(service)
    }

    /// Says in the log that the store was set back, if it was, and what to do.
    pub fn say(&self, service: &Service) -> Result<(), StoreError> {
        if let Some(advice) = self.advice(service)? {
            tracing::error!(
                advice,
                "the store was set back to an older state and takes no edits; phones keep what they hold and bring back what was lost"
            );
        }
        Ok(())
    }

    fn know(&self, why: Option<String>, at: i64) {
        if let Ok(mut known) = self.known.lock() {
            *known = (why, at);
        }
    }
}

/// Whether what is known needs no new look at the store: only another node may have found out since.
fn is_settled(known: &(Option<String>, i64), service: &Service, now: i64) -> bool {
    let fresh = (known.1..known.1.saturating_add(KNOWN_MS)).contains(&now);
    known.0.is_some() || fresh || !service.store.is_shared()
}

fn read(store: &Store) -> Result<Option<String>, StoreError> {
    let why = store.setting(SET_BACK)?;
    Ok(why.map(|why| String::from_utf8_lossy(&why).into_owned()))
}

/// Compares the store with the position kept beside it: one that counts more than is here says that the store was set back.
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
        return service.set_back.hold(service, &why);
    }
    if kept.epoch == here.epoch && (here.entries < kept.entries || here.longest < kept.longest) {
        let why = format!(
            "the position beside the store counts {} entries, and {} are here",
            kept.entries, here.entries
        );
        return service.set_back.hold(service, &why);
    }
    Ok(())
}

/// Writes the position beside the store now and then, in a thread of its own, until it is dropped; once more then.
pub struct Beside {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    /// Begins.
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

/// Writes the position if it is another than the last; what stands there now. A store that was set back writes none: the
/// file is what shows it.
fn put(service: &Service, last: Option<Position>) -> Option<Position> {
    let sound = matches!(service.set_back.why(service), Ok(None));
    match service.store.position() {
        Ok(at) if sound && last != Some(at) => {
            service.store.put_position_beside(at);
            Some(at)
        }
        _ => last,
    }
}

/// Refuses a phone's request, for now, while the store is held to be set back, and when the phone shows that it is.
pub fn look(service: &Service, device: &Device, request: &Request) -> Result<(), SyncError> {
    service.set_back.check(service)?;
    let receipts = request.recovery.iter().flat_map(|brought| &brought.receipts);
    for (epoch, told) in receipts {
        if let Some(why) = contradicts(service, *epoch, told)? {
            let lost = (*epoch != service.identity.epoch).then_some(*epoch);
            service.set_back.note(service, &why, lost)?;
            service.set_back.check(service)?;
        }
    }
    if faults::is_planted("22") {
        return Ok(());
    }
    // Claims alone prove nothing: the phone is asked for its receipts.
    let claims = claim(service, device, request)?;
    service.set_back.note_claim(service, device.no, claims.is_some());
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

/// What a phone claims that is not here; `None` if nothing.
fn claim(service: &Service, device: &Device, request: &Request) -> Result<Option<&'static str>, StoreError> {
    if let Some(epoch) = request.server_epoch
        && is_lost(service, epoch)?
    {
        // An operator who restores in place vouches that it was lost.
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

/// Whether a phone's positions are another generation's. One of a generation that is known here, and not this one, is told to
/// move. One of an unknown generation that has shown its receipts has no more to say.
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

/// Why a receipt of this server's shows that the store was set back; `None` if the store can account for it.
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
