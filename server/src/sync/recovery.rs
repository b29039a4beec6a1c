//! After a restore: what phones of a former generation are told, what they may bring back, and when that is over.
//!
//! Phones hold receipts for entries that a restored store has no more, and offer those again. While it *gathers*, the
//! server takes what a receipt proves and nothing new; once every device in use has offered it *settles*: new entries are
//! taken, and what was made on something that is not here waits for it. When nothing waits, or the time is up, it is
//! *over*.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use gridledger_core::{receipt, recovery};
use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{AreaNo, EntryHash, FeedId};
use gridledger_schema::limits;
use gridledger_schema::wire::{Receipt, Recovery, RecoveryPhase, Request, Restored};

use crate::faults;
use crate::rights::reader::Reader;
use crate::service::running::Service;
use crate::store::StoreError;
use crate::store::rows::people::Device;
use crate::store::rows::records::{Again, SignedEntry};
use crate::store::rows::restores::RestoreRow;

/// The last restore of the store, as it was when the service began: a store is restored while nobody serves it.
pub struct Recovering {
    restore: Option<RestoreRow>,
    over: AtomicBool,
    /// The phase when it was asked for last, and when that was.
    known: Mutex<Option<(i64, RecoveryPhase)>>,
    /// The steady clock when this node began.
    began: i64,
    /// How long the store has been served for the recovery, ms, as written down last.
    noted: AtomicI64,
}

/// Milliseconds for which a phase is not asked for again: another node may have moved it on.
const KNOWN_MS: i64 = 1_000;
/// Milliseconds after which the time served is written down again.
const NOTE_MS: i64 = 60_000;

impl Recovering {
    /// What the store says; the node began when its steady clock said `steady`.
    pub fn new(restore: Option<RestoreRow>, steady: i64) -> Self {
        let over = restore.is_none_or(|restore| restore.ended_at.is_some());
        Self {
            restore,
            over: AtomicBool::new(over),
            known: Mutex::default(),
            began: steady,
            noted: AtomicI64::new(restore.map_or(0, |restore| restore.served)),
        }
    }

    /// Whether the operator's window is over: the store was served for so long. No wall clock is asked, since that can jump.
    fn is_time_up(&self, service: &Service, restore: &RestoreRow) -> bool {
        let served = self.served(service, restore);
        if served >= self.noted.load(Ordering::Relaxed) + NOTE_MS {
            self.note_served(service);
        }
        served >= restore.until - restore.at
    }

    /// How long the store was served since it was restored, ms.
    fn served(&self, service: &Service, restore: &RestoreRow) -> i64 {
        restore.served + (service.clock.steady() - self.began)
    }

    /// Writes down how long the store was served for the recovery, while there is one.
    pub fn note_served(&self, service: &Service) {
        let Some(restore) = self.restore.filter(|_| !self.over.load(Ordering::Acquire)) else {
            return;
        };
        let served = self.served(service, &restore);
        match service.store.note_served(served) {
            Ok(()) => _ = self.noted.fetch_max(served, Ordering::Relaxed),
            // It is counted on, and written down the next time.
            Err(error) => tracing::warn!(%error, "the time served is not written down"),
        }
    }

    /// The last restore, if there was one.
    pub fn restore(&self) -> Option<&RestoreRow> {
        self.restore.as_ref()
    }

    /// How far the recovery has come.
    pub fn phase(&self, service: &Service) -> Result<RecoveryPhase, StoreError> {
        let Some(restore) = self.restore.filter(|_| !self.over.load(Ordering::Acquire)) else {
            return Ok(RecoveryPhase::Over);
        };
        let now = service.now();
        let known = self.known.lock().ok().and_then(|known| *known);
        let known = known.filter(|(at, _)| (*at..*at + KNOWN_MS).contains(&now));
        if let Some((_, phase)) = known {
            return Ok(phase);
        }
        let awaited = service.store.awaited()?;
        if !awaited.to_settle.is_empty() && !self.is_time_up(service, &restore) {
            let phase =
                if awaited.to_offer.is_empty() { RecoveryPhase::Settling } else { RecoveryPhase::Gathering };
            self.know(Some((now, phase)));
            return Ok(phase);
        }
        let phase = RecoveryPhase::Settling;
        let Ok(now) = service.trusted_now() else {
            // When it ended could not be said.
            return Ok(phase);
        };
        service.store.end_recovery(now)?;
        self.over.store(true, Ordering::Release);
        tracing::info!(epoch = restore.epoch.0, "the recovery is over");
        Ok(RecoveryPhase::Over)
    }

    fn know(&self, phase: Option<(i64, RecoveryPhase)>) {
        if let Ok(mut known) = self.known.lock() {
            *known = phase;
        }
    }

    /// Whether nothing new is taken now.
    pub fn gathers(&self, service: &Service) -> Result<bool, StoreError> {
        Ok(self.phase(service)? == RecoveryPhase::Gathering)
    }
}

/// The word to a phone of another generation; `None` if this store was never restored.
pub fn notice(
    service: &Service,
    version: u8,
    request: &Request,
    own: &[(FeedId, u64)],
) -> Result<Option<Restored>, StoreError> {
    let (Some(restore), Some(former)) = (service.recovering.restore(), request.server_epoch) else {
        return Ok(None);
    };
    let known = own.iter().map(|(feed, held)| {
        let (n, _) = service.store.feed_head(*feed)?;
        Ok((*feed, n.min(*held)))
    });
    let mut notice = Restored {
        suite: service.suite_of(version),
        former,
        epoch: service.identity.epoch,
        at: restore.at,
        known: known.collect::<Result<_, StoreError>>()?,
        signature: [0; 64],
    };
    recovery::sign(&service.receipt_key, &mut notice);
    Ok(Some(notice))
}

/// What is known of a segment's entries from before the restore. `emptied` are those whose hash its author claims.
pub fn again(
    service: &Service,
    phase: RecoveryPhase,
    brought: &Recovery,
    (feed, emptied): (FeedId, &BTreeSet<u64>),
    entries: &[SignedEntry],
) -> Result<Again, StoreError> {
    let mut again = Again {
        phase,
        stored: BTreeSet::new(),
        refused: BTreeMap::new(),
        emptied: emptied.clone(),
        bound: BTreeSet::new(),
        seen: BTreeMap::new(),
    };
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Ok(again);
    };
    let (first, last) = (first.entry.n, last.entry.n);
    let key = service.receipt_key.verifying_key();
    let unbound = if faults::is_planted("07") { &BTreeSet::new() } else { emptied };
    let of_feed = brought.receipts.iter().filter(|(_, receipt)| receipt.feed == feed);
    for (epoch, told) in of_feed.filter(|(_, told)| told.n >= first && told.n <= last) {
        let chained = entries[(told.n - first) as usize].hash == told.hash;
        if chained && receipt::verify(&key, *epoch, told) {
            let proven = receipt::proven(told, unbound);
            let refusals = refusals(told).filter(|(n, _)| proven.contains(n));
            let refused: BTreeMap<_, _> = refusals.collect();
            let covered = (*proven.start()).max(first)..=told.n;
            again.stored.extend(covered.filter(|n| !refused.contains_key(n)));
            again.refused.extend(refused);
            again.bound.insert(told.n);
        }
    }
    // Of two receipts the one that refused stands.
    again.stored.retain(|n| !again.refused.contains_key(n));
    let former = service.recovering.restore().map_or(0, |restore| restore.first);
    let mut longest = None;
    for seen in brought.seen.iter().filter(|seen| seen.feed == feed) {
        let Some(signed) = seen.n.checked_sub(first).and_then(|at| entries.get(at as usize)) else {
            continue;
        };
        if signed.entry.cursor >= former {
            let longest = match longest {
                Some(longest) => longest,
                None => *longest.insert(longest_log(service)?),
            };
            // A generation that began under a clock ahead, and was lost, had positions above all that are here.
            if signed.entry.cursor <= longest {
                continue;
            }
        }
        again.seen.insert(seen.n, seen.clock.clone());
    }
    Ok(again)
}

/// The last position of the longest log.
fn longest_log(service: &Service) -> Result<u64, StoreError> {
    let areas: Vec<AreaNo> = service.tree().iter().map(|area| area.no).collect();
    Ok(service.store.heads(&areas)?.into_values().max().unwrap_or(0))
}

/// A receipt's refusals. Only number and code are signed: of the words no more than a sentence is taken.
fn refusals(told: &Receipt) -> impl Iterator<Item = (u64, Refusal)> + '_ {
    told.refused.iter().map(|(n, refusal)| {
        let mut refusal = refusal.clone();
        if refusal.rule.chars().count() > limits::REASON_CHARS {
            refusal.rule.clear();
        }
        refusal.field = refusal.field.filter(|field| field.chars().count() <= limits::FIELD_NAME_CHARS);
        (*n, refusal)
    })
}

/// The entries of a feed that lost what they said, with their hashes.
pub fn emptied(brought: &Recovery, feed: FeedId) -> impl Iterator<Item = (u64, EntryHash)> + '_ {
    let of_feed = brought.emptied.iter().filter(move |(of, ..)| *of == feed);
    of_feed.map(|(_, n, hash)| (*n, *hash))
}

/// Notes what a request of this generation says of the recovery; the phase after it.
pub fn note(
    service: &Service,
    (reader, device): (&Reader<'_>, &Device),
    request: &Request,
    receipts: &[Receipt],
    own: &[(FeedId, u64)],
) -> Result<RecoveryPhase, StoreError> {
    let brought = request.recovery.as_ref();
    let mut phase = service.recovering.phase(service)?;
    if phase != RecoveryPhase::Over && brought.is_none_or(|brought| brought.left == 0) {
        let mut settled = receipts.iter().all(|receipt| receipt.stopped.is_none());
        for (feed, held) in own {
            settled = settled && service.store.feed_head(*feed)?.0 >= *held;
        }
        if service.store.note_offered(device.no, settled)? {
            service.recovering.know(None);
            phase = service.recovering.phase(service)?;
        }
    }
    let missing = brought.map_or(&[][..], |brought| &brought.missing);
    let told: Vec<_> =
        missing.iter().filter(|one| reader.reach(one.area).reads(one.facet)).copied().collect();
    if !told.is_empty() && service.recovering.restore().is_some() {
        service.store.note_missing(device.no, &told, service.now())?;
    }
    Ok(phase)
}
